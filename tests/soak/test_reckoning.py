"""The soak's own reckoning: it must see what is lost and what nothing explains."""

from tests.soak.reckoning import Account, Excuse, judge

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
