"""When requests are admitted: the rate limit and `Retry-After`, in virtual time."""

import asyncio
from itertools import pairwise

import pytest
import uvloop

from bridge.fullstory.throttle import Throttle
from tests.unit.fullstory.throttle_fixture import UNLIMITED, ThrottleFixture
from tests.unit.virtual_time import run, settle_down


def test_the_longest_retry_after_applies_and_ends_by_itself() -> None:
    """A later 429 with a shorter wait does not shorten an earlier one."""

    async def scenario() -> None:
        fixture = ThrottleFixture()
        fixture.throttle.refused(0.0, 10.0, 0.0)
        fixture.throttle.refused(0.0, 1.0, 0.0)
        await fixture.acquire("a")
        assert fixture.admitted_at_s == [10.0]

    run(scenario())


def test_a_timer_that_fires_too_early_is_set_again() -> None:
    """A loop may round a timer down to milliseconds, as uvloop does."""

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        throttle = Throttle(
            in_flight_max=1,
            duplicate_budget=1,
            now_s=lambda: int(loop.time() * 10) / 10,
            max_rate=UNLIMITED,
        )
        throttle.refused(0.0, 0.55, 0.0)
        async with asyncio.timeout(2):
            await throttle.acquire(1)
        assert loop.time() >= 0.55

    run(scenario())


def test_after_retry_after_waiters_are_admitted_at_the_rate() -> None:
    """All at once would cause the next 429s."""

    async def scenario() -> None:
        fixture = ThrottleFixture(max_rate=100)
        fixture.throttle.answered(0.0, 0.0)
        fixture.throttle.refused(0.0, 5.0, 0.0)
        per_s = fixture.throttle.per_s
        await asyncio.gather(*[fixture.acquire("a") for _ in range(50)])
        assert fixture.admitted_at_s[0] == 5.0
        assert fixture.admitted_at_s[-1] == pytest.approx(5 + 49 / per_s, abs=0.1)
        assert all(
            later - earlier < 2 / per_s for earlier, later in pairwise(fixture.admitted_at_s)
        )

    run(scenario())


def test_refused_requests_go_before_new_ones() -> None:
    """They are older; a refused later event of a record goes first of all."""

    async def scenario() -> None:
        fixture = ThrottleFixture()
        fixture.throttle.refused(0.0, 5.0, 0.0)
        for name in "ab":
            fixture.acquire(name)
        await settle_down()
        fixture.acquire("again", refused=True)
        fixture.acquire("later", events=0)
        await fixture.acquire("later again", events=0, refused=True)
        await asyncio.sleep(1)
        assert fixture.admitted == ["later again", "later", "again", "a", "b"]

    run(scenario())


def test_half_of_the_partitions_gets_half_of_the_rate() -> None:
    """From the rebalance on."""

    async def scenario() -> None:
        fixture = ThrottleFixture(max_rate=100)
        fixture.throttle.set_share(0.5)
        await asyncio.gather(*[fixture.acquire("a") for _ in range(50)])
        assert fixture.admitted_at_s[-1] == pytest.approx(1.0, abs=0.05)
        fixture.throttle.set_share(1.0)
        assert fixture.throttle.per_s == 100

    run(scenario())


def test_an_outage_lowers_the_concurrency_limit_and_429s_do_not() -> None:
    """FullStory processes fewer at once; 429s concern the rate."""

    async def scenario() -> None:
        fixture = ThrottleFixture(in_flight_max=32)
        for _ in range(40):
            fixture.acquire("a")
        await settle_down()
        assert fixture.throttle.in_flight == 32
        await asyncio.sleep(1)
        for _ in range(32):
            fixture.throttle.failed(0.0, 1.0)
            fixture.throttle.release(unanswered=1)
        await settle_down()
        assert fixture.throttle.in_flight == 8
        for _ in range(60):
            fixture.acquire("b")
        await settle_down()
        lowered = fixture.throttle.in_flight
        assert 12 <= lowered <= 16
        for _ in range(lowered):
            fixture.throttle.refused(0.5, 1.0, 1.0)
            fixture.throttle.release(unanswered=1)
        await asyncio.sleep(30)
        assert fixture.throttle.in_flight == lowered

    run(scenario())


def test_a_request_starts_at_its_admission() -> None:
    """A 429 between admission and wake-up belongs to the same series as its own."""

    async def scenario() -> None:
        clock_s = 1.0
        throttle = Throttle(
            in_flight_max=1, duplicate_budget=9, now_s=lambda: clock_s, max_rate=UNLIMITED
        )
        await throttle.acquire(1)
        late = asyncio.create_task(throttle.acquire(1))
        await settle_down()
        clock_s = 2.0
        throttle.release(unanswered=1)
        clock_s = 2.5
        assert await late == 2.0

    run(scenario())


def test_the_rate_is_kept_on_uvloop() -> None:
    """Uvloop rounds timers, and returns a handle instead of a timer for a due time."""

    async def scenario() -> float:
        loop = asyncio.get_running_loop()
        throttle = Throttle(
            in_flight_max=256, duplicate_budget=10_000, now_s=loop.time, max_rate=20_000
        )

        async def work() -> None:
            for _ in range(20):
                await throttle.acquire(1)
                await asyncio.sleep(0)
                throttle.release(unanswered=1)

        started_s = loop.time()
        await asyncio.gather(*[work() for _ in range(300)])
        return loop.time() - started_s

    assert 0.25 < uvloop.run(scenario()) < 3


def test_a_handle_instead_of_a_timer_does_no_harm(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Uvloop returns a handle without a time if a millisecond passes meanwhile."""

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(loop, "call_at", lambda _when, call: loop.call_soon(call))
        fixture = ThrottleFixture(max_rate=100)
        for name in "abcdefgh":
            fixture.acquire(name)
        await asyncio.sleep(0)
        fixture.throttle.acknowledged(0)
        fixture.throttle.acknowledged(0)
        assert 3 <= fixture.throttle.in_flight < 8

    run(scenario())
