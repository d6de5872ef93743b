"""The bridge and the FullStory stand-in as separate processes, as an operator runs them.

Invariants: output goes to files, so that no pipe fills up. Leaving the block kills running
processes. The error for a process that ended too early includes the end of its log.
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
        started = json.loads(self._process.stdout.readline())
        self.url, self._control = started["url"], started["control"]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.communicate(timeout=_END_S)

    def configure(self, **knobs: Any) -> None:
        """Inject faults: the knobs of the stand-in's control endpoint."""
        body = json.dumps(knobs).encode()
        request = urllib.request.Request(f"{self._control}/knobs", body, method="POST")  # noqa: S310
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
            assert answer.status == 200

    def counts(self) -> dict[str, Any]:
        """The stand-in's counts: answers by status, probes and others."""
        with urllib.request.urlopen(f"{self._control}/counts", timeout=5) as answer:  # noqa: S310
            counts: dict[str, Any] = json.load(answer)
        return counts

    @property
    def accepted(self) -> list[Accepted]:
        """All applied events, in order."""
        return read_ledger(self._ledger)


class BridgeProcess:
    """`fullstory-bridge run --config FILE` with optional flags, during a `with` block."""

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
        """Its log lines so far, without an incomplete last line."""
        return [json.loads(line) for line in self._log.read_bytes().split(b"\n")[:-1]]

    @property
    def pid(self) -> int:
        """The id of its process."""
        return self._process.pid

    @property
    def text(self) -> str:
        """All its output, including text that is not a log line."""
        return self._log.read_text(encoding="utf-8")

    def has_logged(self, event: str) -> bool:
        """Whether its log contains this event."""
        return any(line["event"] == event for line in self.lines)

    @property
    def status_url(self) -> str:
        """The URL of its status server, from its log; empty until it is logged."""
        said = (str(line["event"]).partition("status server listens at ") for line in self.lines)
        return next((url.removesuffix("/status") for _, found, url in said if found), "")

    @property
    def assigned(self) -> set[str]:
        """Its current partitions as `topic/partition`, from its log."""
        assigned: set[str] = set()
        for line in self.lines:
            if line["event"] == "assigned":
                assigned.update(line["partitions"])
            elif line["event"] in ("revoked", "lost"):
                assigned.difference_update(line["partitions"])
        return assigned

    def wait_until_assigned(self, partitions: Sequence[str], timeout_s: float = 20) -> None:
        """Wait until its log shows all of these partitions as assigned."""
        self.wait_until(
            lambda: set(partitions) <= self.assigned, "the partitions assigned", timeout_s
        )

    def wait_until_assigned_any(self) -> None:
        """Wait until its log shows any partition as assigned."""
        self.wait_until(lambda: bool(self.assigned), "a partition assigned")

    def wait_until_logged(self, event: str, timeout_s: float = 30, **fields: str) -> None:
        """Wait for a log line with this event and these fields."""
        expected = {"event": event, **fields}.items()
        self.wait_until(
            lambda: any(
                expected <= {k: str(v) for k, v in line.items()}.items() for line in self.lines
            ),
            f"the log to say {event}",
            timeout_s,
        )

    def wait_until_committed(
        self, kafka: KafkaAdmin, group: str, topics: Sequence[str], timeout_s: float = 60
    ) -> None:
        """Wait until the group has committed the end of every partition."""
        self.wait_until(
            lambda: is_committed(kafka, group, topics), "everything committed", timeout_s
        )

    def kill(self) -> None:
        """SIGKILL: it cannot shut down in order."""
        self._process.kill()
        self._process.wait(_END_S)

    def terminate(self) -> None:
        """SIGTERM; `wait` returns its exit code."""
        self._process.send_signal(signal.SIGTERM)

    def wait(self) -> int:
        """Wait until it ends, and return its exit code."""
        return self._process.wait(_END_S)

    def stop(self) -> int:
        """SIGTERM, wait until it ends, and return its exit code."""
        self.terminate()
        return self.wait()

    def wait_until(self, condition: Callable[[], bool], what: str, timeout_s: float = 20) -> None:
        """Wait for a condition; fail if the bridge ends first."""

        def condition_or_exit() -> bool:
            assert self._process.poll() is None, f"the bridge ended: {self._tail()}"
            return condition()

        try:
            wait_until(condition_or_exit, what, timeout_s)
        except TimeoutError as error:
            raise AssertionError(f"{error}; the bridge's log: {self._tail()}") from error

    def _tail(self) -> str:
        return self.text[-2000:]


def ends(kafka: KafkaAdmin, topics: Sequence[str]) -> dict[tuple[str, int], int]:
    """End offset by topic and partition."""
    return {
        (topic, partition): end
        for topic in topics
        for partition, end in kafka.end_offsets(topic).items()
    }


def committed(kafka: KafkaAdmin, group: str, topics: Sequence[str]) -> dict[tuple[str, int], int]:
    """The group's committed offset by topic and partition."""
    return {
        (topic, partition): commit.offset
        for topic in topics
        for partition, commit in kafka.committed(group, topic).items()
    }


def is_committed(kafka: KafkaAdmin, group: str, topics: Sequence[str]) -> bool:
    """Whether the group has committed the end of every partition."""
    return committed(kafka, group, topics) == ends(kafka, topics)


def write_settings(folder: Path, settings: Mapping[str, Any]) -> Path:
    """Write a settings file (JSON is YAML) and return it; the status server is off by default."""
    file = folder / "bridge.yaml"
    quiet = {"status": {"listen": None}}
    file.write_text(json.dumps(quiet | dict(settings)), encoding="utf-8")
    return file
