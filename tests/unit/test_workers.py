"""Workers: how many are at work, who goes on while others wait, and in which order."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from bridge.workers import LEAST, LOOK_EVERY_S, WAITING, Workers
from tests.unit.virtual_time import run, settle_down

MOST = 256


def _workers(carry: Callable[[int], Awaitable[None]], *, busy: float = 0.0) -> Workers[int]:
    """Workers on a processor that is at work for this share of the time."""
    loop = asyncio.get_running_loop()
    workers: Workers[int] = Workers(MOST, cpu_s=lambda: busy * loop.time(), now_s=loop.time)
    workers.start(carry)
    return workers


def test_items_are_begun_in_their_order_and_each_once() -> None:
    """However many come at once."""

    async def story() -> None:
        begun: list[int] = []

        async def carry(item: int) -> None:
            begun.append(item)
            await asyncio.sleep(0.1)

        workers = _workers(carry)
        workers.put(range(100))
        workers.put(range(100, 1_000))
        await asyncio.sleep(100)
        assert begun == list(range(1_000))
        assert workers.waiting == 0
        assert len(asyncio.all_tasks()) <= 1 + MOST

    run(story())


def test_tasks_with_nothing_to_carry_wait_for_the_next_items() -> None:
    """A few at a time, again and again: no task is made for each."""

    async def story() -> None:
        carried: dict[int, asyncio.Task[None] | None] = {}

        async def carry(item: int) -> None:
            carried[item] = asyncio.current_task()
            await asyncio.sleep(0.1)

        workers = _workers(carry)
        for begin in range(0, 100, 4):
            workers.put(range(begin, begin + 4))
            await asyncio.sleep(1)
        assert list(carried) == list(range(100))
        assert len(set(carried.values())) == 4

    run(story())


def test_no_more_tasks_are_kept_than_may_be_at_work() -> None:
    """After a time in which many stepped aside."""

    async def story() -> None:
        async def carry(_: int) -> None:
            with workers.aside():
                await asyncio.sleep(1)

        workers = _workers(carry, busy=1.0)
        workers.put(range(1_000))
        await asyncio.sleep(0.5)
        assert len(asyncio.all_tasks()) > 1_000
        await asyncio.sleep(5)
        assert len(asyncio.all_tasks()) <= 1 + LEAST

    run(story())


@pytest.mark.parametrize(
    ("busy", "at_work"), [(0.0, MOST), (0.9, MOST), (1.0, LEAST), (1.6, LEAST)]
)
def test_more_are_at_work_only_while_the_processor_has_time_to_spare(
    busy: float, at_work: int
) -> None:
    """A busy one is made slower by them."""

    async def story() -> None:
        at_once: list[int] = [0]
        now = 0

        async def carry(_: int) -> None:
            nonlocal now
            now += 1
            at_once.append(now)
            await asyncio.sleep(1)
            now -= 1

        workers = _workers(carry, busy=busy)
        workers.put(range(2_000))
        await asyncio.sleep(20 * LOOK_EVERY_S)
        assert max(at_once) == at_work
        workers.cancel()

    run(story())


def test_fewer_are_at_work_by_and_by_when_the_processor_has_become_busy() -> None:
    """They end with the item that they carry."""

    async def story() -> None:
        loop = asyncio.get_running_loop()
        now = 0

        async def carry(_: int) -> None:
            nonlocal now
            now += 1
            await asyncio.sleep(0.05)
            now -= 1

        workers: Workers[int] = Workers(
            MOST, cpu_s=lambda: max(0.0, loop.time() - 1), now_s=loop.time
        )
        workers.start(carry)
        workers.put(range(1_000_000))
        await asyncio.sleep(0.99)
        assert now == MOST
        await asyncio.sleep(2)
        assert now == LEAST
        workers.cancel()

    run(story())


def test_whoever_waits_for_long_steps_aside_and_holds_nobody_up() -> None:
    """A thousand that wait leave all places to the others; a task of another's counts for none."""

    async def story() -> None:
        done: list[int] = []
        free = asyncio.Event()

        async def carry(item: int) -> None:
            if item < 1_000:
                with workers.aside():
                    await free.wait()
            done.append(item)

        workers = _workers(carry, busy=1.0)
        workers.put(range(1_010))
        with workers.aside():
            await settle_down()
        await asyncio.sleep(1)
        assert done == list(range(1_000, 1_010))
        free.set()
        await asyncio.sleep(1)
        assert sorted(done) == list(range(1_010))

    run(story())


def test_items_that_are_of_no_use_any_more_are_forgotten_unless_begun() -> None:
    """Those that were begun see to themselves."""

    async def story() -> None:
        begun: list[int] = []

        async def carry(item: int) -> None:
            begun.append(item)
            await asyncio.sleep(1)

        workers = _workers(carry, busy=1.0)
        workers.put(range(100))
        await settle_down()
        workers.drop(lambda item: item % 2 == 0)
        assert workers.waiting == (100 - LEAST) // 2
        await asyncio.sleep(10)
        assert begun == [*range(LEAST), *range(LEAST + 1, 100, 2)]

    run(story())


def test_cancelled_they_begin_no_more_and_end() -> None:
    """At the end of a run."""

    async def story() -> None:
        begun: list[int] = []

        async def carry(item: int) -> None:
            begun.append(item)
            await asyncio.sleep(1)

        workers = _workers(carry)
        workers.put(range(100))
        await settle_down()
        workers.cancel()
        await settle_down()
        assert begun == list(range(LEAST))
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(story())


@pytest.mark.parametrize(
    ("busy", "items", "waiting"),
    [(0.0, WAITING, 0), (0.0, MOST + WAITING + 3, 3), (1.0, 1_000, 1_000 - LEAST)],
)
def test_what_waits_for_the_endpoint_does_not_wait_for_the_processor(
    busy: float, items: int, waiting: int
) -> None:
    """What there is too much of is not taken from Kafka."""

    async def story() -> None:
        async def carry(_: int) -> None:
            await asyncio.sleep(1_000)

        workers = _workers(carry, busy=busy)
        workers.put(range(items))
        await asyncio.sleep(1)
        assert workers.surplus == waiting

    run(story())
