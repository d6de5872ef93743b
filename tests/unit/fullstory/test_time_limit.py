"""The time limit shared by all requests."""

import asyncio

import pytest

from bridge.fullstory.time_limit import CHECKS_PER_LIMIT, TimeLimit
from tests.unit.virtual_time import run

LIMIT_S = 10.0


async def _request(limit: TimeLimit, takes_s: float) -> str:
    """The outcome of a request that takes so long."""
    task = limit.begin(asyncio.get_running_loop().time())
    try:
        await asyncio.sleep(takes_s)
    except asyncio.CancelledError:
        if not limit.timed_out(task):
            raise
        return "too late"
    finally:
        limit.end(task)
    return "answered"


def test_a_request_over_the_limit_ends_and_its_task_goes_on() -> None:
    """The task does not appear canceled to its awaiter."""

    async def scenario() -> None:
        limit = TimeLimit(LIMIT_S)
        limit.start()
        task = asyncio.create_task(_request(limit, 100))
        started_s = asyncio.get_running_loop().time()
        assert await task == "too late"
        took_s = asyncio.get_running_loop().time() - started_s
        assert LIMIT_S <= took_s <= LIMIT_S * (1 + 2 / CHECKS_PER_LIMIT)
        assert await _request(limit, 1) == "answered"
        limit.stop()

    run(scenario())


def test_each_request_has_its_own_start_time() -> None:
    """Later requests have their full time, too."""

    async def scenario() -> None:
        limit = TimeLimit(LIMIT_S)
        limit.start()
        tasks = []
        for number in range(20):
            tasks.append(asyncio.create_task(_request(limit, 9.0 if number % 2 else 100)))
            await asyncio.sleep(0.7)
        assert await asyncio.gather(*tasks) == ["too late", "answered"] * 10
        limit.stop()

    run(scenario())


def test_a_cancellation_by_others_is_kept() -> None:
    """The limit claims only its own cancellations."""

    async def scenario() -> None:
        limit = TimeLimit(LIMIT_S)
        limit.start()
        task = asyncio.create_task(_request(limit, 100))
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        limit.stop()

    run(scenario())
