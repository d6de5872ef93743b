"""Partitions held, and what a commit says of them."""

from collections.abc import Sequence
from typing import cast

from bridge.delivery.progress import Progress
from bridge.delivery.runs import decode
from bridge.kafka.holding import Holding
from bridge.kafka.holdings import Holdings
from bridge.kafka.source_options import everything
from bridge.records import Assignment, Message, Record
from tests.unit.kafka.messages import Polled


def _held(base: int = 0) -> tuple[Holdings, Assignment]:
    holdings, assignment = Holdings(), Assignment("t", 0)
    holdings.add(Holding(assignment, Progress(base), partitions_at_start=4))
    return holdings, assignment


def _take(holdings: Holdings, offset: int, partition: int = 0) -> Record | None:
    message = cast("Message", Polled(offset, partition))
    records, _ = holdings.take(("t", partition), [message], everything)
    return records[0] if records else None


def _taken(holdings: Holdings, offset: int) -> Record:
    record = _take(holdings, offset)
    assert record is not None
    return record


def test_a_record_of_a_partition_that_is_not_held_is_ignored() -> None:
    """It was fetched before the partition went away, and is somebody else's now."""
    holdings, _ = _held()
    assert _take(holdings, 0, partition=1) is None


def test_a_late_settle_changes_nothing_of_a_later_assignment() -> None:
    """Same partition, same offset, another stay: the record is still to be delivered."""
    holdings, _ = _held()
    late = _taken(holdings, 0)
    holdings.park([("t", 0)])
    holdings.add(Holding(Assignment("t", 0), Progress(0), partitions_at_start=4))
    _taken(holdings, 0)

    assert not holdings.settle(late, 1)
    assert holdings.outstanding == 1
    assert holdings.unacknowledged_events == 0


def test_what_is_left_of_a_halted_partition_is_no_work_that_waits() -> None:
    """It would fill the window of work for ever; what is settled of it is committed."""
    holdings, _ = _held()
    taken = [_taken(holdings, offset) for offset in range(3)]
    for holding in holdings:
        holdings.halt(holding)

    assert (holdings.outstanding, holdings.outstanding_bytes) == (0, 0)
    assert holdings.settle(taken[0], 1)
    commit = holdings.commit()
    assert commit is not None
    assert [one.offset for one in commit.offsets] == [1]


def test_a_commit_carries_what_is_settled_above_it_with_epoch_and_beginning() -> None:
    """Offset, leader epoch and metadata are one snapshot."""
    holdings, _ = _held()
    records = [_taken(holdings, offset) for offset in range(4)]
    for settled in (records[0], records[2]):
        assert holdings.settle(settled, 1)

    commit = holdings.commit()

    assert commit is not None
    [one] = commit.offsets
    assert (one.offset, one.leader_epoch) == (1, 5)
    listed = decode(one.metadata, 1)
    assert listed is not None
    assert (listed.settled, listed.partitions_at_start) == (((2, 3),), 4)
    assert holdings.outstanding_bytes == 20


def test_nothing_new_is_nothing_to_commit() -> None:
    """And a refused commit makes it worth one again."""
    holdings, _ = _held()
    holdings.settle(_taken(holdings, 0), 1)
    commit = holdings.commit()
    assert commit is not None
    assert holdings.commit() is None

    assert holdings.acknowledge(commit, failed=frozenset({("t", 0)})) == 0
    again = holdings.commit()
    assert again is not None
    assert holdings.acknowledge(again, failed=frozenset()) == 1
    assert holdings.unacknowledged_events == 0


def test_events_answered_after_the_snapshot_wait_for_the_next_commit() -> None:
    """A commit covers what it saw, not what came while it was under way."""
    holdings, _ = _held()
    holdings.settle(_taken(holdings, 0), 1)
    commit = holdings.commit()
    holdings.settle(_taken(holdings, 1), 2)
    assert commit is not None
    assert holdings.acknowledge(commit, failed=frozenset()) == 1
    assert holdings.unacknowledged_events == 2


def _odd(_: str, messages: Sequence[Message]) -> list[int]:
    """Somebody wants the records with odd offsets."""
    return [index for index, one in enumerate(messages) if (one.offset() or 0) % 2]


def _messages(begin: int, end: int) -> list[Message]:
    return [cast("Message", Polled(offset)) for offset in range(begin, end)]


def test_what_nobody_wants_is_neither_tracked_nor_counted_as_work() -> None:
    """The offset moves over it as soon as all before it is settled."""
    holdings, _ = _held()
    records, skipped = holdings.take(("t", 0), _messages(0, 10), _odd)
    assert ([one.offset for one in records], skipped) == ([1, 3, 5, 7, 9], 5)
    assert (holdings.outstanding, holdings.outstanding_bytes) == (5, 50)
    for record in records[1:]:
        holdings.settle(record, 1)
    commit = holdings.commit()
    assert commit is not None
    [offset] = commit.offsets
    listed = decode(offset.metadata, offset.offset)
    assert listed is not None
    assert (offset.offset, listed.settled) == (1, ((2, 10),))

    holdings.settle(records[0], 1)
    assert holdings.take(("t", 0), _messages(10, 12), lambda *_: []) == ([], 2)
    commit = holdings.commit()
    assert commit is not None
    assert [one.offset for one in commit.offsets] == [12]
    assert holdings.outstanding == holdings.outstanding_bytes == 0


def test_messages_that_were_read_before_are_neither_taken_nor_skipped_again() -> None:
    """After a seek back they come a second time."""
    holdings, _ = _held()
    holdings.take(("t", 0), _messages(0, 6), _odd)
    records, skipped = holdings.take(("t", 0), _messages(3, 9), _odd)
    assert ([one.offset for one in records], skipped) == ([7], 2)


def test_of_a_halted_partition_nothing_is_skipped() -> None:
    """The filter may be what is wrong: all is kept for who reads on from there."""
    holdings, _ = _held()
    first, _ = holdings.take(("t", 0), _messages(0, 4), _odd)
    for holding in holdings:
        holdings.halt(holding)
    records, skipped = holdings.take(("t", 0), _messages(4, 8), _odd)
    assert ([one.offset for one in records], skipped) == ([4, 5, 6, 7], 0)
    assert holdings.outstanding == 0
    holdings.settle(first[1], 1)
    commit = holdings.commit()
    assert commit is not None
    [offset] = commit.offsets
    listed = decode(offset.metadata, offset.offset)
    assert listed is not None
    assert (offset.offset, listed.settled) == (1, ((3, 4),))
