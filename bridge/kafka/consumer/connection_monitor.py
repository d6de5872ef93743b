"""Detects that Kafka answers again: its client reports every error, but never a recovery.

Invariants:
- Kafka as a whole has recovered when a commit is acknowledged or partitions are assigned with their
  offsets. If there is nothing to commit, a probe finds out.
- A topic that could not be read has recovered when one of its records is settled. Its outage also
  ends when this process has no partition of it left.
- It is an observer: the poll thread and the event loop notify it, and all its work runs on the
  loop.

**Race: an error during a probe.** An error may be reported while the answer to a probe is on its
way. The error may be the newer one. So an answer counts only if no error was reported since the
probe was sent.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from bridge.delivery.pauses import KAFKA, KAFKA_TOPIC
from bridge.errors import Unavailable
from bridge.observer import (
    Assigned,
    Committed,
    Fact,
    Observer,
    PartitionName,
    RecordsFiltered,
    RecordsSettled,
    Resumed,
    Revoked,
    Waiting,
)

PROBE_INTERVAL_S = 5.0
"""The time between two probes, and so between two outages that a probe ends."""


class ConnectionMonitor:
    """Emits a `Resumed` for each `Waiting` for Kafka; call `close` at the end.

    `probe` returns when Kafka has answered, or raises `Unavailable`.
    """

    listens_to: Final = frozenset(
        {Assigned, Committed, RecordsFiltered, Revoked, RecordsSettled, Waiting}
    )

    def __init__(self, probe: Callable[[], Awaitable[object]], observer: Observer) -> None:
        self._loop = asyncio.get_running_loop()
        self._probe = probe
        self._observer = observer
        self._waiting = False
        self._error_count = 0
        self._failed_topics: set[str] = set()
        self._assigned: set[PartitionName] = set()
        self._probe_task: asyncio.Task[None] | None = None

    def notify(self, fact: Fact) -> None:
        """Handle a fact."""
        match fact:
            case RecordsSettled(topic) | RecordsFiltered(topic):
                if topic in self._failed_topics:
                    self._loop.call_soon_threadsafe(self._topic_recovered, topic)
            case Waiting() | Committed() | Assigned() | Revoked():
                self._loop.call_soon_threadsafe(self._handle, fact)
            case _:
                pass

    async def close(self) -> None:
        """Stop probing."""
        if self._probe_task is not None:
            self._probe_task.cancel()

    def _handle(self, fact: Fact) -> None:
        match fact:
            case Waiting(what) if what == KAFKA:
                self._start_probing()
            case Waiting(what) if what.startswith(KAFKA_TOPIC):
                self._failed_topics.add(what.removeprefix(KAFKA_TOPIC))
            case Committed():
                self._recovered()
            case Assigned(partitions):
                self._assigned.update(partitions)
                self._recovered()
            case Revoked(partitions):
                self._remove_partitions(partitions)
            case _:
                pass

    def _start_probing(self) -> None:
        self._waiting = True
        self._error_count += 1
        if self._probe_task is None:
            self._probe_task = asyncio.create_task(self._probe_until_answered())

    async def _probe_until_answered(self) -> None:
        while self._waiting:
            error_count = self._error_count
            if await self._probe_answers() and error_count == self._error_count:
                self._recovered()
            await asyncio.sleep(PROBE_INTERVAL_S)
        self._probe_task = None

    async def _probe_answers(self) -> bool:
        try:
            await self._probe()
        except Unavailable:
            return False
        return True

    def _recovered(self) -> None:
        if self._waiting:
            self._waiting = False
            self._observer.notify(Resumed(KAFKA))

    def _remove_partitions(self, partitions: Sequence[PartitionName]) -> None:
        self._assigned.difference_update(partitions)
        for topic in self._failed_topics - {topic for topic, _ in self._assigned}:
            self._topic_recovered(topic)

    def _topic_recovered(self, topic: str) -> None:
        if topic not in self._failed_topics:
            return
        self._failed_topics.discard(topic)
        self._observer.notify(Resumed(f"{KAFKA_TOPIC}{topic}"))
