"""Tasks that carry one item after the other: never more of them than can be of use.

A task for each item would cost as much as the rest of its way, and hold memory while it waits. So
an item waits as what it is, until one of the tasks is free.

Invariants:
- Items are begun in the order in which they came.
- Who waits for long (for the next try, for Kafka) steps aside: another task goes on with the next
  item meanwhile. So a few items that fail hold nobody up.
- No more tasks than are of use. While the processor is busy all the time, one more task at work
  makes nothing faster: its connection and its objects only push those of others out of the
  processor's caches, and everything takes longer. While it is not, what is missing is tasks.
- The event loop owns the object.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

Item = TypeVar("Item")

LEAST = 32
"""So many tasks may be at work in any case."""

WAITING = 1_100
"""So many items may wait for an endpoint, so that one partition's are many enough to be noticed."""

LOOK_EVERY_S = 0.01
BUSY_SHARE = 0.95
"""With this share of its time at work the processor counts as busy."""


class Workers(Generic[Item]):
    """Carries items, at most `most` at a time beside those that stepped aside.

    `cpu_s` is the processor's time that the process has had, `now_s` any clock.
    """

    def __init__(
        self,
        most: int = 256,
        *,
        cpu_s: Callable[[], float] = time.process_time,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most = most
        self._limit = min(most, LEAST)
        self._cpu_s, self._now_s = cpu_s, now_s
        self._cpu_before_s = self._looked_s = 0.0
        self._look: asyncio.TimerHandle | None = None
        self._carry: Callable[[Item], Awaitable[None]] | None = None
        self._items: deque[Item] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._idle: list[asyncio.Future[None]] = []
        """Of tasks that wait for an item: to wake one costs half of what a new one does."""

        self._active = 0

    def start(self, carry: Callable[[Item], Awaitable[None]]) -> None:
        """What is done with each item; it raises nothing but when it is cancelled."""
        self._carry = carry

    def put(self, items: Iterable[Item]) -> None:
        """Carry these when their turn comes."""
        self._items.extend(items)
        self._fill()

    def drop(self, useless: Callable[[Item], bool]) -> None:
        """Forget items that were not begun."""
        self._items = deque(item for item in self._items if not useless(item))

    @property
    def waiting(self) -> int:
        """How many items were not begun."""
        return len(self._items)

    @property
    def surplus(self) -> int:
        """How many waiting items are too many: all of them while the processor is busy.

        While the endpoint is the slower part, those beyond `WAITING`.
        """
        waiting = len(self._items)
        return waiting if self._limit < self._most else max(0, waiting - WAITING)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Within the block the task that runs it does not count; one of others never does."""
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
        """End all tasks, and begin no more."""
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
        if len(self._items) > 0 and self._look is None:
            self._looked_s, self._cpu_before_s = self._now_s(), self._cpu_s()
            self._look = asyncio.get_running_loop().call_later(LOOK_EVERY_S, self._adapt)

    async def _work(self) -> None:
        carry = self._carry
        if carry is None:
            raise RuntimeError("`start` says what is done with an item")
        loop = asyncio.get_running_loop()
        try:
            while True:
                while self._items and self._active <= self._limit:
                    await carry(self._items.popleft())
                if len(self._idle) >= self._limit:
                    return
                self._active -= 1  # whoever wakes it counts it again
                self._idle.append(loop.create_future())
                await self._idle[-1]
        finally:
            self._active -= 1

    def _adapt(self) -> None:
        """More tasks at once while the processor has time to spare, fewer by and by while not."""
        self._look = None
        if not self._items:
            return
        busy_s = self._cpu_s() - self._cpu_before_s
        if busy_s >= BUSY_SHARE * (self._now_s() - self._looked_s):
            self._limit = max(min(self._most, LEAST), self._limit * 7 // 8)
        else:
            self._limit = min(self._most, 2 * self._limit)
        self._fill()
