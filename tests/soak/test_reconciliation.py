"""The soak's own reckoning: it must see what is lost and what nothing explains."""

from typing import cast

from tests.soak.member import Member
from tests.soak.reconciliation import Account, Excuse, judge
from tests.soak.report import LOST, excuses
from tests.soak.timeline import Deed

HELD = frozenset({0, 1})
KILL = Excuse("bridge SIGKILL", "bridge 2", 100.0, 100.0, HELD)
NOBODY = 255


def _account(*arrivals: tuple[int, float]) -> Account:
    account = Account()
    account.note(arrivals)
    return account


def test_a_record_that_kafka_took_and_fullstory_never_had_is_lost() -> None:
    """Each number counts for itself; one that Kafka did not acknowledge may be absent."""
    verdict = judge(_account((0, 1.0), (2, 1.0)), bytes([0, 0, 0, NOBODY]), NOBODY, [], 10)

    assert verdict.lost == [1]
    assert not verdict.holds


def test_what_came_again_after_a_kill_is_the_kills_up_to_the_budget() -> None:
    """The third of three repeated events is beyond a budget of two."""
    arrivals = [(n, 99.0 + n / 10) for n in range(3)] + [(n, 105.0 + n) for n in range(3)]

    verdict = judge(_account(*arrivals), bytes([0, 1, 0]), NOBODY, [KILL], 2)

    assert verdict.by_excuse == [(KILL, 2)]
    assert [one.number for one in verdict.unexplained] == [2]
    assert not verdict.holds


def test_a_kill_explains_nothing_of_partitions_that_its_process_did_not_hold() -> None:
    """The event came twice around the kill, but of another process's partition."""
    verdict = judge(_account((0, 99.0), (0, 105.0)), bytes([2]), NOBODY, [KILL], 10)

    assert len(verdict.unexplained) == 1


def test_a_kill_explains_nothing_that_lies_before_or_after_it() -> None:
    """Both arrivals before the kill, or both after it."""
    arrivals = ((0, 90.0), (0, 92.0), (1, 110.0), (1, 112.0))

    verdict = judge(_account(*arrivals), bytes([0, 1]), NOBODY, [KILL], 10)

    assert [one.number for one in verdict.unexplained] == [0, 1]


def test_with_two_kills_each_has_its_own_budget() -> None:
    """What the first has no budget left for may be the second's, where it lies between too."""
    second = Excuse("bridge SIGKILL", "bridge 3", 103.0, 103.0, HELD)
    arrivals = [(n, 99.0) for n in range(2)] + [(n, 105.0) for n in range(2)]

    verdict = judge(_account(*arrivals), bytes([0, 1]), NOBODY, [KILL, second], 1)

    assert verdict.by_excuse == [(KILL, 1), (second, 1)]
    assert verdict.holds


def test_an_event_that_nobody_wrote_breaks_the_promise() -> None:
    """A number beyond those written."""
    verdict = judge(_account((0, 1.0), (7, 1.0), (7, 2.0)), bytes([0]), NOBODY, [], 10)

    assert verdict.strange == [7]
    assert not verdict.holds


class Frozen:
    """A member that was frozen from 100 to 122, in the middle of a rebalance."""

    name = "bridge 2"

    def story(self) -> list[tuple[float, str, frozenset[int]]]:
        """It learns of its loss before the deed that woke it is noted as done."""
        return [
            (90.0, "assigned", frozenset({1, 2, 3})),
            (121.8, "revoked", frozenset({1})),
            (121.9, "lost", frozenset({2, 3})),
        ]

    def held(self, _begin_s: float, _end_s: float) -> frozenset[int]:
        """What it held when it fell silent."""
        return frozenset({1, 2, 3})


def test_a_member_that_was_frozen_past_its_session_lost_all_that_it_held_then() -> None:
    """One budget for it, from the moment at which it fell silent."""
    deed = Deed("bridge SIGSTOP, past its session", "bridge 2", 100.0, 122.0)

    [excuse] = excuses([deed], [cast("Member", Frozen())])

    assert excuse == Excuse(LOST, "bridge 2", 100.0, 123.9, frozenset({1, 2, 3}))


def test_a_member_that_lost_its_partitions_awake_was_sure_of_them_a_session_ago() -> None:
    """Only what it lost may come twice: the rest it gave up in order."""
    [excuse] = excuses([], [cast("Member", Frozen())])

    assert excuse.partitions == frozenset({2, 3})
    assert excuse.begin_s < 121.9
