"""The time limit that all requests share."""

import asyncio

import pytest

from bridge.fullstory.time_limit import LOOKS, TimeLimit
from tests.unit.virtual_time import run

LIMIT_S = 10.0


async def _request(limit: TimeLimit, takes_s: float) -> str:
    """What becomes of a request that takes so long."""
    task = limit.begin(asyncio.get_running_loop().time())
    try:
        await asyncio.sleep(takes_s)
    except asyncio.CancelledError:
        if not limit.was_reached_by(task):
            raise
        return "too late"
    finally:
        limit.end(task)
    return "answered"


def test_a_request_that_takes_longer_is_ended_and_its_task_goes_on() -> None:
    """The task is not cancelled for whoever waits for it."""

    async def story() -> None:
        limit = TimeLimit(LIMIT_S)
        limit.start()
        task = asyncio.create_task(_request(limit, 100))
        began_s = asyncio.get_running_loop().time()
        assert await task == "too late"
        took_s = asyncio.get_running_loop().time() - began_s
        assert LIMIT_S <= took_s <= LIMIT_S * (1 + 2 / LOOKS)
        assert await _request(limit, 1) == "answered"
        limit.stop()

    run(story())


def test_each_is_judged_by_its_own_beginning() -> None:
    """Those that began later have their time, too."""

    async def story() -> None:
        limit = TimeLimit(LIMIT_S)
        limit.start()
        ends = []
        for number in range(20):
            ends.append(asyncio.create_task(_request(limit, 9.0 if number % 2 else 100)))
            await asyncio.sleep(0.7)
        assert await asyncio.gather(*ends) == ["too late", "answered"] * 10
        limit.stop()

    run(story())


def test_whoever_is_cancelled_by_others_is_cancelled() -> None:
    """The limit claims only what it did itself."""

    async def story() -> None:
        limit = TimeLimit(LIMIT_S)
        limit.start()
        task = asyncio.create_task(_request(limit, 100))
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        limit.stop()

    run(story())
