"""A poller with a fake consumer and event loop, driven step by step by the test."""

import threading
from collections.abc import Callable, Sequence
from typing import Any, Literal

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from bridge.delivery.commit_metadata import encode
from bridge.kafka.consumer import poller as module
from bridge.kafka.consumer import recreated_topics
from bridge.kafka.consumer.backpressure import BackpressureLimits
from bridge.kafka.consumer.poller import Poller
from bridge.kafka.consumer.source_options import SourceOptions
from bridge.kafka.consumer.start_position import Start
from bridge.observer import Fact
from bridge.records import Assignment, Record
from tests.unit.kafka.fake_kafka import Admin, Kafka
from tests.unit.kafka.messages import Polled as Message
from tests.unit.kafka.messages import answer

Step = Callable[[], "Sequence[Message] | None"]
"""What happens while the thread waits in `consume`: callbacks, messages or an error."""


class Consumer(Kafka):
    """A fake consumer; each call of `consume` runs one of its `steps`."""

    def __init__(self) -> None:
        super().__init__(commits={0: (500, encode(500, 4, [])), 1: (600, encode(600, 4, []))})
        self.steps: list[Step] = []
        self.log: list[str] = []
        self.consume_counts: list[int] = []
        self.assigned: dict[int, int] = {}
        self.paused: set[int] = set()
        self.operations: list[tuple[str, int]] = []
        """Assign and resume calls by partition, in order."""

        self.unanswered_commits: list[list[TopicPartition]] = []
        self.answers_commits = True
        self.characters_max = 4_095
        self.metadata: list[str] = []
        self.stop = threading.Event()
        self.callbacks: dict[str, Any] = {}
        self.subscriptions: list[list[str]] = []
        self.in_callback = False

    def __call__(self, configuration: dict[str, Any]) -> "Consumer":
        """Called by the poller to create the consumer with its callbacks."""
        self.callbacks |= {name: configuration[name] for name in ("on_commit", "error_cb")}
        return self

    def subscribe(self, topics: list[str], **callbacks: Any) -> None:
        """Store the topics and the group's callbacks."""
        self.subscriptions.append(topics)
        self.callbacks |= callbacks

    def list_topics(self, topic: str | None = None, *, timeout: float) -> Any:
        """The partition count; called within a callback, it would abort the process."""
        assert not self.in_callback
        return super().list_topics(topic, timeout=timeout)

    def consume(self, count: int, wait_s: float) -> list[Message]:
        """Run the next step; after the last one, stop the poller."""
        self.consume_counts.append(count)
        if count > 1 and not wait_s:
            return []  # no further messages are prefetched
        while self.answers_commits and self.unanswered_commits:
            answers = [answer(one, self.characters_max) for one in self.unanswered_commits.pop(0)]
            self.callbacks["on_commit"](None, answers)
        if not self.steps:
            self.stop.set()
            return []
        return list(self.steps.pop(0)() or [])

    def commit(self, *, offsets: list[TopicPartition], asynchronous: bool) -> None:
        """Store a commit, which the next `consume` answers."""
        assert asynchronous
        self.log += [f"commit {one.partition} at {one.offset}" for one in offsets]
        self.metadata += [one.metadata or "" for one in offsets]
        self.unanswered_commits.append(offsets)

    def incremental_assign(self, partitions: list[TopicPartition]) -> None:
        """Assign partitions; like librdkafka, reject one that is already assigned."""
        assert not self.assigned.keys() & {one.partition for one in partitions}
        self.assigned |= {one.partition: one.offset for one in partitions}
        self.operations += [("assign", one.partition) for one in partitions]

    def incremental_unassign(self, partitions: list[TopicPartition]) -> None:
        """Unassign partitions."""
        for one in partitions:
            del self.assigned[one.partition]

    def assignment(self) -> list[TopicPartition]:
        """The assigned partitions."""
        return [TopicPartition("t", partition) for partition in self.assigned]

    def pause(self, partitions: list[TopicPartition]) -> None:
        """Pause partitions."""
        self.paused |= {one.partition for one in partitions}

    def resume(self, partitions: list[TopicPartition]) -> None:
        """Resume partitions."""
        self.paused -= {one.partition for one in partitions}
        self.operations += [("resume", one.partition) for one in partitions]

    def close(self) -> None:
        """Leave the group."""
        self.log.append("left")


