"""Spells and the rate limit, with time as an argument."""

from bridge.sandbox.fullstory.faults import FaultPeriod, Faults, TokenBucket


def test_a_spell_of_seconds_ends_by_the_clock() -> None:
    """It strikes before its end and no more from then on."""
    spell = FaultPeriod(503, until_s=10.0)
    assert spell.strikes(9.9, me=False)
    assert not spell.strikes(10.0, me=False)


def test_a_counted_spell_is_used_up() -> None:
    """Two strikes and no third."""
    spell = FaultPeriod(500, left=2)
    assert [spell.strikes(0.0, me=False) for _ in range(3)] == [True, True, False]


def test_a_spell_of_the_endpoint_spares_me() -> None:
    """`GET /me` is neither hit nor counted."""
    spell = FaultPeriod(429, left=1, also_me=False)
    assert not spell.strikes(0.0, me=True)
    assert spell.strikes(0.0, me=False)


def test_the_bucket_gives_its_burst_and_then_its_rate() -> None:
    """Two at once, then one each half second, never more than the burst after a rest."""
    bucket = TokenBucket(rate=2.0, burst=2.0, filled_at_s=0.0)
    assert [bucket.wait_s(0.0), bucket.wait_s(0.0), bucket.wait_s(0.0)] == [0.0, 0.0, 0.5]
    assert bucket.wait_s(0.5) == 0.0
    assert [bucket.wait_s(99.0) for _ in range(3)] == [0.0, 0.0, 0.5]


def test_clear_turns_every_knob_back() -> None:
    """After it the stand-in is as good as new."""
    faults = Faults(1.0, 2.0, True, 3, True, FaultPeriod(500), TokenBucket(1, 1))
    faults.clear()
    assert faults == Faults()
