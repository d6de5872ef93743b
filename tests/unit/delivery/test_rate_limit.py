"""The pace and the gate, step by step; time is an argument."""

import pytest

from bridge.delivery.rate_limit import LATE_S, RATE_FIRST, RATE_MIN, RateLimit


def _send(rate: RateLimit, from_s: float, to_s: float, step_s: float = 0.001) -> list[float]:
    """Send whenever it may, looking every millisecond; all of it is accepted at once."""
    begun = []
    for step in range(round((to_s - from_s) / step_s)):
        now_s = from_s + step * step_s
        while rate.wait_s(now_s) <= 0:
            rate.begin(now_s)
            rate.accepted(now_s - 0.05, now_s)
            begun.append(now_s)
    return begun


def test_a_given_rate_is_kept_from_the_first_second_on() -> None:
    """Evenly: no more than the lateness that is caught up with comes at once."""
    begun = _send(RateLimit(0.0, 98.0), 0.0, 10.0)
    assert 979 <= len(begun) <= 984
    assert all(sum(s <= one < s + 0.1 for one in begun) <= 14 for s in begun)


def test_a_late_timer_loses_no_slot_and_a_quiet_time_saves_none_up() -> None:
    """Twenty milliseconds late are made up for; a minute is not."""
    rate = RateLimit(0.0, 100.0)
    assert len(_send(rate, 0.0, 10.0, step_s=0.02)) == pytest.approx(1000, abs=4)
    assert len(_send(rate, 70.0, 70.001)) <= 100 * LATE_S + 1


def test_without_a_rate_it_doubles_from_the_first_until_it_is_refused() -> None:
    """Within a second or two it is far beyond what FullStory's customers send."""
    rate = RateLimit(0.0)
    assert rate.per_s == RATE_FIRST
    _send(rate, 0.0, 1.0)
    assert 4 * RATE_FIRST < rate.per_s < 40 * RATE_FIRST


def test_it_doubles_more_slowly_when_answers_take_long() -> None:
    """More would be under way, and refused, when the limit is met."""
    rate = RateLimit(0.0)
    for step in range(1_000):
        if rate.wait_s(step / 1_000) <= 0:
            rate.begin(step / 1_000)
            rate.accepted(step / 1_000 - 0.4, step / 1_000)
    assert RATE_FIRST < rate.per_s < 4 * RATE_FIRST


def test_it_does_not_grow_while_nobody_is_held_back() -> None:
    """Ten requests a second for an hour prove nothing about five hundred."""
    rate = RateLimit(0.0)
    for tenth in range(36_000):
        rate.begin(tenth / 10)
        rate.accepted(tenth / 10, tenth / 10 + 0.05)
    assert rate.per_s == RATE_FIRST


def test_a_spell_of_429s_decreases_once() -> None:
    """Fifty refusals of requests that began before the first of them are one piece of news."""
    rate = RateLimit(0.0, 100.0)
    _send(rate, 0.0, 5.0)
    rate.refused(4.99, 1.0, 5.0)
    once = rate.per_s
    for _ in range(49):
        rate.refused(4.99, 1.0, 5.01)
    assert rate.per_s == once
    assert 80 < once < 95

    _send(rate, 6.0, 6.5)
    rate.refused(6.4, 1.0, 6.5)
    assert rate.per_s < once


def test_the_gate_is_closed_for_as_long_as_the_longest_refusal_says() -> None:
    """A later 429 with a shorter wait does not shorten what an earlier one asked for."""
    rate = RateLimit(0.0, 100.0)
    rate.refused(0.0, 7.0, 1.0)
    rate.refused(0.0, 1.0, 2.0)
    assert rate.wait_s(2.0) == pytest.approx(6.0)
    rate.refused(0.0, 9.0, 2.0)
    assert rate.wait_s(2.0) == pytest.approx(9.0)


def test_what_waited_at_the_gate_is_let_in_at_the_pace() -> None:
    """All at once would be the next spell."""
    rate = RateLimit(0.0, 100.0)
    _send(rate, 0.0, 3.0)
    rate.refused(2.9, 5.0, 3.0)
    begun = _send(rate, 3.0, 9.0)
    assert begun[0] == pytest.approx(8.0)
    assert sum(s < 8.1 for s in begun) <= 10


def test_it_comes_back_to_what_it_found_holds_that_and_goes_beyond_up_to_the_ceiling() -> None:
    """And never above it."""
    rate = RateLimit(0.0, 100.0)
    _send(rate, 0.0, 5.0)
    rate.refused(4.99, 1.0, 5.0)
    rates = []
    for second in range(6, 30):
        _send(rate, float(second), second + 1.0)
        rates.append(rate.per_s)
    assert rates == sorted(rates)
    assert rates[4] == pytest.approx(rates[5]) == pytest.approx(95.0, abs=1)
    assert rates[-1] == 100.0


def test_one_refusal_after_a_quiet_time_does_not_bring_it_to_nothing() -> None:
    """What was accepted is measured while there was something to send."""
    rate = RateLimit(0.0, 100.0)
    for burst in range(10):
        _send(rate, burst * 60.0, burst * 60.0 + 2.0)
    rate.refused(541.99, 1.0, 542.0)
    assert rate.per_s > 50


