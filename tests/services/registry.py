"""A real Schema Registry: Apicurio, which supports Confluent's API, with schemas in memory.

Invariants: it restarts on the same port and is empty then, because it stores schemas in memory.
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
    """One registry that tests kill and restart; `home` is the unpacked archive."""

    def __init__(self, home: Path) -> None:
        self._port = Port()
        self._root = run_root()
        folder = self._root / "apicurio"
        folder.mkdir()
        environ = {
            "QUARKUS_HTTP_HOST": "127.0.0.1",
            "QUARKUS_HTTP_PORT": str(self._port.number),
            # The management port is 9000 by default, which conflicts between two registries.
            "QUARKUS_MANAGEMENT_HOST": "127.0.0.1",
            "QUARKUS_MANAGEMENT_PORT": "0",
        }
        temp = f"-Djava.io.tmpdir={folder}"
        self.process = JavaProcess(
            "apicurio registry", java(temp, "-jar", str(home / _RUNNER)), folder, environ
        )

    @property
    def url(self) -> str:
        """The base URL of Confluent's API, version 7."""
        return f"http://127.0.0.1:{self._port.number}/apis/ccompat/v7"

    @property
    def running(self) -> bool:
        """Whether its process exists, which includes frozen ones."""
        return self.process.running

    @property
    def pid(self) -> int:
        """The id of its Java process."""
        return self.process.pid

    def start(self) -> Self:
        """Start or restart it, and wait until it responds."""
        try:
            self.process.start()
            self.process.wait_ready(self._responds, _READY_S)
        except BaseException:
            self.stop()
            raise
        return self

    def kill(self) -> None:
        """SIGKILL, and wait until it has ended. Registered schemas are lost."""
        self.process.kill()

    def freeze(self) -> None:
        """SIGSTOP: connections stay open, and it does not respond."""
        self.process.freeze()

    def thaw(self) -> None:
        """SIGCONT: it resumes."""
        self.process.thaw()

    def stop(self) -> None:
        """Kill it and remove its files; it cannot be started again."""
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

    def _responds(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/subjects", timeout=2) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False
