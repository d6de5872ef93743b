"""A topic is recreated at any time: none of the new topic's records is lost.

The fake partition behaves as observed on Kafka 4.4 and its client. Deleting the topic deletes its
commits. A position continues in the new log, or is out of range. Late commits are accepted.
"""

from collections.abc import Callable

import pytest
from confluent_kafka import KafkaError
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bridge.delivery.commit_metadata import decode
from bridge.kafka.consumer import recreated_topics
from bridge.kafka.consumer.topic_ids import short_id
from bridge.records import Record
from tests.unit.kafka.consumer.fake_consumer import Bridge
from tests.unit.kafka.fake_kafka import LOW
from tests.unit.kafka.messages import Polled

OUT_OF_RANGE = KafkaError(KafkaError._AUTO_OFFSET_RESET)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(1, 4)),
        st.tuples(st.just("poll"), st.integers(1, 4)),
        st.tuples(st.just("settle"), st.integers(0, 9)),
        st.tuples(
            st.sampled_from(
                ["recreate", "commit", "lose_and_reassign", "kill", "silence", "answer"]
            ),
            st.just(0),
        ),
    ),
    min_size=25,
    max_size=60,
)
RECREATED_BEFORE_A_LATE_COMMIT = [
    ("write", 3),
    ("poll", 3),
    ("commit", 0),
    ("settle", 1),
    ("write", 0),
    ("silence", 0),
    ("recreate", 0),
    ("write", 4),
    ("commit", 0),
    ("kill", 0),
    ("poll", 4),
]


class Killed(Exception):
    """The process is killed."""


class Simulation:
    """One partition, the bridges that own it one after the other, and the delivered records."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch = monkeypatch
        self.generation, self.high = 0, LOW
        self.commits: dict[int, tuple[int, str | None]] = {}
        self.delivered: set[tuple[int, int]] = set()
        self.start_bridge()

    def start_bridge(self) -> None:
        """Start another bridge."""
        self.bridge = Bridge(self.monkeypatch, settles=False, start="earliest")
        self.consumer = self.bridge.consumer
        self.consumer.answers_commits = False
        self.consumer.commits = self.commits
        self.in_flight: list[tuple[int, Record]] = []
        self.last_reported = -1
        self.sync()

    def sync(self) -> None:
        """Update what Kafka reports."""
        self.consumer.high = self.high
        self.bridge.admin.ids["t"] = f"topic {self.generation}"

    def write(self, count: int) -> None:
        """Append records to the log."""
        self.high += count
        self.sync()

    def recreate(self, _: int) -> None:
        """Recreate the topic under the same name."""
        self.generation, self.high = self.generation + 1, LOW
        self.commits.clear()
        self.sync()

    def poll(self, count: int) -> list[Polled]:
        """What the client returns from its position in the current log."""
        offset = self.consumer.assigned.get(0)
        if offset is None or self.consumer.paused:
            return []
        if offset > self.high or offset < LOW:
            if self.last_reported == offset:
                return []
            self.last_reported = offset
            return [Polled(offset, error=OUT_OF_RANGE)]
        end = min(self.high, offset + count)
        self.consumer.assigned[0] = end
        return [Polled(offset) for offset in range(offset, end)]

    def collect_delivered(self) -> None:
        """Delivered records are in flight; they belong to the log from which they were read."""
        for record in self.bridge.records:
            self.in_flight.append((self.generation, record))
        self.bridge.records.clear()

    def settle(self, choice: int) -> None:
        """Settle one of the records in flight."""
        if self.in_flight:
            generation, record = self.in_flight.pop(choice % len(self.in_flight))
            self.delivered.add((generation, record.offset))
            self.bridge.poller.settled.add(record, 1)

    def settle_all(self, _: int) -> None:
        """Settle all of them."""
        while self.in_flight:
            self.settle(0)

    def commit(self, _: int) -> None:
        """The broker stores and answers the commit in flight."""
        if self.consumer.unanswered_commits:
            for one in self.consumer.unanswered_commits[0]:
                self.commits[0] = one.offset, one.metadata
            self.consumer.answers_commits = True

    def lose_and_reassign(self, _: int) -> None:
        """The partition is lost and assigned again."""
        self.bridge.lose(0)()
        self.bridge.assign(0)()

    def kill(self, _: int) -> None:
        """The process is killed."""
        raise Killed

    def silence(self, _: int) -> None:
        """Kafka stops reporting topic ids."""
        self.bridge.admin.silent = True

    def answer(self, _: int) -> None:
        """Kafka reports them again."""
        self.bridge.admin.answer()

    def as_step(self, name: str, number: int) -> Callable[[], list[Polled]]:
        """One step, while the thread waits in `consume`."""

        def step() -> list[Polled]:
            self.collect_delivered()
            self.consumer.answers_commits = False
            assert self.is_commit_safe()
            return getattr(self, name)(number) or []

        return step

    def is_commit_safe(self) -> bool:
        """Whether a commit of the current topic covers and lists only delivered records."""
        offset, metadata = self.commits.get(0, (LOW, None))
        listed = decode(metadata, offset)
        if listed is None or listed.topic_id != short_id("c", f"topic {self.generation}"):
            return True
        settled = {*range(LOW, offset)}.union(*(range(*run) for run in listed.settled))
        return settled <= {
            offset for generation, offset in self.delivered if generation == self.generation
        }


@example(steps=RECREATED_BEFORE_A_LATE_COMMIT)
@settings(
    deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=STEPS)
def test_every_record_of_the_current_topic_is_delivered(
    monkeypatch: pytest.MonkeyPatch, steps: list[tuple[str, int]]
) -> None:
    """Whenever it is recreated, whichever process is killed, whichever commit comes late."""
    monkeypatch.setattr(recreated_topics, "CHECK_INTERVAL_S", 0.0)
    simulation = Simulation(monkeypatch)
    recovery = [("answer", 0), *[("poll", 200), ("settle_all", 0), ("commit", 0)] * 6]
    processes: list[list[tuple[str, int]]] = [[]]
    for step in [*steps, *recovery]:
        processes[-1].append(step)
        if step[0] == "kill":
            processes.append([])
    for process in processes:
        bridge_steps = [
            simulation.bridge.assign(0),
            *(simulation.as_step(*step) for step in process),
        ]
        try:
            simulation.bridge.run(*bridge_steps)
        except Killed:
            simulation.start_bridge()
    expected = {(simulation.generation, offset) for offset in range(LOW, simulation.high)}
    assert expected <= simulation.delivered
