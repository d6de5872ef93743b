"""A pool of asyncio tasks that handle queued items, with only as many tasks as are useful.

One task per item would double the cost of an item, and would hold memory while it waits. So items
wait in a queue until a task is free.

Invariants:
- Items start in the order in which they were queued.
- A task that waits for long (for a retry, for Kafka) releases its slot, so that another task
  handles the next item meanwhile. A few failing items do not block the others.
- The number of tasks adapts to CPU load. At full load, one more task makes nothing faster: its
  connection and objects evict those of others from the CPU caches. Below full load, more tasks
  help.
- The event loop owns the object.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

Item = TypeVar("Item")

MIN_TASKS = 32
"""This many tasks may always run."""

MAX_WAITING = 1_100
"""This many items may wait for an endpoint; enough to notice when one partition dominates them."""

ADJUST_INTERVAL_S = 0.01
BUSY_SHARE = 0.95
"""From this share of CPU time on, the CPU counts as busy."""


class Workers(Generic[Item]):
    """Handles items with at most `max_tasks` tasks, not counting those that released their slot.

    `cpu_s` returns the CPU time of the process, `now_s` the time of any monotonic clock.
    """

    def __init__(
        self,
        max_tasks: int = 256,
        *,
        cpu_s: Callable[[], float] = time.process_time,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_tasks = max_tasks
        self._limit = min(max_tasks, MIN_TASKS)
        self._cpu_s, self._now_s = cpu_s, now_s
        self._cpu_before_s = self._measured_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._handle: Callable[[Item], Awaitable[None]] | None = None
        self._items: deque[Item] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._idle: list[asyncio.Future[None]] = []
        """Futures of idle tasks: waking one costs half as much as creating a new task."""

        self._active = 0

    def start(self, handle: Callable[[Item], Awaitable[None]]) -> None:
        """Set the handler of items; it must not raise, except when it is cancelled."""
        self._handle = handle

    def put(self, items: Iterable[Item]) -> None:
        """Queue items."""
        self._items.extend(items)
        self._fill()

    def drop(self, useless: Callable[[Item], bool]) -> None:
        """Remove queued items that match."""
        self._items = deque(item for item in self._items if not useless(item))

    @property
    def waiting(self) -> int:
        """The number of queued items that have not started."""
        return len(self._items)

    @property
    def surplus(self) -> int:
        """The number of queued items beyond what is useful: all of them while the CPU is busy.

        While the endpoint is the slower part, those beyond `MAX_WAITING`.
        """
        waiting = len(self._items)
        return waiting if self._limit < self._max_tasks else max(0, waiting - MAX_WAITING)

    @contextmanager
    def release_slot(self) -> Iterator[None]:
        """Within the block the current task does not count; tasks of others never do."""
        if asyncio.current_task() not in self._tasks:
            yield
            return
        self._active -= 1
        self._fill()
        try:
            yield
        finally:
            self._active += 1

    def cancel(self) -> None:
        """Cancel all tasks, and start no more items."""
        self._items.clear()
        self._idle.clear()
        for task in self._tasks:
            task.cancel()

    def _fill(self) -> None:
        for _ in range(min(self._limit - self._active, len(self._items))):
            self._active += 1
            if self._idle:
                self._idle.pop().set_result(None)
            else:
                task = asyncio.create_task(self._work())
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        if len(self._items) > 0 and self._timer is None:
            self._measured_s, self._cpu_before_s = self._now_s(), self._cpu_s()
            self._timer = asyncio.get_running_loop().call_later(ADJUST_INTERVAL_S, self._adapt)

    async def _work(self) -> None:
        handle = self._handle
        if handle is None:
            raise RuntimeError("call `start` with a handler before `put`")
        loop = asyncio.get_running_loop()
        try:
            while True:
                while self._items and self._active <= self._limit:
                    await handle(self._items.popleft())
                if len(self._idle) >= self._limit:
                    return
                self._active -= 1  # the code that wakes the task counts it again
                self._idle.append(loop.create_future())
                await self._idle[-1]
        finally:
            self._active -= 1

    def _adapt(self) -> None:
        """Double the limit while the CPU has spare time; lower it by 1/8 while it is busy."""
        self._timer = None
        if not self._items:
            return
        busy_s = self._cpu_s() - self._cpu_before_s
        if busy_s >= BUSY_SHARE * (self._now_s() - self._measured_s):
            self._limit = max(min(self._max_tasks, MIN_TASKS), self._limit * 7 // 8)
        else:
            self._limit = min(self._max_tasks, 2 * self._limit)
        self._fill()
