"""The rate limit step by step; time is an argument."""

import pytest

from bridge.delivery.rate_limit import LATENESS_MAX_S, RATE_FIRST, RATE_MIN, RateLimit


def _send(rate: RateLimit, from_s: float, to_s: float, step_s: float = 0.001) -> list[float]:
    """Send whenever allowed, checking each millisecond; all requests are accepted at once."""
    started = []
    for step in range(round((to_s - from_s) / step_s)):
        now_s = from_s + step * step_s
        while rate.wait_s(now_s) <= 0:
            rate.begin(now_s)
            rate.accepted(now_s - 0.05, now_s)
            started.append(now_s)
    return started


def test_a_given_rate_holds_from_the_first_second() -> None:
    """Evenly: a burst has no more requests than the lateness allowance."""
    started = _send(RateLimit(0.0, 98.0), 0.0, 10.0)
    assert 979 <= len(started) <= 984
    assert all(sum(s <= one < s + 0.1 for one in started) <= 14 for s in started)


def test_a_late_timer_loses_no_slot_and_idle_time_saves_none() -> None:
    """20 ms of lateness are caught up with; a minute is not."""
    rate = RateLimit(0.0, 100.0)
    assert len(_send(rate, 0.0, 10.0, step_s=0.02)) == pytest.approx(1000, abs=4)
    assert len(_send(rate, 70.0, 70.001)) <= 100 * LATENESS_MAX_S + 1


def test_without_a_given_rate_it_doubles_until_the_first_429() -> None:
    """Within two seconds it far exceeds what FullStory's customers send."""
    rate = RateLimit(0.0)
    assert rate.per_s == RATE_FIRST
    _send(rate, 0.0, 1.0)
    assert 4 * RATE_FIRST < rate.per_s < 40 * RATE_FIRST


def test_it_doubles_more_slowly_with_long_round_trips() -> None:
    """Otherwise more requests would be in flight, and refused, at the limit."""
    rate = RateLimit(0.0)
    for step in range(1_000):
        if rate.wait_s(step / 1_000) <= 0:
            rate.begin(step / 1_000)
            rate.accepted(step / 1_000 - 0.4, step / 1_000)
    assert RATE_FIRST < rate.per_s < 4 * RATE_FIRST


def test_it_does_not_grow_while_it_delays_nothing() -> None:
    """Ten requests per second for an hour prove nothing about 500."""
    rate = RateLimit(0.0)
    for tenth in range(36_000):
        rate.begin(tenth / 10)
        rate.accepted(tenth / 10, tenth / 10 + 0.05)
    assert rate.per_s == RATE_FIRST


def test_a_series_of_429s_decreases_once() -> None:
    """50 refused requests that started before the first 429 count once."""
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


def test_the_longest_retry_after_applies() -> None:
    """A later 429 with a shorter wait does not shorten an earlier one."""
    rate = RateLimit(0.0, 100.0)
    rate.refused(0.0, 7.0, 1.0)
    rate.refused(0.0, 1.0, 2.0)
    assert rate.wait_s(2.0) == pytest.approx(6.0)
    rate.refused(0.0, 9.0, 2.0)
    assert rate.wait_s(2.0) == pytest.approx(9.0)


def test_after_retry_after_requests_start_at_the_rate() -> None:
    """All at once would cause the next 429s."""
    rate = RateLimit(0.0, 100.0)
    _send(rate, 0.0, 3.0)
    rate.refused(2.9, 5.0, 3.0)
    started = _send(rate, 3.0, 9.0)
    assert started[0] == pytest.approx(8.0)
    assert sum(s < 8.1 for s in started) <= 10


def test_it_recovers_holds_and_grows_up_to_the_maximum() -> None:
    """It never exceeds the maximum."""
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


def test_one_429_after_idle_time_does_not_reduce_it_to_nothing() -> None:
    """The accepted rate is measured only while there is something to send."""
    rate = RateLimit(0.0, 100.0)
    for burst in range(10):
        _send(rate, burst * 60.0, burst * 60.0 + 2.0)
    rate.refused(541.99, 1.0, 542.0)
    assert rate.per_s > 50


def test_a_rate_far_above_the_traffic_decreases_to_the_traffic_at_once() -> None:
    """Otherwise it would take 100 decreases from a million to a limit of 40."""
    rate = RateLimit(0.0, 1_000_000.0)
    for step in range(800):
        rate.begin(step / 80)
        rate.accepted(step / 80, step / 80)
    rate.refused(9.99, 1.0, 10.0)
    assert 60 < rate.per_s < 80


