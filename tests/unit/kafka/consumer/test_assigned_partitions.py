"""Assigned partitions, and the content of their commits."""

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


def _track(
    assigned_partitions: AssignedPartitions, offset: int, partition: int = 0
) -> Record | None:
    message = cast("Message", Polled(offset, partition))
    records, _ = assigned_partitions.track(("t", partition), [message], every_record)
    return records[0] if records else None


def _tracked(assigned_partitions: AssignedPartitions, offset: int) -> Record:
    record = _track(assigned_partitions, offset)
    assert record is not None
    return record


def test_a_record_of_an_unassigned_partition_is_ignored() -> None:
    """It was fetched before the partition was revoked, and now belongs to another member."""
    assigned_partitions, _ = _held()
    assert _track(assigned_partitions, 0, partition=1) is None


def test_a_late_settle_does_not_change_a_later_assignment() -> None:
    """Same partition and offset, another assignment: the record still has to be delivered."""
    assigned_partitions, _ = _held()
    late = _tracked(assigned_partitions, 0)
    assigned_partitions.remove([("t", 0)])
    assigned_partitions.add(
        AssignedPartition(Assignment("t", 0), Progress(0), partitions_at_start=4)
    )
    _tracked(assigned_partitions, 0)

    assert not assigned_partitions.settle(late, 1)
    assert assigned_partitions.outstanding == 1
    assert assigned_partitions.unacknowledged_events == 0


def test_records_of_a_halted_partition_do_not_count_as_outstanding() -> None:
    """They would fill the window for ever; what is settled of them is still committed."""
    assigned_partitions, _ = _held()
    records = [_tracked(assigned_partitions, offset) for offset in range(3)]
    for assigned in assigned_partitions:
        assigned_partitions.halt(assigned)

    assert (assigned_partitions.outstanding, assigned_partitions.outstanding_bytes) == (0, 0)
    assert assigned_partitions.settle(records[0], 1)
    commit = assigned_partitions.commit()
    assert commit is not None
    assert [one.offset for one in commit.offsets] == [1]


def test_a_commit_contains_settled_ranges_epoch_and_partition_count() -> None:
    """Offset, leader epoch and metadata are one snapshot."""
    assigned_partitions, _ = _held()
    records = [_tracked(assigned_partitions, offset) for offset in range(4)]
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


def test_a_partition_is_committed_only_after_a_change() -> None:
    """A refused commit makes it due again."""
    assigned_partitions, _ = _held()
    assigned_partitions.settle(_tracked(assigned_partitions, 0), 1)
    commit = assigned_partitions.commit()
    assert commit is not None
    assert assigned_partitions.commit() is None

    assert assigned_partitions.acknowledge(commit, failed=frozenset({("t", 0)})) == 0
    again = assigned_partitions.commit()
    assert again is not None
    assert assigned_partitions.acknowledge(again, failed=frozenset()) == 1
    assert assigned_partitions.unacknowledged_events == 0


def test_events_answered_after_the_snapshot_wait_for_the_next_commit() -> None:
    """A commit covers its snapshot, not events answered while it was in flight."""
    assigned_partitions, _ = _held()
    assigned_partitions.settle(_tracked(assigned_partitions, 0), 1)
    commit = assigned_partitions.commit()
    assigned_partitions.settle(_tracked(assigned_partitions, 1), 2)
    assert commit is not None
    assert assigned_partitions.acknowledge(commit, failed=frozenset()) == 1
    assert assigned_partitions.unacknowledged_events == 2


def _odd(_: str, messages: Sequence[Message]) -> list[int]:
    """Selects the records with odd offsets."""
    return [index for index, one in enumerate(messages) if (one.offset() or 0) % 2]


def _messages(first: int, end: int) -> list[Message]:
    return [cast("Message", Polled(offset)) for offset in range(first, end)]


def test_skipped_records_are_neither_tracked_nor_outstanding() -> None:
    """The offset advances over them once all records before them are settled."""
    assigned_partitions, _ = _held()
    records, skipped = assigned_partitions.track(("t", 0), _messages(0, 10), _odd)
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
    assert assigned_partitions.track(("t", 0), _messages(10, 12), lambda *_: []) == ([], 2)
    commit = assigned_partitions.commit()
    assert commit is not None
    assert [one.offset for one in commit.offsets] == [12]
    assert assigned_partitions.outstanding == assigned_partitions.outstanding_bytes == 0


def test_messages_read_before_are_neither_tracked_nor_skipped_again() -> None:
    """They arrive a second time after the consumer seeks back."""
    assigned_partitions, _ = _held()
    assigned_partitions.track(("t", 0), _messages(0, 6), _odd)
    records, skipped = assigned_partitions.track(("t", 0), _messages(3, 9), _odd)
    assert ([one.offset for one in records], skipped) == ([7], 2)


def test_no_record_of_a_halted_partition_is_skipped() -> None:
    """The filter may be the cause of the halt, so all records are kept for the next reader."""
    assigned_partitions, _ = _held()
    first, _ = assigned_partitions.track(("t", 0), _messages(0, 4), _odd)
    for assigned in assigned_partitions:
        assigned_partitions.halt(assigned)
    records, skipped = assigned_partitions.track(("t", 0), _messages(4, 8), _odd)
    assert ([one.offset for one in records], skipped) == ([4, 5, 6, 7], 0)
    assert assigned_partitions.outstanding == 0
    assigned_partitions.settle(first[1], 1)
    commit = assigned_partitions.commit()
    assert commit is not None
    [offset] = commit.offsets
    listed = decode(offset.metadata, offset.offset)
    assert listed is not None
    assert (offset.offset, listed.settled) == (1, ((3, 4),))
