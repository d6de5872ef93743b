"""Workers: how many tasks run, in which order items start, and what waiting tasks block."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from bridge.workers import ADJUST_INTERVAL_S, MAX_WAITING, MIN_TASKS, Workers
from tests.unit.virtual_time import run, settle_down

MAX_TASKS = 256


def _workers(handle: Callable[[int], Awaitable[None]], *, busy: float = 0.0) -> Workers[int]:
    """Return workers on a CPU that is busy for this share of the time."""
    loop = asyncio.get_running_loop()
    workers: Workers[int] = Workers(MAX_TASKS, cpu_s=lambda: busy * loop.time(), now_s=loop.time)
    workers.start(handle)
    return workers


def test_items_start_in_order_and_each_once() -> None:
    """However many are queued at once."""

    async def story() -> None:
        started: list[int] = []

        async def handle(item: int) -> None:
            started.append(item)
            await asyncio.sleep(0.1)

        workers = _workers(handle)
        workers.put(range(100))
        workers.put(range(100, 1_000))
        await asyncio.sleep(100)
        assert started == list(range(1_000))
        assert workers.waiting == 0
        assert len(asyncio.all_tasks()) <= 1 + MAX_TASKS

    run(story())


def test_idle_tasks_are_reused_for_the_next_items() -> None:
    """A few items at a time, repeatedly: no new task per item."""

    async def story() -> None:
        handled: dict[int, asyncio.Task[None] | None] = {}

        async def handle(item: int) -> None:
            handled[item] = asyncio.current_task()
            await asyncio.sleep(0.1)

        workers = _workers(handle)
        for first in range(0, 100, 4):
            workers.put(range(first, first + 4))
            await asyncio.sleep(1)
        assert list(handled) == list(range(100))
        assert len(set(handled.values())) == 4

    run(story())


def test_no_more_idle_tasks_are_kept_than_may_run() -> None:
    """After many tasks had released their slots."""

    async def story() -> None:
        async def handle(_: int) -> None:
            with workers.release_slot():
                await asyncio.sleep(1)

        workers = _workers(handle, busy=1.0)
        workers.put(range(1_000))
        await asyncio.sleep(0.5)
        assert len(asyncio.all_tasks()) > 1_000
        await asyncio.sleep(5)
        assert len(asyncio.all_tasks()) <= 1 + MIN_TASKS

    run(story())


@pytest.mark.parametrize(
    ("busy", "running"), [(0.0, MAX_TASKS), (0.9, MAX_TASKS), (1.0, MIN_TASKS), (1.6, MIN_TASKS)]
)
def test_more_tasks_run_only_while_the_cpu_has_spare_time(busy: float, running: int) -> None:
    """On a busy CPU they would make everything slower."""

    async def story() -> None:
        at_once: list[int] = [0]
        now = 0

        async def handle(_: int) -> None:
            nonlocal now
            now += 1
            at_once.append(now)
            await asyncio.sleep(1)
            now -= 1

        workers = _workers(handle, busy=busy)
        workers.put(range(2_000))
        await asyncio.sleep(20 * ADJUST_INTERVAL_S)
        assert max(at_once) == running
        workers.cancel()

    run(story())


def test_the_number_of_running_tasks_falls_when_the_cpu_becomes_busy() -> None:
    """Each task finishes its current item first."""

    async def story() -> None:
        loop = asyncio.get_running_loop()
        now = 0

        async def handle(_: int) -> None:
            nonlocal now
            now += 1
            await asyncio.sleep(0.05)
            now -= 1

        workers: Workers[int] = Workers(
            MAX_TASKS, cpu_s=lambda: max(0.0, loop.time() - 1), now_s=loop.time
        )
        workers.start(handle)
        workers.put(range(1_000_000))
        await asyncio.sleep(0.99)
        assert now == MAX_TASKS
        await asyncio.sleep(2)
        assert now == MIN_TASKS
        workers.cancel()

    run(story())


def test_a_task_that_releases_its_slot_does_not_block_other_items() -> None:
    """A thousand waiting tasks leave all slots to others; foreign tasks never count."""

    async def story() -> None:
        done: list[int] = []
        free = asyncio.Event()

        async def handle(item: int) -> None:
            if item < 1_000:
                with workers.release_slot():
                    await free.wait()
            done.append(item)

        workers = _workers(handle, busy=1.0)
        workers.put(range(1_010))
        with workers.release_slot():
            await settle_down()
        await asyncio.sleep(1)
        assert done == list(range(1_000, 1_010))
        free.set()
        await asyncio.sleep(1)
        assert sorted(done) == list(range(1_010))

    run(story())


def test_dropped_items_never_start() -> None:
    """Items that have started are not affected."""

    async def story() -> None:
        started: list[int] = []

        async def handle(item: int) -> None:
            started.append(item)
            await asyncio.sleep(1)

        workers = _workers(handle, busy=1.0)
        workers.put(range(100))
        await settle_down()
        workers.drop(lambda item: item % 2 == 0)
        assert workers.waiting == (100 - MIN_TASKS) // 2
        await asyncio.sleep(10)
        assert started == [*range(MIN_TASKS), *range(MIN_TASKS + 1, 100, 2)]

    run(story())


def test_cancelled_workers_end_and_start_no_more_items() -> None:
    """At the end of a run."""

    async def story() -> None:
        started: list[int] = []

        async def handle(item: int) -> None:
            started.append(item)
            await asyncio.sleep(1)

        workers = _workers(handle)
        workers.put(range(100))
        await settle_down()
        workers.cancel()
        await settle_down()
        assert started == list(range(MIN_TASKS))
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(story())


@pytest.mark.parametrize(
    ("busy", "items", "surplus"),
    [(0.0, MAX_WAITING, 0), (0.0, MAX_TASKS + MAX_WAITING + 3, 3), (1.0, 1_000, 1_000 - MIN_TASKS)],
)
def test_the_surplus_depends_on_whether_the_endpoint_or_the_cpu_is_slower(
    busy: float, items: int, surplus: int
) -> None:
    """The surplus is not polled from Kafka."""

    async def story() -> None:
        async def handle(_: int) -> None:
            await asyncio.sleep(1_000)

        workers = _workers(handle, busy=busy)
        workers.put(range(items))
        await asyncio.sleep(1)
        assert workers.surplus == surplus

    run(story())
