"""The demo as a user runs it: in its own process, without other services."""

import re
import signal
import subprocess
import time
from pathlib import Path

from tests.integration.running import COMMAND

TOTALS = re.compile(r"(\d+) produced = (\d+) sent \+ (\d+) filtered \+ (\d+) dead-lettered, 0 lost")


def _demo(folder: Path) -> subprocess.Popen[str]:
    # In another folder, and without variables that could name a Kafka cluster.
    return subprocess.Popen(
        [COMMAND, "demo"],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _ended(demo: subprocess.Popen[str], timeout_s: float) -> tuple[int, ...]:
    """The numbers on the last line, after a successful end without stderr output."""
    try:
        out, err = demo.communicate(timeout=timeout_s)
    finally:
        demo.kill()
    assert demo.returncode == 0, out + err
    assert "Traceback" not in out + err
    assert err == ""
    totals = TOTALS.fullmatch(out.splitlines()[-1])
    assert totals is not None, out
    produced, *parts = numbers = tuple(map(int, totals.groups()))
    assert produced == sum(parts)
    return numbers


def test_the_demo_has_every_outcome_and_ends_by_itself(tmp_path: Path) -> None:
    """In under 40 seconds, with consistent totals, and without leaving files."""
    started_s = time.monotonic()
    produced, sent, filtered, dead = _ended(_demo(tmp_path), timeout_s=40)
    assert produced >= 1_000
    assert sent >= 100
    assert filtered >= 100
    assert dead >= 1
    assert list(tmp_path.iterdir()) == []
    print(f"\nthe demo took {time.monotonic() - started_s:.1f} s")  # noqa: T201  (for `pytest -s`)


def test_ctrl_c_drains_the_demo_and_the_totals_are_consistent(tmp_path: Path) -> None:
    """Events in flight arrive; only records that Kafka acknowledged are counted."""
    demo = _demo(tmp_path)
    time.sleep(5)
    demo.send_signal(signal.SIGINT)
    started_s = time.monotonic()
    produced, *_ = _ended(demo, timeout_s=20)
    assert 50 <= produced < 1_000
    assert time.monotonic() - started_s < 15