class Bridge:
    """A poller with a fake event loop that settles records immediately, or never."""

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        *,
        out_of_range: Literal["halt", "earliest", "latest"] = "halt",
        bounds: BackpressureLimits | None = None,
        settles: bool = True,
        shutdown_drain_s: float = 0.2,
        duplicate_budget: int = 1_000,
        events_per_record_max: int = 1,
        start: Start = "latest",
        matches_pattern: Callable[[str], bool] | None = None,
        ends: dict[tuple[str, int], int] | None = None,
    ) -> None:
        self.consumer = Consumer()
        monkeypatch.setattr(module, "Consumer", self.consumer)
        self.admin = Admin()
        monkeypatch.setattr(recreated_topics, "AdminClient", lambda _: self.admin)
        self.records: list[Record] = []
        self.facts: list[Fact] = []
        self.acknowledged_events = 0
        self.settles = settles
        self.drains = True
        self.on_drain: Callable[[], None] = lambda: None
        options = SourceOptions(
            kafka={"group.id": "g"},
            topics=["t"],
            matches_pattern=matches_pattern,
            ends=ends,
            start=start,
            out_of_range=out_of_range,
            bounds=bounds or BackpressureLimits(),
            duplicate_budget=duplicate_budget,
            events_per_record_max=events_per_record_max,
            commit_interval_s=0.0,
            rebalance_drain_s=0.05,
            shutdown_drain_s=shutdown_drain_s,
        )
        self.poller = Poller(options, self, self)
        self.consumer.stop = self.poller.stop

    def run(self, *steps: Step) -> list[str]:
        """Run these steps and return the consumer's log."""
        self.consumer.steps = list(steps)
        self.poller.run()
        return self.consumer.log

    def assign(self, *partitions: int) -> Step:
        """The group assigns partitions."""
        return self._call("on_assign", partitions)

    def revoke(self, *partitions: int) -> Step:
        """The group revokes partitions."""
        return self._call("on_revoke", partitions)

    def lose(self, *partitions: int) -> Step:
        """The group has reassigned partitions without a revoke."""
        return self._call("on_lost", partitions)

    def _call(self, name: str, partitions: Sequence[int]) -> Step:
        def step() -> None:
            requested = [TopicPartition("t", partition) for partition in partitions]
            self.consumer.in_callback = True
            self.consumer.callbacks[name](self.consumer, requested)
            self.consumer.in_callback = False
            if name != "on_assign":
                self.consumer.incremental_unassign(requested)

        return step

    def deliver(self, records: list[Record]) -> None:
        """Accept records, and settle them if `settles` is set."""
        self.records += records
        if self.settles:
            for record in records:
                self.poller.settled.add(record, 1)

    def settle_all(self) -> None:
        """Settle all delivered records."""
        for record in self.records:
            self.poller.settled.add(record, 1)

    def not_started(self) -> int:
        """Every record starts immediately."""
        return 0

    def drain(self, assignments: Sequence[Assignment]) -> threading.Event:
        """Close these assignments."""
        for one in assignments:
            one.open = False
        self.on_drain()
        drained = threading.Event()
        if self.drains:
            drained.set()
        return drained

    def acknowledged(self, events: int) -> None:
        """Count events that a crash can no longer repeat."""
        self.acknowledged_events += events

    def notify(self, fact: Fact) -> None:
        """Store a fact."""
        self.facts.append(fact)

    def facts_of(self, kind: type[Fact]) -> list[Fact]:
        """The facts of one kind."""
        return [fact for fact in self.facts if isinstance(fact, kind)]


def returns(*messages: Message) -> Step:
    """A step in which `consume` returns these messages."""
    return lambda: messages


def fails(code: int, *, fatal: bool = False) -> Step:
    """A step in which `consume` raises an error."""

    def step() -> None:
        raise KafkaException(KafkaError(code, "client error", fatal))

    return step
