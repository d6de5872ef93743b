"""One process under test: started on its core, sampled from outside, and stopped by its id.

Invariants: every wait has a timeout. The error for a process that ends or hangs includes the end of
its log. Its output goes to files, so that no pipe fills up.
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
    """A process under test ended too early or hung; the message includes the end of its log."""


class Sample(NamedTuple):
    """A sample of a process: the time, and the CPU time of all its threads."""

    at_s: float
    cpu_s: float


class Child:
    """A process during a `with` block."""

    def __init__(
        self, command: Sequence[str], folder: Path, environment: Mapping[str, str]
    ) -> None:
        self._command = list(command)
        self._folder = folder
        self._environment = {**os.environ, **environment}
        self._process: subprocess.Popen[bytes] | None = None
        self.started_s = 0.0
        """`time.perf_counter` immediately before the start."""

    def start(self, cores: Cores) -> Self:
        """Start it on the core under test."""
        with self._file("out").open("wb") as out, self._file("log").open("wb") as log:
            self.started_s = time.perf_counter()
            self._process = process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
                env=self._environment,
                cwd=self._folder,
            )
            with contextlib.suppress(ProcessLookupError):
                cores.pin_to_tested_core(process.pid)
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """SIGTERM, then SIGKILL if it does not end."""
        process = self._process
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(_END_S)

    def sample(self) -> Sample:
        """Its time and CPU time; ProcessLookupError if it has ended."""
        at_s = time.perf_counter()
        try:
            stat = Path(f"/proc/{self._running.pid}/stat").read_text()
        except OSError as error:
            raise ProcessLookupError(self._running.pid) from error
        user, system = stat.rpartition(")")[2].split()[11:13]
        return Sample(at_s, (int(user) + int(system)) / _TICKS)

    def peak_mb(self) -> float:
        """Its peak memory so far, in megabytes."""
        for line in Path(f"/proc/{self._running.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
        return 0.0

    def wait_for(self, event: threading.Event, what: str, limit_s: float = LIMIT_S) -> None:
        """Wait for an event; Failed if the process ends first or the timeout expires."""
        self._wait(lambda: event.wait(0.1), what, limit_s)

    def wait_for_end(self, limit_s: float = LIMIT_S) -> str:
        """Wait until it exits, and return its standard output."""
        try:
            code = self._running.wait(limit_s)
        except subprocess.TimeoutExpired:
            raise self._failed(f"did not end within {limit_s:.0f} s") from None
        if code:
            raise self._failed(f"ended with code {code}")
        return self._file("out").read_text()

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "the process is not started"
        return self._process

    def _wait(self, condition: Callable[[], bool], what: str, limit_s: float) -> None:
        until_s = time.monotonic() + limit_s
        while not condition():
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
