"""When requests are admitted: concurrency and budget, in virtual time."""

import asyncio

import pytest

from bridge.fullstory.throttle import PURGE_AT
from bridge.records import Assignment, AssignmentEnded
from tests.unit.fullstory.throttle_fixture import ThrottleFixture
from tests.unit.virtual_time import run, settle_down


def test_requests_over_the_limit_are_admitted_in_order() -> None:
    """A free slot goes to the oldest waiter."""

    async def scenario() -> None:
        fixture = ThrottleFixture(in_flight_max=2)
        for name in "abcd":
            fixture.acquire(name)
        await settle_down()
        assert fixture.admitted == ["a", "b"]
        assert fixture.throttle.in_flight == 2
        for name in ("c", "d"):
            fixture.throttle.release(unanswered=0)
            await settle_down()
            assert fixture.admitted[-1] == name

    run(scenario())


def test_the_budget_is_full_until_a_commit_is_acknowledged() -> None:
    """Accepted events still count: a crash now would repeat them."""

    async def scenario() -> None:
        fixture = ThrottleFixture(duplicate_budget=2)
        for name in "abcd":
            fixture.acquire(name)
        await settle_down()
        fixture.throttle.release(unanswered=0)
        fixture.throttle.release(unanswered=0)
        await settle_down()
        assert fixture.admitted == ["a", "b"]
        assert fixture.throttle.unacknowledged == 2

        fixture.throttle.acknowledged(2)
        await settle_down()
        assert fixture.admitted == ["a", "b", "c", "d"]

    run(scenario())


def test_an_event_that_waits_for_a_retry_frees_its_budget() -> None:
    """An event that was not applied can be sent again without a duplicate."""

    async def scenario() -> None:
        fixture = ThrottleFixture(duplicate_budget=1)
        fixture.acquire("a")
        fixture.acquire("b")
        await settle_down()
        fixture.throttle.release(unanswered=1)
        await settle_down()
        assert fixture.admitted == ["a", "b"]

    run(scenario())


def test_records_with_several_events_never_deadlock() -> None:
    """The budget is reserved for the whole record: first events alone would fill it."""

    async def scenario() -> int:
        throttle = ThrottleFixture(in_flight_max=3, duplicate_budget=6).throttle
        largest = done = 0

        async def record() -> None:
            nonlocal largest, done
            for events in (3, 0, 0):
                await throttle.acquire(events)
                largest = max(largest, throttle.unacknowledged)
                await asyncio.sleep(0.01)
                throttle.release(unanswered=0)
            done += 1
            asyncio.get_running_loop().call_later(0.25, throttle.acknowledged, 3)

        await asyncio.gather(*[record() for _ in range(40)])
        await asyncio.sleep(1)
        assert throttle.unacknowledged == throttle.in_flight == 0
        assert largest <= 6
        return done

    assert run(scenario()) == 40


def test_a_record_larger_than_the_budget_is_admitted_alone() -> None:
    """Otherwise it would wait forever."""

    async def scenario() -> None:
        fixture = ThrottleFixture(duplicate_budget=2)
        fixture.acquire("small")
        fixture.acquire("large", events=5)
        fixture.acquire("after")
        await settle_down()
        assert fixture.admitted == ["small"]
        fixture.throttle.acknowledged(1)
        await settle_down()
        assert fixture.admitted == ["small", "large"]
        fixture.throttle.acknowledged(5)
        await settle_down()
        assert fixture.admitted == ["small", "large", "after"]

    run(scenario())


def test_later_events_of_a_record_go_first() -> None:
    """But not during a pause, nor above the concurrency limit."""

    async def scenario() -> None:
        fixture = ThrottleFixture(in_flight_max=1)
        fixture.acquire("first", events=2)
        await settle_down()
        fixture.acquire("other")
        fixture.acquire("second", events=0)
        await settle_down()
        assert fixture.admitted == ["first"]
        fixture.throttle.pause()
        fixture.throttle.release(unanswered=0)
        await settle_down()
        assert fixture.admitted == ["first"]
        fixture.throttle.resume()
        await settle_down()
        assert fixture.admitted == ["first", "second"]

    run(scenario())


@pytest.mark.parametrize("admitted", [False, True])
def test_a_canceled_waiter_holds_no_slot(admitted: bool) -> None:
    """Not even if it was admitted at the same moment."""

    async def scenario() -> None:
        fixture = ThrottleFixture(in_flight_max=1)
        fixture.acquire("a")
        await settle_down()
        waiting = fixture.acquire("b")
        await settle_down()
        if admitted:
            fixture.throttle.release(unanswered=1)
        waiting.cancel()
        await settle_down()
        if not admitted:
            fixture.throttle.release(unanswered=1)
        assert fixture.throttle.in_flight == fixture.throttle.unacknowledged == 0
        await fixture.acquire("c")
        assert fixture.admitted == ["a", "c"]

    run(scenario())


def test_half_open_admits_one_probe_at_a_time() -> None:
    """First events go first; a probe that was released unsent does not count."""

    async def scenario() -> None:
        fixture = ThrottleFixture()
        fixture.throttle.pause()
        assert not fixture.throttle.admit_probe()  # no waiter: the next request is admitted
        fixture.acquire("a")
        await settle_down()
        assert fixture.admitted == ["a"]
        fixture.acquire("later", events=0)
        fixture.acquire("b")
        fixture.acquire("c")
        await settle_down()
        assert not fixture.throttle.admit_probe()  # one is in flight
        fixture.throttle.release(unanswered=1)
        await settle_down()
        assert fixture.admitted == ["a"]

        assert fixture.throttle.admit_probe()
        await settle_down()
        assert fixture.admitted == ["a", "b"]
        fixture.throttle.release(unanswered=1, sent=False)
        await settle_down()
        assert fixture.admitted == ["a", "b", "c"]
        fixture.throttle.release(unanswered=1)
        await settle_down()
        assert fixture.admitted == ["a", "b", "c"]

        fixture.throttle.pause()
        fixture.throttle.resume()
        await settle_down()
        assert fixture.admitted == ["a", "b", "c", "later"]

    run(scenario())


def test_a_waiter_for_a_revoked_partition_takes_no_rate_slot() -> None:
    """At one request per second, the leftovers of a rebalance would take an hour."""

    async def scenario() -> None:
        fixture = ThrottleFixture(max_rate=1.0)
        revoked, owned = Assignment("t", 0), Assignment("t", 1)
        fixture.acquire("first")
        leftovers = [fixture.acquire(f"revoked {number}", 1, revoked) for number in range(900)]
        fixture.acquire("owned", 1, owned)
        await settle_down()
        revoked.open = False
        await asyncio.sleep(2)
        assert fixture.admitted == ["first", "owned"]
        assert fixture.admitted_at_s[-1] == pytest.approx(1.0, abs=0.05)
        results = await asyncio.gather(*leftovers, return_exceptions=True)
        assert {type(result) for result in results} == {AssignmentEnded}

    run(scenario())


def test_many_rebalances_in_an_outage_leave_no_waiters() -> None:
    """Nothing is admitted in an outage, and each rebalance leaves a window of records."""

    async def scenario() -> None:
        fixture = ThrottleFixture()
        fixture.throttle.pause()
        fixture.acquire("owned", 1, Assignment("t", 99))
        largest = 0
        for number in range(20):
            assignment = Assignment("t", number)
            for _ in range(700):
                fixture.acquire("waits", 1, assignment)
            await settle_down()
            assignment.open = False
            largest = max(largest, len(asyncio.all_tasks()))
        assert largest < 3 * PURGE_AT
        assert fixture.admitted == []

    run(scenario())
