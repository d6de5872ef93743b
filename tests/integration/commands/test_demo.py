"""The demo as a person runs it: a process of its own, and nothing else on the machine."""

import re
import signal
import subprocess
import time
from pathlib import Path

from tests.integration.running import COMMAND

SUM = re.compile(r"(\d+) produced = (\d+) sent \+ (\d+) filtered \+ (\d+) dead-lettered, 0 lost")


def _demo(folder: Path) -> subprocess.Popen[str]:
    # Away from this folder, and with nothing of the environment that could lead to a Kafka.
    return subprocess.Popen(
        [COMMAND, "demo"],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _ended(demo: subprocess.Popen[str], timeout_s: float) -> tuple[int, ...]:
    """The numbers of the last line, when it has ended well and quietly."""
    try:
        out, err = demo.communicate(timeout=timeout_s)
    finally:
        demo.kill()
    assert demo.returncode == 0, out + err
    assert "Traceback" not in out + err
    assert err == ""
    told = SUM.fullmatch(out.splitlines()[-1])
    assert told is not None, out
    produced, *parts = numbers = tuple(map(int, told.groups()))
    assert produced == sum(parts)
    return numbers


def test_the_demo_shows_every_kind_of_end_and_finishes_by_itself(tmp_path: Path) -> None:
    """In less than 40 seconds, with a sum that holds, and no file left behind."""
    begun_s = time.monotonic()
    produced, sent, filtered, dead = _ended(_demo(tmp_path), timeout_s=40)
    assert produced >= 1_000
    assert sent >= 100
    assert filtered >= 100
    assert dead >= 1
    assert list(tmp_path.iterdir()) == []
    print(f"\nthe demo took {time.monotonic() - begun_s:.1f} s")  # noqa: T201  (for `pytest -s`)


def test_ctrl_c_ends_the_demo_in_order_and_the_sum_holds(tmp_path: Path) -> None:
    """What was under way arrives; nothing is counted that Kafka did not acknowledge."""
    demo = _demo(tmp_path)
    time.sleep(5)
    demo.send_signal(signal.SIGINT)
    begun_s = time.monotonic()
    produced, *_ = _ended(demo, timeout_s=20)
    assert 50 <= produced < 1_000
    assert time.monotonic() - begun_s < 15