def test_while_everything_is_refused_one_request_at_a_time_probes() -> None:
    """Ten minutes of 429s are not the new limit; afterwards the old rate resumes."""
    rate, requests, now_s = RateLimit(0.0, 100.0), 0, 5.0
    _send(rate, 0.0, now_s)
    rate.refused(4.99, 1.0, now_s)
    lowered = rate.per_s
    while now_s < 600:
        now_s += rate.wait_s(now_s)
        in_flight = []
        while rate.wait_s(now_s + 0.05) <= 0:
            started_s = now_s + max(0.0, rate.wait_s(now_s))
            rate.begin(started_s)
            in_flight.append(started_s)
        for started_s in in_flight:
            rate.refused(started_s, 1.0, started_s + 0.05)
        requests += len(in_flight)
    assert 500 < requests < 700
    assert rate.per_s >= lowered
    assert len(_send(rate, now_s, now_s + 3.0)) > 1.5 * lowered


def test_a_rate_does_not_grow_while_nothing_is_accepted() -> None:
    """Otherwise ten minutes of 429s would end with a million at once, and the next 429s."""
    rate, now_s = RateLimit(0.0), 10.0
    for step in range(800):
        rate.begin(step / 80)
        rate.accepted(step / 80, step / 80)
    for started_s in (9.99, 11.0):
        rate.refused(started_s, 1.0, started_s + 0.01)
    found = rate.per_s
    while now_s < 600:
        now_s += max(0.0, rate.wait_s(now_s))
        rate.begin(now_s)
        rate.failed()
    assert rate.per_s == found


def test_a_very_low_limit_is_found() -> None:
    """It still sends every two seconds, to notice a higher limit."""
    rate, now_s = RateLimit(0.0), 0.0
    for _ in range(200):
        now_s += max(0.0, rate.wait_s(now_s))
        rate.begin(now_s)
        rate.accepted(now_s, now_s)
        rate.refused(now_s, 60.0, now_s)
        now_s += 60
    assert RATE_MIN / 2 < rate.per_s < 2


def test_a_share_of_the_account_changes_the_maximum() -> None:
    """Half of the partitions get half of the rate; the full rate returns with them."""
    rate = RateLimit(0.0, 100.0)
    rate.set_share(0.5)
    assert len(_send(rate, 0.0, 10.0)) == pytest.approx(500, abs=5)
    rate.set_share(1.0)
    assert rate.per_s == 100.0
    rate.set_share(0.0)
    assert rate.per_s == RATE_MIN


def test_a_larger_share_does_not_undo_a_decrease() -> None:
    """The rate recovers as usual."""
    rate = RateLimit(0.0, 100.0)
    rate.set_share(0.5)
    _send(rate, 0.0, 5.0)
    rate.refused(4.99, 1.0, 5.0)
    low = rate.per_s
    rate.set_share(1.0)
    assert rate.per_s == low < 50


def test_without_a_given_rate_a_share_changes_nothing() -> None:
    """The rate is measured."""
    rate = RateLimit(0.0)
    rate.set_share(0.1)
    assert rate.per_s == RATE_FIRST


def _fail(rate: RateLimit, from_s: float, to_s: float) -> None:
    """Send whenever allowed, checking each millisecond; no request is accepted."""
    for step in range(round((to_s - from_s) * 1_000)):
        now_s = from_s + step / 1_000
        while rate.wait_s(now_s) <= 0:
            rate.begin(now_s)
            rate.failed()


def test_a_429_after_an_outage_keeps_the_rate() -> None:
    """20 seconds without an accepted request say nothing about the limit."""
    rate = RateLimit(0.0, 308.0)
    _send(rate, 0.0, 10.0)
    _fail(rate, 10.0, 30.0)
    rate.refused(29.99, 1.0, 30.0)
    assert len(_send(rate, 30.0, 36.0)) > 0.95 * 308 * 5
    assert rate.per_s > 290


def test_a_429_keeps_the_rate_with_successes_around_the_outage() -> None:
    """Failed requests fall into the measured time and must not halve the rate."""
    for outage_s, recovered_s in ((20.0, 0.2), (1.0, 0.0), (1.0, 0.2)):
        rate = RateLimit(0.0, 308.0)
        _send(rate, 0.0, 10.0)
        _fail(rate, 10.0, 10.0 + outage_s)
        now_s = 10.0 + outage_s + recovered_s
        _send(rate, 10.0 + outage_s, now_s)
        rate.refused(now_s - 0.01, 1.0, now_s)
        _send(rate, now_s, now_s + 6.0)
        assert rate.per_s > 280


def test_recovery_from_a_very_low_rate_is_not_slower() -> None:
    """It grows from 0.5/s to 30/s as soon as from a higher rate."""
    rate, now_s = RateLimit(0.0, 30.0), 0.0
    while rate.per_s > 0.6:
        rate.begin(now_s)
        rate.accepted(now_s, now_s)
        rate.refused(now_s, 1.0, now_s)
        now_s += 1.0
    _send(rate, now_s, now_s + 45.0)
    assert rate.per_s == 30.0
