"""One process under test: started on its core, looked at from outside, stopped by its own id.

Invariants: nothing is waited for without a limit; one that ends or hangs is told with the end of
what it wrote; what it writes goes into files, so that no pipe fills up.
"""

import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Self

from tests.bench.machine import Cores

LIMIT_S = 180.0
_END_S = 15.0
_TAIL = 3_000
_TICKS = os.sysconf("SC_CLK_TCK")


class Failed(Exception):
    """A process under test ended too early, or hung; the message holds the end of its log."""


class Look(NamedTuple):
    """A moment of a process: the clock, and the CPU time that all its threads have had."""

    at_s: float
    cpu_s: float


class Child:
    """A process for the length of a `with` block."""

    def __init__(
        self, command: Sequence[str], folder: Path, environment: Mapping[str, str]
    ) -> None:
        self._command = list(command)
        self._folder = folder
        self._environment = {**os.environ, **environment}
        self._process: subprocess.Popen[bytes] | None = None
        self.begun_s = 0.0
        """`time.perf_counter` right before it was started."""

    def start(self, cores: Cores) -> Self:
        """Start it on the core under test."""
        with self._file("out").open("wb") as out, self._file("log").open("wb") as log:
            self.begun_s = time.perf_counter()
            self._process = process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
                env=self._environment,
                cwd=self._folder,
            )
            with contextlib.suppress(ProcessLookupError):
                cores.give_the_first(process.pid)
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """SIGTERM, and SIGKILL where that does not help."""
        process = self._process
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(_END_S)

    def look(self) -> Look:
        """How far it is; ProcessLookupError when it is gone."""
        at_s = time.perf_counter()
        try:
            stat = Path(f"/proc/{self._running.pid}/stat").read_text()
        except OSError as error:
            raise ProcessLookupError(self._running.pid) from error
        user, system = stat.rpartition(")")[2].split()[11:13]
        return Look(at_s, (int(user) + int(system)) / _TICKS)

    def peak_mb(self) -> float:
        """The most memory it has had so far, in megabytes."""
        for line in Path(f"/proc/{self._running.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
        return 0.0

    def wait_for(self, event: threading.Event, what: str, limit_s: float = LIMIT_S) -> None:
        """Wait for what the process brings about; Failed when it ends or takes too long."""
        self._wait(lambda: event.wait(0.1), what, limit_s)

    def wait_for_end(self, limit_s: float = LIMIT_S) -> str:
        """Wait until it has ended by itself; what it wrote to standard output."""
        try:
            code = self._running.wait(limit_s)
        except subprocess.TimeoutExpired:
            raise self._failed(f"has not ended within {limit_s:.0f} s") from None
        if code:
            raise self._failed(f"ended with code {code}")
        return self._file("out").read_text()

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "it has not been started"
        return self._process

    def _wait(self, true: Callable[[], bool], what: str, limit_s: float) -> None:
        until_s = time.monotonic() + limit_s
        while not true():
            code = self._running.poll()
            if code is not None:
                raise self._failed(f"ended with code {code} before {what}")
            if time.monotonic() > until_s:
                raise self._failed(f"hangs: not within {limit_s:.0f} s: {what}")

    def _failed(self, what: str) -> Failed:
        tail = self._file("log").read_text(errors="replace")[-_TAIL:]
        return Failed(f"{Path(self._command[0]).name} {what}; the end of its log:\n{tail}")

    def _file(self, kind: str) -> Path:
        return self._folder / f"child.{kind}"
