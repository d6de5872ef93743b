"""Who may send now, in virtual time."""

import asyncio
from itertools import pairwise

import pytest
import uvloop

from bridge.fullstory.throttle import Throttle
from tests.unit.virtual import run, settle_down

AT_ONCE = 1e6
"""Events per second: so many that no pace is seen."""


class Door:
    """A throttle, and a note of who came in, in which order and when."""

    def __init__(
        self,
        *,
        in_flight_max: int = 100,
        unacknowledged_max: int = 100,
        max_rate: float = AT_ONCE,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self.throttle = Throttle(
            in_flight_max=in_flight_max,
            unacknowledged_max=unacknowledged_max,
            now_s=self._loop.time,
            max_rate=max_rate,
        )
        self.came: list[str] = []
        self.at_s: list[float] = []

    def ask(self, name: str, events: int = 1, *, refused: bool = False) -> "asyncio.Task[None]":
        """Somebody asks for a place."""
        return asyncio.create_task(self._enter(name, events, refused))

    async def _enter(self, name: str, events: int, refused: bool) -> None:
        await self.throttle.enter(events, refused=refused)
        self.came.append(name)
        self.at_s.append(self._loop.time())


def test_no_more_are_in_flight_than_allowed_and_the_rest_come_in_order() -> None:
    """A place that is given back goes to whoever waited longest."""

    async def story() -> None:
        door = Door(in_flight_max=2)
        for name in "abcd":
            door.ask(name)
        await settle_down()
        assert door.came == ["a", "b"]
        assert door.throttle.in_flight == 2
        for name in ("c", "d"):
            door.throttle.leave(unanswered=0)
            await settle_down()
            assert door.came[-1] == name

    run(story())


def test_the_budget_is_full_until_a_commit_is_acknowledged() -> None:
    """Answered events count on: a crash now would repeat them."""

    async def story() -> None:
        door = Door(unacknowledged_max=2)
        for name in "abcd":
            door.ask(name)
        await settle_down()
        door.throttle.leave(unanswered=0)
        door.throttle.leave(unanswered=0)
        await settle_down()
        assert door.came == ["a", "b"]
        assert door.throttle.unacknowledged == 2

        door.throttle.acknowledged(2)
        await settle_down()
        assert door.came == ["a", "b", "c", "d"]

    run(story())


def test_an_event_that_waits_for_its_next_try_leaves_its_budget_to_others() -> None:
    """What was not answered for good can be sent again without being a duplicate."""

    async def story() -> None:
        door = Door(unacknowledged_max=1)
        door.ask("a")
        door.ask("b")
        await settle_down()
        door.throttle.leave(unanswered=1)
        await settle_down()
        assert door.came == ["a", "b"]

    run(story())


def test_records_of_several_events_never_lock_each_other_out() -> None:
    """Their places are taken at once: first events alone would fill the budget for ever."""

    async def story() -> int:
        throttle = Door(in_flight_max=3, unacknowledged_max=6).throttle
        most = done = 0

        async def record() -> None:
            nonlocal most, done
            for events in (3, 0, 0):
                await throttle.enter(events)
                most = max(most, throttle.unacknowledged)
                await asyncio.sleep(0.01)
                throttle.leave(unanswered=0)
            done += 1
            asyncio.get_running_loop().call_later(0.25, throttle.acknowledged, 3)

        await asyncio.gather(*[record() for _ in range(40)])
        await asyncio.sleep(1)
        assert throttle.unacknowledged == throttle.in_flight == 0
        assert most <= 6
        return done

    assert run(story()) == 40


def test_a_record_with_more_events_than_the_budget_enters_alone() -> None:
    """Else it would wait for ever."""

    async def story() -> None:
        door = Door(unacknowledged_max=2)
        door.ask("small")
        door.ask("large", events=5)
        door.ask("after")
        await settle_down()
        assert door.came == ["small"]
        door.throttle.acknowledged(1)
        await settle_down()
        assert door.came == ["small", "large"]
        door.throttle.acknowledged(5)
        await settle_down()
        assert door.came == ["small", "large", "after"]

    run(story())


def test_later_events_of_a_record_go_before_everybody_else() -> None:
    """But not before the gate opens, nor above the number in flight."""

    async def story() -> None:
        door = Door(in_flight_max=1)
        door.ask("first", events=2)
        await settle_down()
        door.ask("other")
        door.ask("second", events=0)
        await settle_down()
        assert door.came == ["first"]
        door.throttle.pause()
        door.throttle.leave(unanswered=0)
        await settle_down()
        assert door.came == ["first"]
        door.throttle.resume()
        await settle_down()
        assert door.came == ["first", "second"]

    run(story())


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
            await throttle.enter(1)
        assert loop.time() >= 0.55

    run(story())


@pytest.mark.parametrize("admitted", [False, True])
def test_who_gives_up_waiting_takes_no_place_along(admitted: bool) -> None:
    """Not even when the place came in the same moment."""

    async def story() -> None:
        door = Door(in_flight_max=1)
        door.ask("a")
        await settle_down()
        waiting = door.ask("b")
        await settle_down()
        if admitted:
            door.throttle.leave(unanswered=1)
        waiting.cancel()
        await settle_down()
        if not admitted:
            door.throttle.leave(unanswered=1)
        assert door.throttle.in_flight == door.throttle.unacknowledged == 0
        await door.ask("c")
        assert door.came == ["a", "c"]

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
            door.throttle.leave(unanswered=1)
        await settle_down()
        assert door.throttle.in_flight == 8
        for _ in range(60):
            door.ask("b")
        await settle_down()
        lowered = door.throttle.in_flight
        assert 12 <= lowered <= 16
        for _ in range(lowered):
            door.throttle.refused(0.5, 1.0, 1.0)
            door.throttle.leave(unanswered=1)
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
        await throttle.enter(1)
        late = asyncio.create_task(throttle.enter(1))
        await settle_down()
        clock_s = 2.0
        throttle.leave(unanswered=1)
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
                await throttle.enter(1)
                await asyncio.sleep(0)
                throttle.leave(unanswered=1)

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


def test_while_nothing_may_enter_one_goes_on_trial_and_the_next_when_that_one_came_back() -> None:
    """First what is surely not applied yet; what gives its place back unsent was no trial."""

    async def story() -> None:
        door = Door()
        door.throttle.pause()
        assert not door.throttle.try_one()  # nobody waits: the next who comes may
        door.ask("a")
        await settle_down()
        assert door.came == ["a"]
        door.ask("later", events=0)
        door.ask("b")
        door.ask("c")
        await settle_down()
        assert not door.throttle.try_one()  # one is under way
        door.throttle.leave(unanswered=1)
        await settle_down()
        assert door.came == ["a"]

        assert door.throttle.try_one()
        await settle_down()
        assert door.came == ["a", "b"]
        door.throttle.leave(unanswered=1, sent=False)
        await settle_down()
        assert door.came == ["a", "b", "c"]
        door.throttle.leave(unanswered=1)
        await settle_down()
        assert door.came == ["a", "b", "c"]

        door.throttle.pause()
        door.throttle.resume()
        await settle_down()
        assert door.came == ["a", "b", "c", "later"]

    run(story())
