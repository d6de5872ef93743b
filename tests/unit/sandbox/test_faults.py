"""Fault periods and the rate limit, with time as an argument."""

from bridge.sandbox.fullstory.faults import FaultPeriod, Faults, TokenBucket


def test_a_timed_fault_period_ends_at_its_deadline() -> None:
    """It affects requests before its end and none afterwards."""
    period = FaultPeriod(503, until_s=10.0)
    assert period.hits(9.9, me=False)
    assert not period.hits(10.0, me=False)


def test_a_counted_fault_period_ends_after_its_count() -> None:
    """With a count of two, the third request is not affected."""
    period = FaultPeriod(500, left=2)
    assert [period.hits(0.0, me=False) for _ in range(3)] == [True, True, False]


def test_a_fault_period_without_also_me_does_not_affect_me() -> None:
    """`GET /me` is neither affected nor counted."""
    period = FaultPeriod(429, left=1, also_me=False)
    assert not period.hits(0.0, me=True)
    assert period.hits(0.0, me=False)


def test_the_bucket_allows_its_burst_and_then_its_rate() -> None:
    """Two at once, then one per half second, and at most the burst after an idle time."""
    bucket = TokenBucket(rate=2.0, burst=2.0, filled_at_s=0.0)
    assert [bucket.wait_s(0.0), bucket.wait_s(0.0), bucket.wait_s(0.0)] == [0.0, 0.0, 0.5]
    assert bucket.wait_s(0.5) == 0.0
    assert [bucket.wait_s(99.0) for _ in range(3)] == [0.0, 0.0, 0.5]


def test_clear_removes_every_fault() -> None:
    """Afterwards all faults have their defaults."""
    faults = Faults(1.0, 2.0, True, 3, True, FaultPeriod(500), TokenBucket(1, 1))
    faults.clear()
    assert faults == Faults()
