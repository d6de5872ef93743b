"""Partitions held, and what a commit says of them."""

from typing import cast

from bridge.delivery.progress import Progress
from bridge.delivery.runs import decode
from bridge.kafka.holdings import Holding, Holdings
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
