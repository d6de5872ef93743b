"""A real Schema Registry: Apicurio, which speaks Confluent's API; its schemas live in memory.

Law: it comes back on the same port, and empty, since the store is its memory.
"""

import contextlib
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.services.java import JavaProcess, java, run_root
from tests.services.ports import Port

_READY_S = 60
_RUNNER = "quarkus-run.jar"


class ApicurioRegistry:
    """One registry, to be killed and started again; `home` is the unpacked archive."""

    def __init__(self, home: Path) -> None:
        self._port = Port()
        self._root = run_root()
        folder = self._root / "apicurio"
        folder.mkdir()
        environ = {
            "QUARKUS_HTTP_HOST": "127.0.0.1",
            "QUARKUS_HTTP_PORT": str(self._port.number),
            # Its management port is 9000 by default, and two registries would want it.
            "QUARKUS_MANAGEMENT_HOST": "127.0.0.1",
            "QUARKUS_MANAGEMENT_PORT": "0",
        }
        temp = f"-Djava.io.tmpdir={folder}"
        self.process = JavaProcess(
            "apicurio registry", java(temp, "-jar", str(home / _RUNNER)), folder, environ
        )

    @property
    def url(self) -> str:
        """The base of Confluent's API, version 7."""
        return f"http://127.0.0.1:{self._port.number}/apis/ccompat/v7"

    @property
    def running(self) -> bool:
        """Whether its process exists (a frozen one does)."""
        return self.process.running

    @property
    def pid(self) -> int:
        """The id of its Java process."""
        return self.process.pid

    def start(self) -> Self:
        """Start it, for the first time or again; waits until it answers."""
        try:
            self.process.start()
            self.process.wait_ready(self._answers, _READY_S)
        except BaseException:
            self.stop()
            raise
        return self

    def kill(self) -> None:
        """SIGKILL; returns when it is gone. What was registered is gone, too."""
        self.process.kill()

    def freeze(self) -> None:
        """SIGSTOP: connections stay open, nothing is answered."""
        self.process.freeze()

    def thaw(self) -> None:
        """SIGCONT: it goes on where it was."""
        self.process.thaw()

    def stop(self) -> None:
        """Kill it and remove what it wrote; it cannot be started again."""
        self.process.discard()
        self._port.release()
        with contextlib.suppress(OSError):
            self._root.rmdir()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/subjects", timeout=2) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False
