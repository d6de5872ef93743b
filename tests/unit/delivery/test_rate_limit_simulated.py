"""The rate limit against token buckets, in virtual time; `pytest -s` prints the table.

The promised cases run with three seeds each time, the whole table with eight in `make test-long`.
"""

from collections.abc import Sequence

import pytest

from tests.unit.delivery.rate_limited_account import STEADY, UP_AND_DOWN, Case, Result, run

SEEDS = range(3)
CASES = {
    "steady, ceiling 98": Case(STEADY, 98),
    "100/40/100, ceiling 98": Case(UP_AND_DOWN, 98),
    "100/40/100": Case(UP_AND_DOWN),
    "steady": Case(STEADY),
    "two replicas, ceiling 98 in halves": Case(STEADY, 98, replicas=2),
    "two replicas, steady": Case(STEADY, replicas=2),
    "two replicas, 100/40/100": Case(UP_AND_DOWN, replicas=2),
    "100/40/100, ceiling 98, Retry-After 5": Case(UP_AND_DOWN, 98, retry_after_s=5),
    "100/40/100, Retry-After 5": Case(UP_AND_DOWN, retry_after_s=5),
    "100/40/100, ceiling 98, round trip 200 ms": Case(UP_AND_DOWN, 98, round_trip_s=0.2),
    "100/40/100, round trip 200 ms": Case(UP_AND_DOWN, round_trip_s=0.2),
    "10/4/10, burst 10": Case(((60, 10), (120, 4), (180, 10)), burst=10),
    "1000/400/1000, burst 500": Case(((60, 1000), (120, 400), (180, 1000)), burst=500),
}
MIN_AND_MAX = {
    "steady, ceiling 98": (0.97, 0.0),
    "100/40/100, ceiling 98": (0.91, 0.002),
    "100/40/100": (0.88, 0.005),
    "steady": (0.92, 0.003),
    "two replicas, ceiling 98 in halves": (0.97, 0.0),
    "two replicas, steady": (0.85, 0.006),
    "two replicas, 100/40/100": (0.85, 0.008),
    "100/40/100, ceiling 98, Retry-After 5": (0.80, 0.001),
    "100/40/100, Retry-After 5": (0.55, 0.005),
    "100/40/100, ceiling 98, round trip 200 ms": (0.91, 0.004),
    "100/40/100, round trip 200 ms": (0.88, 0.01),
    "10/4/10, burst 10": (0.88, 0.03),
    "1000/400/1000, burst 500": (0.88, 0.003),
}
"""The minimum accepted share of the possible, and the maximum share of 429s; for every seed."""


PROMISED = ("steady, ceiling 98", "100/40/100, ceiling 98", "100/40/100", "two replicas, steady")


@pytest.mark.parametrize("name", PROMISED)
def test_it_uses_the_limit_with_few_429s(name: str) -> None:
    """For an unknown limit, a changing limit, or one shared with another replica."""
    _check(name, [run(CASES[name], seed) for seed in SEEDS])


@pytest.mark.long
@pytest.mark.parametrize("name", CASES)
def test_it_uses_other_limits_waits_and_round_trips(name: str) -> None:
    """Longer waits and round trips cost more; eight seeds each."""
    _check(name, [run(CASES[name], seed) for seed in range(8)])


def _check(name: str, results: Sequence[Result]) -> None:
    _print(name, results)
    minimum, maximum = MIN_AND_MAX[name]
    assert min(result.share for result in results) >= minimum
    assert max(result.refused_share for result in results) <= maximum


def test_two_replicas_share_the_limit_fairly() -> None:
    """The smaller share is at least a third."""
    for seed in SEEDS[:2]:
        accepted = run(CASES["two replicas, steady"], seed).accepted
        assert min(accepted) / sum(accepted) > 0.33


def test_a_changed_limit_is_found_quickly() -> None:
    """From 100 to 40 in five seconds, and back in 30 seconds."""
    for seed in SEEDS[:2]:
        result = run(CASES["100/40/100"], seed)
        assert len([s for s in result.series_of_429s() if 60 <= s < 70]) <= 3
        assert all(rate < 50 for s, rate in result.rates if 65 < s < 70)
        assert max(rate for s, rate in result.rates if 120 < s < 150) > 85


def _print(name: str, results: Sequence[Result]) -> None:
    shares = [result.share for result in results]
    refused = [len(result.refused_at_s) for result in results]
    part = [100 * result.refused_share for result in results]
    print(  # noqa: T201  (figures for `pytest -s`)
        f"\n| {name} | {sum(shares) / len(shares):.3f} | {min(shares):.3f}-{max(shares):.3f}"
        f" | {sum(refused) / len(refused):.0f} | {sum(part) / len(part):.2f} %"
        f" (most {max(part):.2f} %) |",
        end="",
    )
