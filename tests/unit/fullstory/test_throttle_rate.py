"""When somebody may send: the pace and the gate, in virtual time."""

import asyncio
from itertools import pairwise

import pytest
import uvloop

from bridge.fullstory.throttle import Throttle
from tests.unit.fullstory.throttle_fixture import AT_ONCE, Door
from tests.unit.virtual_time import run, settle_down


def test_a_closed_gate_opens_by_itself_and_the_longest_closing_stands() -> None:
    """A later 429 with a shorter wait does not shorten what an earlier one asked for."""

    async def story() -> None:
        door = Door()
        door.throttle.refused(0.0, 10.0, 0.0)
        door.throttle.refused(0.0, 1.0, 0.0)
        await door.ask("a")
        assert door.at_s == [10.0]

    run(story())


def test_a_timer_that_comes_too_early_does_not_leave_the_gate_closed() -> None:
    """A loop may round a timer down to milliseconds, as uvloop does."""

    async def story() -> None:
        loop = asyncio.get_running_loop()
        throttle = Throttle(
            in_flight_max=1,
            unacknowledged_max=1,
            now_s=lambda: int(loop.time() * 10) / 10,
            max_rate=AT_ONCE,
        )
        throttle.refused(0.0, 0.55, 0.0)
        async with asyncio.timeout(2):
            await throttle.acquire(1)
        assert loop.time() >= 0.55

    run(story())


def test_what_waited_at_the_gate_comes_in_at_the_pace() -> None:
    """Not all at once: that would be the next spell of 429s."""

    async def story() -> None:
        door = Door(max_rate=100)
        door.throttle.answered(0.0, 0.0)
        door.throttle.refused(0.0, 5.0, 0.0)
        pace = door.throttle.per_s
        await asyncio.gather(*[door.ask("a") for _ in range(50)])
        assert door.at_s[0] == 5.0
        assert door.at_s[-1] == pytest.approx(5 + 49 / pace, abs=0.1)
        assert all(later - earlier < 2 / pace for earlier, later in pairwise(door.at_s))

    run(story())


def test_what_the_limit_refused_goes_before_what_was_never_tried() -> None:
    """It is the older one; a later event of a record that was refused still goes first of all."""

    async def story() -> None:
        door = Door()
        door.throttle.refused(0.0, 5.0, 0.0)
        for name in "ab":
            door.ask(name)
        await settle_down()
        door.ask("again", refused=True)
        door.ask("later", events=0)
        await door.ask("later again", events=0, refused=True)
        await asyncio.sleep(1)
        assert door.came == ["later again", "later", "again", "a", "b"]

    run(story())


def test_half_of_the_partitions_is_half_of_the_rate() -> None:
    """From the moment at which they are given away."""

    async def story() -> None:
        door = Door(max_rate=100)
        door.throttle.set_share(0.5)
        await asyncio.gather(*[door.ask("a") for _ in range(50)])
        assert door.at_s[-1] == pytest.approx(1.0, abs=0.05)
        door.throttle.set_share(1.0)
        assert door.throttle.per_s == 100

    run(story())


def test_a_spell_of_failures_lowers_what_may_be_in_flight_and_429s_do_not() -> None:
    """FullStory works on fewer at once; how many a second is another matter."""

    async def story() -> None:
        door = Door(in_flight_max=32)
        for _ in range(40):
            door.ask("a")
        await settle_down()
        assert door.throttle.in_flight == 32
        await asyncio.sleep(1)
        for _ in range(32):
            door.throttle.failed(0.0, 1.0)
            door.throttle.release(unanswered=1)
        await settle_down()
        assert door.throttle.in_flight == 8
        for _ in range(60):
            door.ask("b")
        await settle_down()
        lowered = door.throttle.in_flight
        assert 12 <= lowered <= 16
        for _ in range(lowered):
            door.throttle.refused(0.5, 1.0, 1.0)
            door.throttle.release(unanswered=1)
        await asyncio.sleep(30)
        assert door.throttle.in_flight == lowered

    run(story())


def test_a_request_begins_when_it_is_let_in_however_late_its_task_wakes() -> None:
    """A refusal that comes in between is of the same spell as its own."""

    async def story() -> None:
        clock_s = 1.0
        throttle = Throttle(
            in_flight_max=1, unacknowledged_max=9, now_s=lambda: clock_s, max_rate=AT_ONCE
        )
        await throttle.acquire(1)
        late = asyncio.create_task(throttle.acquire(1))
        await settle_down()
        clock_s = 2.0
        throttle.release(unanswered=1)
        clock_s = 2.5
        assert await late == 2.0

    run(story())


def test_the_pace_is_kept_on_the_loop_that_the_bridge_runs_on() -> None:
    """It rounds its timers, and gives no timer at all for what is due at once."""

    async def story() -> float:
        loop = asyncio.get_running_loop()
        throttle = Throttle(
            in_flight_max=256, unacknowledged_max=10_000, now_s=loop.time, max_rate=20_000
        )

        async def work() -> None:
            for _ in range(20):
                await throttle.acquire(1)
                await asyncio.sleep(0)
                throttle.release(unanswered=1)

        begun_s = loop.time()
        await asyncio.gather(*[work() for _ in range(300)])
        return loop.time() - begun_s

    assert 0.25 < uvloop.run(story()) < 3


def test_a_timer_that_the_loop_takes_for_due_is_no_timer_and_does_no_harm(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """When a millisecond passes meanwhile, uvloop gives a handle that knows no time."""

    async def story() -> None:
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(loop, "call_at", lambda _when, call: loop.call_soon(call))
        door = Door(max_rate=100)
        for name in "abcdefgh":
            door.ask(name)
        await asyncio.sleep(0)
        door.throttle.acknowledged(0)
        door.throttle.acknowledged(0)
        assert 3 <= door.throttle.in_flight < 8

    run(story())
