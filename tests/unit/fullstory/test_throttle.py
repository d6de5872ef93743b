"""Who may send now: places and budget, in virtual time."""

import asyncio

import pytest

from bridge.fullstory.throttle import LOOKED_THROUGH_AT
from bridge.records import Assignment, AssignmentEnded
from tests.unit.fullstory.throttle_fixture import Door
from tests.unit.virtual_time import run, settle_down


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
            door.throttle.release(unanswered=0)
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
        door.throttle.release(unanswered=0)
        door.throttle.release(unanswered=0)
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
        door.throttle.release(unanswered=1)
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
                await throttle.acquire(events)
                most = max(most, throttle.unacknowledged)
                await asyncio.sleep(0.01)
                throttle.release(unanswered=0)
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
        door.throttle.release(unanswered=0)
        await settle_down()
        assert door.came == ["first"]
        door.throttle.resume()
        await settle_down()
        assert door.came == ["first", "second"]

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
            door.throttle.release(unanswered=1)
        waiting.cancel()
        await settle_down()
        if not admitted:
            door.throttle.release(unanswered=1)
        assert door.throttle.in_flight == door.throttle.unacknowledged == 0
        await door.ask("c")
        assert door.came == ["a", "c"]

    run(story())


def test_while_nothing_may_enter_one_goes_on_trial_and_the_next_when_that_one_came_back() -> None:
    """First what is surely not applied yet; what gives its place back unsent was no trial."""

    async def story() -> None:
        door = Door()
        door.throttle.pause()
        assert not door.throttle.admit_probe()  # nobody waits: the next who comes may
        door.ask("a")
        await settle_down()
        assert door.came == ["a"]
        door.ask("later", events=0)
        door.ask("b")
        door.ask("c")
        await settle_down()
        assert not door.throttle.admit_probe()  # one is under way
        door.throttle.release(unanswered=1)
        await settle_down()
        assert door.came == ["a"]

        assert door.throttle.admit_probe()
        await settle_down()
        assert door.came == ["a", "b"]
        door.throttle.release(unanswered=1, sent=False)
        await settle_down()
        assert door.came == ["a", "b", "c"]
        door.throttle.release(unanswered=1)
        await settle_down()
        assert door.came == ["a", "b", "c"]

        door.throttle.pause()
        door.throttle.resume()
        await settle_down()
        assert door.came == ["a", "b", "c", "later"]

    run(story())


def test_who_waits_for_a_partition_that_went_away_takes_no_slot_of_the_pace() -> None:
    """At one request a second, all of a rebalance's left-overs would take an hour."""

    async def story() -> None:
        door = Door(max_rate=1.0)
        gone, ours = Assignment("t", 0), Assignment("t", 1)
        door.ask("first")
        left = [door.ask(f"gone {number}", 1, gone) for number in range(900)]
        door.ask("ours", 1, ours)
        await settle_down()
        gone.open = False
        await asyncio.sleep(2)
        assert door.came == ["first", "ours"]
        assert door.at_s[-1] == pytest.approx(1.0, abs=0.05)
        ends = await asyncio.gather(*left, return_exceptions=True)
        assert {type(end) for end in ends} == {AssignmentEnded}

    run(story())


def test_an_outage_with_many_rebalances_leaves_nobody_waiting() -> None:
    """Nothing enters for as long as it lasts, and each rebalance leaves a window of work behind."""

    async def story() -> None:
        door = Door()
        door.throttle.pause()
        door.ask("ours", 1, Assignment("t", 99))
        most = 0
        for number in range(20):
            assignment = Assignment("t", number)
            for _ in range(700):
                door.ask("waits", 1, assignment)
            await settle_down()
            assignment.open = False
            most = max(most, len(asyncio.all_tasks()))
        assert most < 3 * LOOKED_THROUGH_AT
        assert door.came == []

    run(story())
