"""Commits under way, and what the broker says of them."""

import threading
from typing import Any, cast

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from bridge.delivery.progress import Progress
from bridge.kafka.consumer.assigned_partition import AssignedPartition
from bridge.kafka.consumer.assigned_partitions import AssignedPartitions
from bridge.kafka.consumer.committer import Committer
from bridge.observer import CommitFailed, Committed, Fact
from bridge.records import Assignment, Record
from tests.unit.kafka.messages import Answered

REFUSAL = KafkaError(KafkaError.ILLEGAL_GENERATION)


class Broker:
    """A consumer that notes the commits it is asked for."""

    def __init__(self) -> None:
        self.asked: list[list[TopicPartition]] = []
        self.refuses = False

    def commit(self, *, offsets: list[TopicPartition], asynchronous: bool) -> None:
        """Never waits: a commit that waits has no time limit."""
        assert asynchronous
        if self.refuses:
            raise KafkaException(REFUSAL)
        self.asked.append(offsets)


class Group:
    """A committer with two partitions, in each of which records can be settled."""

    def __init__(self, *, interval_s: float = 0.0, events_max: int = 100) -> None:
        self.assigned_partitions, self.broker = AssignedPartitions(), Broker()
        self.safe: list[int] = []
        self.facts: list[Fact] = []
        self.assignments = [Assignment("t", partition) for partition in (0, 1)]
        for assignment in self.assignments:
            self.assigned_partitions.add(AssignedPartition(assignment, Progress(0), 2))
        self.committer = Committer(
            self.assigned_partitions,
            self,
            self.safe.append,
            interval_s=interval_s,
            events_max=events_max,
        )

    def notify(self, fact: Fact) -> None:
        """Note a fact."""
        self.facts.append(fact)

    def settle(self, partition: int, offset: int, events: int = 1) -> None:
        """Take a record and settle it."""
        assignment = self.assignments[partition]
        [assigned] = self.assigned_partitions.get([("t", partition)])
        assigned.progress.see(offset)
        record = Record("t", partition, offset, 0, None, b"", assignment)
        assert self.assigned_partitions.settle(record, events)

    def commit(self) -> None:
        """Commit what is settled."""
        self.committer.commit(cast("Consumer", self.broker))

    def due(self, now_s: float) -> None:
        """Commit what is settled, if it is time."""
        self.committer.commit_when_due(cast("Consumer", self.broker), now_s)

    def answer(self, number: int, *errors: KafkaError | None) -> None:
        """The broker answers the commit with this number, partition by partition."""
        asked = self.broker.asked[number]
        each = errors or (None,) * len(asked)
        answers = [Answered(*one) for one in zip(asked, each, strict=True)]
        self.committer.answered(None, cast("Any", answers))


def test_one_commit_is_under_way_at_a_time() -> None:
    """An older one must not land after a newer one."""
    group = Group()
    group.settle(0, 0)
    group.commit()
    group.settle(0, 1)
    group.commit()
    assert len(group.broker.asked) == 1

    group.answer(0)
    group.commit()
    assert [one.offset for [one] in group.broker.asked] == [1, 2]


def test_a_partitions_own_refusal_is_seen_and_only_it_is_committed_again() -> None:
    """The broker refuses one and takes the others, with no error for the whole."""
    group = Group()
    group.settle(0, 0, events=2)
    group.settle(1, 0, events=3)
    group.commit()
    group.answer(0, None, REFUSAL)

    assert group.safe == [2]
    assert [type(fact) for fact in group.facts] == [CommitFailed, Committed]
    group.commit()
    assert [(one.partition, one.offset) for one in group.broker.asked[1]] == [(1, 1)]
    group.answer(1)
    assert group.safe == [2, 3]


def test_a_commit_that_librdkafka_refuses_at_once_is_tried_again() -> None:
    """Nothing counts as safe, and what was settled is committed by the next one."""
    group = Group()
    group.settle(0, 0)
    group.broker.refuses = True
    group.commit()
    assert group.safe == [0]
    group.broker.refuses = False
    group.commit()
    group.answer(0)
    assert group.safe == [0, 1]


def test_a_commit_of_a_revoke_does_not_wait_for_the_one_under_way() -> None:
    """The partition is let go at once; answers that come later count nothing of it."""
    group = Group()
    group.settle(0, 0)
    group.commit()
    group.settle(0, 1)
    group.committer.commit(cast("Consumer", group.broker), [("t", 0)])
    assert [one.offset for [one] in group.broker.asked] == [1, 2]

    [left] = group.assigned_partitions.park([("t", 0)])
    assert left.unacknowledged_events == 2
    group.answer(1)  # answers may come in any order
    group.answer(0)
    assert sum(group.safe) == 0


def test_a_commit_is_due_after_its_interval_or_when_many_events_wait() -> None:
    """The budget of duplicates must not be full before anybody asks the broker."""
    group = Group(interval_s=10.0, events_max=3)
    group.due(100.0)
    group.settle(0, 0)
    group.due(109.0)
    assert group.broker.asked == []
    group.due(110.0)
    group.answer(0)
    assert len(group.broker.asked) == 1

    group.settle(0, 1, events=3)
    group.due(110.1)
    assert len(group.broker.asked) == 2


@pytest.mark.parametrize("drained", [True, False])
def test_all_is_acknowledged_when_it_is_settled_committed_and_answered(drained: bool) -> None:
    """Whoever stops waits for all three."""
    event = threading.Event()
    group = Group()
    group.settle(0, 0)
    assert not group.committer.all_acknowledged(event)
    group.commit()
    if drained:
        event.set()
    assert not group.committer.all_acknowledged(event)
    group.answer(0)
    assert group.committer.all_acknowledged(event) is drained