def test_a_rate_far_above_the_demand_is_brought_down_to_the_demand_at_once() -> None:
    """Else it would take a hundred spells from a million to the limit of forty."""
    rate = RateLimit(0.0, 1_000_000.0)
    for step in range(800):
        rate.begin(step / 80)
        rate.accepted(step / 80, step / 80)
    rate.refused(9.99, 1.0, 10.0)
    assert 60 < rate.per_s < 80


def test_while_everything_is_refused_one_at_a_time_asks() -> None:
    """Ten minutes of 429s are not the limit's new rate; afterwards it goes on where it was."""
    rate, asked, now_s = RateLimit(0.0, 100.0), 0, 5.0
    _send(rate, 0.0, now_s)
    rate.refused(4.99, 1.0, now_s)
    lowered = rate.per_s
    while now_s < 600:
        now_s += rate.wait_s(now_s)
        under_way = []
        while rate.wait_s(now_s + 0.05) <= 0:
            begun_s = now_s + max(0.0, rate.wait_s(now_s))
            rate.begin(begun_s)
            under_way.append(begun_s)
        for begun_s in under_way:
            rate.refused(begun_s, 1.0, begun_s + 0.05)
        asked += len(under_way)
    assert 500 < asked < 700
    assert rate.per_s >= lowered
    assert len(_send(rate, now_s, now_s + 3.0)) > 1.5 * lowered


def test_a_rate_does_not_grow_while_nothing_is_accepted() -> None:
    """Else ten minutes of 429s would end with a million at once, and the next spell."""
    rate, now_s = RateLimit(0.0), 10.0
    for step in range(800):
        rate.begin(step / 80)
        rate.accepted(step / 80, step / 80)
    for begun_s in (9.99, 11.0):
        rate.refused(begun_s, 1.0, begun_s + 0.01)
    found = rate.per_s
    while now_s < 600:
        now_s += max(0.0, rate.wait_s(now_s))
        rate.begin(now_s)
        rate.failed()
    assert rate.per_s == found


def test_a_limit_of_almost_nothing_is_found_too() -> None:
    """But it never asks less than once in two seconds, or it would not learn of a better one."""
    rate, now_s = RateLimit(0.0), 0.0
    for _ in range(200):
        now_s += max(0.0, rate.wait_s(now_s))
        rate.begin(now_s)
        rate.accepted(now_s, now_s)
        rate.refused(now_s, 60.0, now_s)
        now_s += 60
    assert RATE_MIN / 2 < rate.per_s < 2


def test_a_share_of_the_account_moves_the_ceiling() -> None:
    """Half of the partitions, half of the rate; when they come back, so does the rate."""
    rate = RateLimit(0.0, 100.0)
    rate.share(0.5)
    assert len(_send(rate, 0.0, 10.0)) == pytest.approx(500, abs=5)
    rate.share(1.0)
    assert rate.per_s == 100.0
    rate.share(0.0)
    assert rate.per_s == RATE_MIN


def test_a_larger_share_does_not_undo_a_decrease() -> None:
    """It is found out at the pace of every recovery."""
    rate = RateLimit(0.0, 100.0)
    rate.share(0.5)
    _send(rate, 0.0, 5.0)
    rate.refused(4.99, 1.0, 5.0)
    low = rate.per_s
    rate.share(1.0)
    assert rate.per_s == low < 50


def test_without_a_rate_a_share_says_nothing() -> None:
    """It is found out."""
    rate = RateLimit(0.0)
    rate.share(0.1)
    assert rate.per_s == RATE_FIRST


def _fail(rate: RateLimit, from_s: float, to_s: float) -> None:
    """Send whenever it may, looking every millisecond; nothing of it is accepted."""
    for step in range(round((to_s - from_s) * 1_000)):
        now_s = from_s + step / 1_000
        while rate.wait_s(now_s) <= 0:
            rate.begin(now_s)
            rate.failed()


def test_a_429_after_an_outage_leaves_the_rate_where_it_was() -> None:
    """For twenty seconds nothing was accepted: that says nothing about the limit."""
    rate = RateLimit(0.0, 308.0)
    _send(rate, 0.0, 10.0)
    _fail(rate, 10.0, 30.0)
    rate.refused(29.99, 1.0, 30.0)
    assert len(_send(rate, 30.0, 36.0)) > 0.95 * 308 * 5
    assert rate.per_s > 290


def test_so_it_does_when_some_were_accepted_after_the_outage_or_before_it() -> None:
    """Those that failed are in the seconds that are measured, and halve nothing."""
    for outage_s, well_s in ((20.0, 0.2), (1.0, 0.0), (1.0, 0.2)):
        rate = RateLimit(0.0, 308.0)
        _send(rate, 0.0, 10.0)
        _fail(rate, 10.0, 10.0 + outage_s)
        now_s = 10.0 + outage_s + well_s
        _send(rate, 10.0 + outage_s, now_s)
        rate.refused(now_s - 0.01, 1.0, now_s)
        _send(rate, now_s, now_s + 6.0)
        assert rate.per_s > 280


def test_who_waits_two_seconds_for_the_pace_waits_no_longer_for_the_recovery() -> None:
    """From one event in two seconds it is back at thirty as soon as from a higher rate."""
    rate, now_s = RateLimit(0.0, 30.0), 0.0
    while rate.per_s > 0.6:
        rate.begin(now_s)
        rate.accepted(now_s, now_s)
        rate.refused(now_s, 1.0, now_s)
        now_s += 1.0
    _send(rate, now_s, now_s + 45.0)
    assert rate.per_s == 30.0
