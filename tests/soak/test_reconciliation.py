"""The soak test's reconciliation must detect lost records and unexplained duplicates."""

from typing import cast

from tests.soak.member import Member
from tests.soak.reconciliation import ArrivalCounts, DuplicateSource, reconcile
from tests.soak.records import ABORTED, NOT_ACKNOWLEDGED
from tests.soak.report import LOST, duplicate_sources
from tests.soak.timeline import Fault

HELD = frozenset({0, 1})
KILL = DuplicateSource("bridge SIGKILL", "bridge 2", 100.0, 100.0, HELD)


def _counts(*arrivals: tuple[int, float]) -> ArrivalCounts:
    counts = ArrivalCounts()
    counts.add(arrivals)
    return counts


def test_an_acknowledged_record_that_never_arrived_is_lost() -> None:
    """A record that Kafka did not acknowledge may be missing."""
    result = reconcile(_counts((0, 1.0), (2, 1.0)), bytes([0, 0, 0, NOT_ACKNOWLEDGED]), [], 10)

    assert result.lost == [1]
    assert not result.holds


def test_a_record_of_an_aborted_transaction_must_not_arrive() -> None:
    """It may not be missing either, because no reader may see it."""
    aborted = bytes([0, ABORTED, ABORTED])

    assert reconcile(_counts((0, 1.0)), aborted, [], 10).holds
    assert reconcile(_counts((0, 1.0), (2, 1.0)), aborted, [], 10).unexpected == [2]


def test_a_kill_explains_duplicates_up_to_the_budget() -> None:
    """The third of three duplicates exceeds a budget of two."""
    arrivals = [(n, 99.0 + n / 10) for n in range(3)] + [(n, 105.0 + n) for n in range(3)]

    result = reconcile(_counts(*arrivals), bytes([0, 1, 0]), [KILL], 2)

    assert result.by_source == [(KILL, 2)]
    assert [one.number for one in result.unexplained] == [2]
    assert not result.holds


def test_a_kill_does_not_explain_duplicates_of_other_partitions() -> None:
    """The arrivals are around the kill, but the partition belonged to another process."""
    result = reconcile(_counts((0, 99.0), (0, 105.0)), bytes([2]), [KILL], 10)

    assert len(result.unexplained) == 1


def test_a_kill_does_not_explain_earlier_or_later_duplicates() -> None:
    """Both arrivals are before the kill, or both are after it."""
    arrivals = ((0, 90.0), (0, 92.0), (1, 110.0), (1, 112.0))

    result = reconcile(_counts(*arrivals), bytes([0, 1]), [KILL], 10)

    assert [one.number for one in result.unexplained] == [0, 1]


def test_each_of_two_kills_has_its_own_budget() -> None:
    """If the first kill's budget is used up, the second one may explain the duplicate."""
    second = DuplicateSource("bridge SIGKILL", "bridge 3", 103.0, 103.0, HELD)
    arrivals = [(n, 99.0) for n in range(2)] + [(n, 105.0) for n in range(2)]

    result = reconcile(_counts(*arrivals), bytes([0, 1]), [KILL, second], 1)

    assert result.by_source == [(KILL, 1), (second, 1)]
    assert result.holds


def test_an_event_without_a_record_violates_the_guarantee() -> None:
    """Its number is beyond the written ones."""
    result = reconcile(_counts((0, 1.0), (7, 1.0), (7, 2.0)), bytes([0]), [], 10)

    assert result.unexpected == [7]
    assert not result.holds


class Frozen:
    """A member that was frozen from 100 to 122, during a rebalance."""

    name = "bridge 2"

    def history(self) -> list[tuple[float, str, frozenset[int]]]:
        """It logs the loss before the end of the fault is recorded."""
        return [
            (90.0, "assigned", frozenset({1, 2, 3})),
            (121.8, "revoked", frozenset({1})),
            (121.9, "lost", frozenset({2, 3})),
        ]

    def held_partitions(self, _begin_s: float, _end_s: float) -> frozenset[int]:
        """Its partitions when it froze."""
        return frozenset({1, 2, 3})


def test_a_member_frozen_past_its_session_lost_all_its_partitions() -> None:
    """There is one source for it, from the start of the freeze."""
    fault = Fault("bridge SIGSTOP, past its session", "bridge 2", 100.0, 122.0)

    [source] = duplicate_sources([fault], [cast("Member", Frozen())])

    assert source == DuplicateSource(LOST, "bridge 2", 100.0, 123.9, frozenset({1, 2, 3}))


def test_a_running_member_lost_its_partitions_at_most_one_session_ago() -> None:
    """Only lost partitions may have duplicates, because revoked ones were drained."""
    [source] = duplicate_sources([], [cast("Member", Frozen())])

    assert source.partitions == frozenset({2, 3})
    assert source.begin_s < 121.9
