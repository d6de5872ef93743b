"""Commits in flight, and the broker's answers."""

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
    """A fake consumer that stores the requested commits."""

    def __init__(self) -> None:
        self.commits: list[list[TopicPartition]] = []
        self.refuses = False

    def commit(self, *, offsets: list[TopicPartition], asynchronous: bool) -> None:
        """Never waits, because a synchronous commit has no time limit."""
        assert asynchronous
        if self.refuses:
            raise KafkaException(REFUSAL)
        self.commits.append(offsets)


class Group:
    """A committer with two partitions whose records can be settled."""

    def __init__(self, *, interval_s: float = 0.0, events_max: int = 100) -> None:
        self.assigned_partitions, self.broker = AssignedPartitions(), Broker()
        self.acknowledged: list[int] = []
        self.facts: list[Fact] = []
        self.assignments = [Assignment("t", partition) for partition in (0, 1)]
        for assignment in self.assignments:
            self.assigned_partitions.add(AssignedPartition(assignment, Progress(0), 2))
        self.committer = Committer(
            self.assigned_partitions,
            self,
            self.acknowledged.append,
            interval_s=interval_s,
            events_max=events_max,
        )

    def notify(self, fact: Fact) -> None:
        """Store a fact."""
        self.facts.append(fact)

    def settle(self, partition: int, offset: int, events: int = 1) -> None:
        """Track a record and settle it."""
        assignment = self.assignments[partition]
        [assigned] = self.assigned_partitions.get([("t", partition)])
        assigned.progress.track(offset)
        record = Record("t", partition, offset, 0, None, b"", assignment)
        assert self.assigned_partitions.settle(record, events)

    def commit(self) -> None:
        """Commit what is settled."""
        self.committer.commit(cast("Consumer", self.broker))

    def commit_when_due(self, now_s: float) -> None:
        """Commit what is settled, if a commit is due."""
        self.committer.commit_when_due(cast("Consumer", self.broker), now_s)

    def answer(self, number: int, *errors: KafkaError | None) -> None:
        """The broker answers the commit with this number, one partition after the other."""
        commits = self.broker.commits[number]
        each = errors or (None,) * len(commits)
        answers = [Answered(*one) for one in zip(commits, each, strict=True)]
        self.committer.on_commit(None, cast("Any", answers))


def test_only_one_commit_is_in_flight() -> None:
    """An older commit must not arrive after a newer one."""
    group = Group()
    group.settle(0, 0)
    group.commit()
    group.settle(0, 1)
    group.commit()
    assert len(group.broker.commits) == 1

    group.answer(0)
    group.commit()
    assert [one.offset for [one] in group.broker.commits] == [1, 2]


def test_only_a_refused_partition_is_committed_again() -> None:
    """The broker refuses one partition and accepts the others; the commit itself has no error."""
    group = Group()
    group.settle(0, 0, events=2)
    group.settle(1, 0, events=3)
    group.commit()
    group.answer(0, None, REFUSAL)

    assert group.acknowledged == [2]
    assert [type(fact) for fact in group.facts] == [CommitFailed, Committed]
    group.commit()
    assert [(one.partition, one.offset) for one in group.broker.commits[1]] == [(1, 1)]
    group.answer(1)
    assert group.acknowledged == [2, 3]


def test_a_commit_that_librdkafka_rejects_is_retried() -> None:
    """No event counts as acknowledged, and the next commit covers what was settled."""
    group = Group()
    group.settle(0, 0)
    group.broker.refuses = True
    group.commit()
    assert group.acknowledged == [0]
    group.broker.refuses = False
    group.commit()
    group.answer(0)
    assert group.acknowledged == [0, 1]


def test_a_commit_on_revoke_does_not_wait_for_the_one_in_flight() -> None:
    """The partition is released immediately; later answers count no events of it."""
    group = Group()
    group.settle(0, 0)
    group.commit()
    group.settle(0, 1)
    group.committer.commit(cast("Consumer", group.broker), [("t", 0)])
    assert [one.offset for [one] in group.broker.commits] == [1, 2]

    [removed] = group.assigned_partitions.remove([("t", 0)])
    assert removed.unacknowledged_events == 2
    group.answer(1)  # answers may come in any order
    group.answer(0)
    assert sum(group.acknowledged) == 0


def test_a_commit_is_due_after_its_interval_or_enough_events() -> None:
    """The duplicate budget must not be full before a commit is sent."""
    group = Group(interval_s=10.0, events_max=3)
    group.commit_when_due(100.0)
    group.settle(0, 0)
    group.commit_when_due(109.0)
    assert group.broker.commits == []
    group.commit_when_due(110.0)
    group.answer(0)
    assert len(group.broker.commits) == 1

    group.settle(0, 1, events=3)
    group.commit_when_due(110.1)
    assert len(group.broker.commits) == 2


@pytest.mark.parametrize("drained", [True, False])
def test_all_is_acknowledged_when_it_is_settled_committed_and_answered(drained: bool) -> None:
    """A shutdown waits for all three."""
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
