"""How far one assignment is done: the small cases, by hand."""

from bridge.delivery.progress import Progress, ProgressSnapshot, merge_ranges


def test_the_committable_offset_stops_at_the_first_that_is_not_settled() -> None:
    """Whatever is settled above it is told as runs."""
    progress = Progress(10)
    for offset in range(10, 20):
        assert progress.track(offset, 3)
    for offset in (10, 11, 13, 14, 17):
        progress.settle(offset)

    assert progress.snapshot() == ProgressSnapshot(12, 3, ((13, 15), (17, 18)))
    assert progress.outstanding == 5


def test_a_gap_in_the_offsets_is_nothing_to_wait_for() -> None:
    """Compaction and transaction markers leave holes; they are passed, and join runs."""
    progress = Progress(0)
    for offset in (5, 9, 12, 20):
        progress.track(offset)
    progress.settle(9)
    progress.settle(12)
    assert progress.snapshot() == ProgressSnapshot(5, None, ((6, 20),))

    progress.settle(5)
    assert progress.committable == 20


def test_the_epoch_is_that_of_the_record_before_the_committed_offset() -> None:
    """Carried to another offset it would report a truncation that never was."""
    progress = Progress(0, leader_epoch=1)
    assert progress.snapshot().leader_epoch == 1
    progress.track(0, 4)
    progress.track(1, 7)
    progress.settle(1)
    assert progress.snapshot().leader_epoch == 1
    progress.settle(0)
    assert progress.snapshot() == ProgressSnapshot(2, 7, ())


def test_what_the_metadata_lists_is_not_to_be_sent_again() -> None:
    """Offsets of a listed run are seen and settled at once."""
    progress = Progress(10, settled=[(11, 13), (20, 22)])
    assert [progress.track(offset) for offset in (10, 11, 12, 13)] == [True, False, False, True]
    assert progress.snapshot() == ProgressSnapshot(10, None, ((11, 13), (20, 22)))


def test_an_offset_seen_before_is_not_taken_again() -> None:
    """After a seek back, or a second delivery of the same batch."""
    progress = Progress(0)
    assert progress.track(0)
    assert not progress.track(0)
    progress.settle(0)
    progress.settle(0)
    assert progress.committable == 1


def test_committable_stands_behind_what_is_known_to_be_settled_next() -> None:
    """A list never begins at its base; and the epoch of an earlier record is not carried there."""
    progress = Progress(10, settled=[(11, 13), (15, 16)])
    progress.track(10, leader_epoch=3)
    progress.settle(10)
    assert progress.snapshot() == ProgressSnapshot(13, None, ((15, 16),))

    progress.track(13, leader_epoch=4)
    assert progress.snapshot() == ProgressSnapshot(13, None, ((15, 16),))
    progress.settle(13)
    assert progress.snapshot() == ProgressSnapshot(14, 4, ((15, 16),))


def test_what_an_assignment_knows_begins_at_its_own_base() -> None:
    """Of offsets before it, it knows nothing."""
    progress = Progress(10)
    for offset in (10, 11, 12, 14):
        progress.track(offset)
    for offset in (10, 12, 14):
        progress.settle(offset)
    assert progress.settled_from(0) == ((10, 11), (12, 15))
    assert progress.settled_from(13) == ((13, 15),)
    assert progress.settled_from(15) == ()


def test_the_events_of_what_is_settled_above_an_offset_are_counted_once() -> None:
    """And no more when committable has passed them."""
    progress = Progress(0)
    for offset in range(4):
        progress.track(offset)
    progress.settle(2, events=3)
    progress.settle(2, events=3)
    progress.settle(3, events=1)
    assert [progress.events_from(offset) for offset in (0, 2, 3, 4)] == [4, 4, 1, 0]
    progress.settle(0, events=1)
    progress.settle(1, events=1)
    assert progress.events_from(4) == 0


def test_runs_that_touch_are_one() -> None:
    """In order, whatever order they come in."""
    assert merge_ranges([(5, 7), (1, 2), (2, 4), (6, 9), (20, 21)]) == ((1, 4), (5, 9), (20, 21))
