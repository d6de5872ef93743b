"""The bridge and the FullStory stand-in as processes of their own, as an operator runs them.

Invariants: what a process says goes into files, so that no pipe fills up; leaving the block kills
what still runs; a process that ended too early is told with the end of its log.
"""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bridge.sandbox.fullstory.ledger import Accepted, read_ledger
from tests.services.java import wait_until
from tests.services.kafka_admin import KafkaAdmin

KEY = "na1.sandbox-key"
COMMAND = Path(sys.executable).with_name("fullstory-bridge")
_END_S = 30.0


class FullStoryProcess:
    """The stand-in as a process; `accepted` is read from its ledger file."""

    def __init__(self, folder: Path) -> None:
        self._ledger = folder / "ledger"
        self.url = self._control = ""

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "bridge.sandbox.fullstory", "--key", KEY]
        self._process = subprocess.Popen(
            [*command, "--ledger", str(self._ledger)], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        told = json.loads(self._process.stdout.readline())
        self.url, self._control = told["url"], told["control"]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.communicate(timeout=_END_S)

    def turn(self, **knobs: Any) -> None:
        """Make it misbehave: the knobs of the stand-in's control endpoint."""
        body = json.dumps(knobs).encode()
        request = urllib.request.Request(f"{self._control}/knobs", body, method="POST")  # noqa: S310
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
            assert answer.status == 200

    def counts(self) -> dict[str, Any]:
        """The stand-in's own counts: answers by status, probes and others."""
        with urllib.request.urlopen(f"{self._control}/counts", timeout=5) as answer:  # noqa: S310
            counts: dict[str, Any] = json.load(answer)
        return counts

    @property
    def accepted(self) -> list[Accepted]:
        """Every event that was applied so far, in order."""
        return read_ledger(self._ledger)


class BridgeProcess:
    """`fullstory-bridge run --config FILE`, and flags, for the length of a `with` block."""

    def __init__(
        self,
        config: Path,
        environment: Mapping[str, str] | None = None,
        command: Sequence[str | Path] = (COMMAND,),
        *,
        flags: Sequence[str] = (),
    ) -> None:
        self._command = [*command, "run", "--config", config, *flags]
        self._environment = {**os.environ, **(environment or {})}
        self._log = config.with_suffix(".log")

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command,
                stdout=log,
                stderr=log,
                env=self._environment,
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait(_END_S)

    @property
    def lines(self) -> list[dict[str, Any]]:
        """What it has logged so far; a line half written is left out."""
        return [json.loads(line) for line in self._log.read_bytes().split(b"\n")[:-1]]

    @property
    def pid(self) -> int:
        """The id of its process."""
        return self._process.pid

    @property
    def text(self) -> str:
        """All that it wrote, what is no log line too."""
        return self._log.read_text(encoding="utf-8")

    def has_logged(self, event: str) -> bool:
        """Whether its log tells of such an event."""
        return any(line["event"] == event for line in self.lines)

    @property
    def status_url(self) -> str:
        """Where its status is told, as its log says; empty until then."""
        said = (str(line["event"]).partition("status server listens at ") for line in self.lines)
        return next((url.removesuffix("/status") for _, found, url in said if found), "")

    @property
    def assigned(self) -> set[str]:
        """The partitions that are its own now, `topic/partition` each, as its log tells."""
        own: set[str] = set()
        for line in self.lines:
            if line["event"] == "assigned":
                own.update(line["partitions"])
            elif line["event"] in ("revoked", "lost"):
                own.difference_update(line["partitions"])
        return own

    def wait_until_assigned(self, partitions: Sequence[str], timeout_s: float = 20) -> None:
        """Wait until its log says that all of these partitions are its own."""
        self.wait_until(
            lambda: set(partitions) <= self.assigned, "the partitions assigned", timeout_s
        )

    def wait_until_assigned_any(self) -> None:
        """Wait until its log says that a partition is its own."""
        self.wait_until(lambda: bool(self.assigned), "a partition assigned")

    def wait_until_logged(self, event: str, timeout_s: float = 30, **said: str) -> None:
        """Wait for a line of its log."""
        wanted = {"event": event, **said}.items()
        self.wait_until(
            lambda: any(
                wanted <= {k: str(v) for k, v in line.items()}.items() for line in self.lines
            ),
            f"the log to say {event}",
            timeout_s,
        )

    def wait_until_committed(
        self, kafka: KafkaAdmin, group: str, topics: Sequence[str], timeout_s: float = 60
    ) -> None:
        """Wait until the group's offsets are the end of every partition."""
        self.wait_until(
            lambda: is_committed(kafka, group, topics), "everything committed", timeout_s
        )

    def kill(self) -> None:
        """SIGKILL: it has no chance to say goodbye."""
        self._process.kill()
        self._process.wait(_END_S)

    def terminate(self) -> None:
        """SIGTERM; `wait` tells how it ended."""
        self._process.send_signal(signal.SIGTERM)

    def wait(self) -> int:
        """The code with which it ends."""
        return self._process.wait(_END_S)

    def stop(self) -> int:
        """SIGTERM, and the code with which it ends."""
        self.terminate()
        return self.wait()

    def wait_until(self, true: Callable[[], bool], what: str, timeout_s: float = 20) -> None:
        """Wait for something, unless the bridge ends before it."""

        def true_or_dead() -> bool:
            assert self._process.poll() is None, f"the bridge ended: {self._tail()}"
            return true()

        try:
            wait_until(true_or_dead, what, timeout_s)
        except TimeoutError as error:
            raise AssertionError(f"{error}; the bridge's log: {self._tail()}") from error

    def _tail(self) -> str:
        return self.text[-2000:]


def ends(kafka: KafkaAdmin, topics: Sequence[str]) -> dict[tuple[str, int], int]:
    """Topic and partition to the end of its log."""
    return {
        (topic, partition): end
        for topic in topics
        for partition, end in kafka.end_offsets(topic).items()
    }


def committed(kafka: KafkaAdmin, group: str, topics: Sequence[str]) -> dict[tuple[str, int], int]:
    """Topic and partition to the group's committed offset."""
    return {
        (topic, partition): told.offset
        for topic in topics
        for partition, told in kafka.committed(group, topic).items()
    }


def is_committed(kafka: KafkaAdmin, group: str, topics: Sequence[str]) -> bool:
    """Whether the group has committed the end of every partition."""
    return committed(kafka, group, topics) == ends(kafka, topics)


def write_settings(folder: Path, settings: Mapping[str, Any]) -> Path:
    """Write a settings file (JSON is YAML); returns where. Its status is off, unless it is set."""
    file = folder / "bridge.yaml"
    quiet = {"status": {"listen": None}}
    file.write_text(json.dumps(quiet | dict(settings)), encoding="utf-8")
    return file
