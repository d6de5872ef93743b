"""Progress lines on standard error."""

import sys
import time

_BEGUN_S = time.monotonic()


def say(line: str) -> None:
    """Print a line with the time since the start."""
    minutes, seconds = divmod(int(time.monotonic() - _BEGUN_S), 60)
    sys.stderr.write(f"{minutes:3}:{seconds:02}  {line}\n")
    sys.stderr.flush()
