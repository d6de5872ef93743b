"""A topic that is made anew at any time, against the log as it is: none of its records is lost.

The played partition does what Kafka 4.4 and its client were seen to do: with the topic the commits
go; a position goes on in the new log, or is out of it; commits that come late are taken.
"""

from collections.abc import Callable

import pytest
from confluent_kafka import KafkaError
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bridge.delivery.commit_metadata import decode
from bridge.kafka.consumer import recreated_topics
from bridge.kafka.consumer.topic_ids import short
from bridge.records import Record
from tests.unit.kafka.consumer.fake_consumer import Bridge
from tests.unit.kafka.lookups import LOW
from tests.unit.kafka.messages import Polled

LEFT_THE_LOG = KafkaError(KafkaError._AUTO_OFFSET_RESET)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(1, 4)),
        st.tuples(st.just("poll"), st.integers(1, 4)),
        st.tuples(st.just("settle"), st.integers(0, 9)),
        st.tuples(
            st.sampled_from(["make_anew", "commit", "back", "kill", "silence", "answer"]),
            st.just(0),
        ),
    ),
    min_size=25,
    max_size=60,
)
MADE_ANEW_BEFORE_THE_LATE_COMMIT = [
    ("write", 3),
    ("poll", 3),
    ("commit", 0),
    ("settle", 1),
    ("write", 0),
    ("silence", 0),
    ("make_anew", 0),
    ("write", 4),
    ("commit", 0),
    ("kill", 0),
    ("poll", 4),
]


class Killed(Exception):
    """The process is no more."""


class World:
    """One partition, the bridges that hold it one after the other, and what arrived of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch = monkeypatch
        self.generation, self.high = 0, LOW
        self.commits: dict[int, tuple[int, str | None]] = {}
        self.arrived: set[tuple[int, int]] = set()
        self.begin()

    def begin(self) -> None:
        """Another bridge."""
        self.bridge = Bridge(self.monkeypatch, settles=False, start="earliest")
        self.consumer = self.bridge.consumer
        self.consumer.answers = False
        self.consumer.commits = self.commits
        self.under_way: list[tuple[int, Record]] = []
        self.seen = self.assigned = self.out = -1
        self.sync()

    def sync(self) -> None:
        """What Kafka tells now."""
        self.consumer.high = self.high
        self.bridge.admin.ids["t"] = f"topic {self.generation}"

    def write(self, count: int) -> None:
        """Records come into the log."""
        self.high += count
        self.sync()

    def make_anew(self, _: int) -> None:
        """Another topic with the same name."""
        self.generation, self.high = self.generation + 1, LOW
        self.commits.clear()
        self.sync()

    def poll(self, count: int) -> list[Polled]:
        """What the client brings from where it stands, of the log that there is."""
        at = self.consumer.assigned.get(0)
        if at is None or self.consumer.still:
            return []
        if at > self.high or at < LOW:
            if self.out == at:
                return []
            self.out = at
            return [Polled(at, error=LEFT_THE_LOG)]
        end = min(self.high, at + count)
        self.consumer.assigned[0] = end
        return [Polled(offset) for offset in range(at, end)]

    def taken(self) -> None:
        """What was handed over is under way; it is of the log that there was when it was read."""
        for record in self.bridge.records:
            self.under_way.append((self.generation, record))
        self.bridge.records.clear()

    def settle(self, choice: int) -> None:
        """One of those arrives."""
        if self.under_way:
            generation, record = self.under_way.pop(choice % len(self.under_way))
            self.arrived.add((generation, record.offset))
            self.bridge.poller.settled.add(record, 1)

    def settle_all(self, _: int) -> None:
        """All of them arrive."""
        while self.under_way:
            self.settle(0)

    def commit(self, _: int) -> None:
        """The broker takes the commit that is under way, and answers it."""
        if self.consumer.unanswered:
            for one in self.consumer.unanswered[0]:
                self.commits[0] = one.offset, one.metadata
            self.consumer.answers = True

    def back(self, _: int) -> None:
        """The partition is lost, and comes back."""
        self.bridge.lose(0)()
        self.bridge.assign(0)()

    def kill(self, _: int) -> None:
        """The process is killed."""
        raise Killed

    def silence(self, _: int) -> None:
        """Kafka tells no more of its topics."""
        self.bridge.admin.silent = True

    def answer(self, _: int) -> None:
        """It tells again."""
        self.bridge.admin.answer()

    def turn(self, name: str, number: int) -> Callable[[], list[Polled]]:
        """One step, while the thread waits in `consume`."""

        def turn() -> list[Polled]:
            self.taken()
            self.consumer.answers = False
            assert self.safe()
            return getattr(self, name)(number) or []

        return turn

    def safe(self) -> bool:
        """Whether the commit, if it is of this topic, is past nothing and lists nothing unsent."""
        offset, metadata = self.commits.get(0, (LOW, None))
        listed = decode(metadata, offset)
        if listed is None or listed.topic_id != short("c", f"topic {self.generation}"):
            return True
        settled = {*range(LOW, offset)}.union(*(range(*run) for run in listed.settled))
        return settled <= {at for generation, at in self.arrived if generation == self.generation}


@example(steps=MADE_ANEW_BEFORE_THE_LATE_COMMIT)
@settings(
    deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=STEPS)
def test_every_record_of_the_topic_that_there_is_arrives(
    monkeypatch: pytest.MonkeyPatch, steps: list[tuple[str, int]]
) -> None:
    """Whenever it was made anew, whoever was killed, whatever was committed too late."""
    monkeypatch.setattr(recreated_topics, "ASK_AGAIN_S", 0.0)
    world = World(monkeypatch)
    calm = [("answer", 0), *[("poll", 200), ("settle_all", 0), ("commit", 0)] * 6]
    lives: list[list[tuple[str, int]]] = [[]]
    for step in [*steps, *calm]:
        lives[-1].append(step)
        if step[0] == "kill":
            lives.append([])
    for life in lives:
        turns = [world.bridge.assign(0), *(world.turn(*step) for step in life)]
        try:
            world.bridge.run(*turns)
        except Killed:
            world.begin()
    everything = {(world.generation, offset) for offset in range(LOW, world.high)}
    assert everything <= world.arrived
