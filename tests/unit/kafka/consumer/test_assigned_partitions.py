"""Partitions held, and what a commit says of them."""

from collections.abc import Sequence
from typing import cast

from bridge.delivery.commit_metadata import decode
from bridge.delivery.progress import Progress
from bridge.kafka.consumer.assigned_partition import AssignedPartition
from bridge.kafka.consumer.assigned_partitions import AssignedPartitions
from bridge.kafka.consumer.source_options import every_record
from bridge.records import Assignment, Message, Record
from tests.unit.kafka.messages import Polled


def _held(base: int = 0) -> tuple[AssignedPartitions, Assignment]:
    assigned_partitions, assignment = AssignedPartitions(), Assignment("t", 0)
    assigned_partitions.add(AssignedPartition(assignment, Progress(base), partitions_at_start=4))
    return assigned_partitions, assignment


def _take(
    assigned_partitions: AssignedPartitions, offset: int, partition: int = 0
) -> Record | None:
    message = cast("Message", Polled(offset, partition))
    records, _ = assigned_partitions.take(("t", partition), [message], every_record)
    return records[0] if records else None


def _taken(assigned_partitions: AssignedPartitions, offset: int) -> Record:
    record = _take(assigned_partitions, offset)
    assert record is not None
    return record


def test_a_record_of_a_partition_that_is_not_held_is_ignored() -> None:
    """It was fetched before the partition went away, and is somebody else's now."""
    assigned_partitions, _ = _held()
    assert _take(assigned_partitions, 0, partition=1) is None


def test_a_late_settle_changes_nothing_of_a_later_assignment() -> None:
    """Same partition, same offset, another stay: the record is still to be delivered."""
    assigned_partitions, _ = _held()
    late = _taken(assigned_partitions, 0)
    assigned_partitions.park([("t", 0)])
    assigned_partitions.add(
        AssignedPartition(Assignment("t", 0), Progress(0), partitions_at_start=4)
    )
    _taken(assigned_partitions, 0)

    assert not assigned_partitions.settle(late, 1)
    assert assigned_partitions.outstanding == 1
    assert assigned_partitions.unacknowledged_events == 0


def test_what_is_left_of_a_halted_partition_is_no_work_that_waits() -> None:
    """It would fill the window of work for ever; what is settled of it is committed."""
    assigned_partitions, _ = _held()
    taken = [_taken(assigned_partitions, offset) for offset in range(3)]
    for assigned in assigned_partitions:
        assigned_partitions.halt(assigned)

    assert (assigned_partitions.outstanding, assigned_partitions.outstanding_bytes) == (0, 0)
    assert assigned_partitions.settle(taken[0], 1)
    commit = assigned_partitions.commit()
    assert commit is not None
    assert [one.offset for one in commit.offsets] == [1]


def test_a_commit_carries_what_is_settled_above_it_with_epoch_and_beginning() -> None:
    """Offset, leader epoch and metadata are one snapshot."""
    assigned_partitions, _ = _held()
    records = [_taken(assigned_partitions, offset) for offset in range(4)]
    for settled in (records[0], records[2]):
        assert assigned_partitions.settle(settled, 1)

    commit = assigned_partitions.commit()

    assert commit is not None
    [one] = commit.offsets
    assert (one.offset, one.leader_epoch) == (1, 5)
    listed = decode(one.metadata, 1)
    assert listed is not None
    assert (listed.settled, listed.partitions_at_start) == (((2, 3),), 4)
    assert assigned_partitions.outstanding_bytes == 20


def test_nothing_new_is_nothing_to_commit() -> None:
    """And a refused commit makes it worth one again."""
    assigned_partitions, _ = _held()
    assigned_partitions.settle(_taken(assigned_partitions, 0), 1)
    commit = assigned_partitions.commit()
    assert commit is not None
    assert assigned_partitions.commit() is None

    assert assigned_partitions.acknowledge(commit, failed=frozenset({("t", 0)})) == 0
    again = assigned_partitions.commit()
    assert again is not None
    assert assigned_partitions.acknowledge(again, failed=frozenset()) == 1
    assert assigned_partitions.unacknowledged_events == 0


def test_events_answered_after_the_snapshot_wait_for_the_next_commit() -> None:
    """A commit covers what it saw, not what came while it was under way."""
    assigned_partitions, _ = _held()
    assigned_partitions.settle(_taken(assigned_partitions, 0), 1)
    commit = assigned_partitions.commit()
    assigned_partitions.settle(_taken(assigned_partitions, 1), 2)
    assert commit is not None
    assert assigned_partitions.acknowledge(commit, failed=frozenset()) == 1
    assert assigned_partitions.unacknowledged_events == 2


def _odd(_: str, messages: Sequence[Message]) -> list[int]:
    """Somebody wants the records with odd offsets."""
    return [index for index, one in enumerate(messages) if (one.offset() or 0) % 2]


def _messages(begin: int, end: int) -> list[Message]:
    return [cast("Message", Polled(offset)) for offset in range(begin, end)]


def test_what_nobody_wants_is_neither_tracked_nor_counted_as_work() -> None:
    """The offset moves over it as soon as all before it is settled."""
    assigned_partitions, _ = _held()
    records, skipped = assigned_partitions.take(("t", 0), _messages(0, 10), _odd)
    assert ([one.offset for one in records], skipped) == ([1, 3, 5, 7, 9], 5)
    assert (assigned_partitions.outstanding, assigned_partitions.outstanding_bytes) == (5, 50)
    for record in records[1:]:
        assigned_partitions.settle(record, 1)
    commit = assigned_partitions.commit()
    assert commit is not None
    [offset] = commit.offsets
    listed = decode(offset.metadata, offset.offset)
    assert listed is not None
    assert (offset.offset, listed.settled) == (1, ((2, 10),))

    assigned_partitions.settle(records[0], 1)
    assert assigned_partitions.take(("t", 0), _messages(10, 12), lambda *_: []) == ([], 2)
    commit = assigned_partitions.commit()
    assert commit is not None
    assert [one.offset for one in commit.offsets] == [12]
    assert assigned_partitions.outstanding == assigned_partitions.outstanding_bytes == 0


def test_messages_that_were_read_before_are_neither_taken_nor_skipped_again() -> None:
    """After a seek back they come a second time."""
    assigned_partitions, _ = _held()
    assigned_partitions.take(("t", 0), _messages(0, 6), _odd)
    records, skipped = assigned_partitions.take(("t", 0), _messages(3, 9), _odd)
    assert ([one.offset for one in records], skipped) == ([7], 2)


def test_of_a_halted_partition_nothing_is_skipped() -> None:
    """The filter may be what is wrong: all is kept for who reads on from there."""
    assigned_partitions, _ = _held()
    first, _ = assigned_partitions.take(("t", 0), _messages(0, 4), _odd)
    for assigned in assigned_partitions:
        assigned_partitions.halt(assigned)
    records, skipped = assigned_partitions.take(("t", 0), _messages(4, 8), _odd)
    assert ([one.offset for one in records], skipped) == ([4, 5, 6, 7], 0)
    assert assigned_partitions.outstanding == 0
    assigned_partitions.settle(first[1], 1)
    commit = assigned_partitions.commit()
    assert commit is not None
    [offset] = commit.offsets
    listed = decode(offset.metadata, offset.offset)
    assert listed is not None
    assert (offset.offset, listed.settled) == (1, ((3, 4),))
