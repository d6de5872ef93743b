"""A poller with a consumer and an event loop that do what the test wrote down, turn by turn."""

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
from tests.unit.kafka.lookups import Admin, Kafka
from tests.unit.kafka.messages import Polled as Message
from tests.unit.kafka.messages import answer

Turn = Callable[[], "Sequence[Message] | None"]
"""What happens while the thread waits in `consume`: callbacks, messages, or an error."""


class Consumer(Kafka):
    """Plays confluent-kafka's consumer: `turns` are what its calls of `consume` bring."""

    def __init__(self) -> None:
        super().__init__(commits={0: (500, encode(500, 4, [])), 1: (600, encode(600, 4, []))})
        self.turns: list[Turn] = []
        self.log: list[str] = []
        self.asked: list[int] = []
        self.assigned: dict[int, int] = {}
        self.still: set[int] = set()
        self.moves: list[tuple[str, int]] = []
        """Partitions assigned and resumed, in order."""

        self.unanswered: list[list[TopicPartition]] = []
        self.answers = True
        self.characters_max = 4_095
        self.metadata: list[str] = []
        self.stop = threading.Event()
        self.callbacks: dict[str, Any] = {}
        self.subscriptions: list[list[str]] = []
        self.in_callback = False

    def __call__(self, configuration: dict[str, Any]) -> "Consumer":
        """Made by the poller with its callbacks."""
        self.callbacks |= {name: configuration[name] for name in ("on_commit", "error_cb")}
        return self

    def subscribe(self, topics: list[str], **callbacks: Any) -> None:
        """Note the topics and the callbacks of the group."""
        self.subscriptions.append(topics)
        self.callbacks |= callbacks

    def list_topics(self, topic: str | None = None, *, timeout: float) -> Any:
        """How many partitions there are; within a callback this aborts the process."""
        assert not self.in_callback
        return super().list_topics(topic, timeout=timeout)

    def consume(self, count: int, wait_s: float) -> list[Message]:
        """The next turn; after the last one the test is over."""
        self.asked.append(count)
        if count > 1 and not wait_s:
            return []  # what else is there already: nothing, here
        while self.answers and self.unanswered:
            said = [answer(one, self.characters_max) for one in self.unanswered.pop(0)]
            self.callbacks["on_commit"](None, said)
        if not self.turns:
            self.stop.set()
            return []
        return list(self.turns.pop(0)() or [])

    def commit(self, *, offsets: list[TopicPartition], asynchronous: bool) -> None:
        """Note a commit, which the next `consume` answers."""
        assert asynchronous
        self.log += [f"commit {one.partition} at {one.offset}" for one in offsets]
        self.metadata += [one.metadata or "" for one in offsets]
        self.unanswered.append(offsets)

    def incremental_assign(self, partitions: list[TopicPartition]) -> None:
        """Partitions come; librdkafka refuses one that is there already."""
        assert not self.assigned.keys() & {one.partition for one in partitions}
        self.assigned |= {one.partition: one.offset for one in partitions}
        self.moves += [("assign", one.partition) for one in partitions]

    def incremental_unassign(self, partitions: list[TopicPartition]) -> None:
        """Partitions go."""
        for one in partitions:
            del self.assigned[one.partition]

    def assignment(self) -> list[TopicPartition]:
        """What is assigned."""
        return [TopicPartition("t", partition) for partition in self.assigned]

    def pause(self, partitions: list[TopicPartition]) -> None:
        """Partitions bring nothing."""
        self.still |= {one.partition for one in partitions}

    def resume(self, partitions: list[TopicPartition]) -> None:
        """They bring records again."""
        self.still -= {one.partition for one in partitions}
        self.moves += [("resume", one.partition) for one in partitions]

    def close(self) -> None:
        """Leave the group."""
        self.log.append("left")


class Bridge:
    """A poller whose event loop is played: records are settled as soon as they come, or never."""

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
        wanted: Callable[[str], bool] | None = None,
        ends: dict[tuple[str, int], int] | None = None,
    ) -> None:
        self.consumer = Consumer()
        monkeypatch.setattr(module, "Consumer", self.consumer)
        self.admin = Admin()
        monkeypatch.setattr(recreated_topics, "AdminClient", lambda _: self.admin)
        self.records: list[Record] = []
        self.facts: list[Fact] = []
        self.safe = 0
        self.settles = settles
        self.drains = True
        self.on_drain: Callable[[], None] = lambda: None
        options = SourceOptions(
            kafka={"group.id": "g"},
            topics=["t"],
            wanted=wanted,
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

    def run(self, *turns: Turn) -> list[str]:
        """Poll through these turns; returns what was asked of the broker."""
        self.consumer.turns = list(turns)
        self.poller.run()
        return self.consumer.log

    def assign(self, *partitions: int) -> Turn:
        """The group gives partitions."""
        return self._call("on_assign", partitions)

    def revoke(self, *partitions: int) -> Turn:
        """The group asks for partitions."""
        return self._call("on_revoke", partitions)

    def lose(self, *partitions: int) -> Turn:
        """The group has given partitions away."""
        return self._call("on_lost", partitions)

    def _call(self, name: str, partitions: Sequence[int]) -> Turn:
        def turn() -> None:
            asked = [TopicPartition("t", partition) for partition in partitions]
            self.consumer.in_callback = True
            self.consumer.callbacks[name](self.consumer, asked)
            self.consumer.in_callback = False
            if name != "on_assign":
                self.consumer.incremental_unassign(asked)

        return turn

    def deliver(self, records: list[Record]) -> None:
        """Take records, and settle them."""
        self.records += records
        if self.settles:
            for record in records:
                self.poller.settled.add(record, 1)

    def settle_all(self) -> None:
        """Settle everything that came."""
        for record in self.records:
            self.poller.settled.add(record, 1)

    def not_begun(self) -> int:
        """Everything is begun when it comes."""
        return 0

    def drain(self, assignments: Sequence[Assignment]) -> threading.Event:
        """Begin nothing more for these."""
        for one in assignments:
            one.open = False
        self.on_drain()
        drained = threading.Event()
        if self.drains:
            drained.set()
        return drained

    def acknowledged(self, events: int) -> None:
        """Count what a crash can no longer repeat."""
        self.safe += events

    def notify(self, fact: Fact) -> None:
        """Note a fact."""
        self.facts.append(fact)

    def told(self, kind: type[Fact]) -> list[Fact]:
        """The facts of one kind."""
        return [fact for fact in self.facts if isinstance(fact, kind)]


def brings(*messages: Message) -> Turn:
    """Messages come."""
    return lambda: messages


def fails(code: int, *, fatal: bool = False) -> Turn:
    """The call fails."""

    def turn() -> None:
        raise KafkaException(KafkaError(code, "trouble", fatal))

    return turn
