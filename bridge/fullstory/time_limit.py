"""How long a request may take: one timer for all that are under way.

A timer for each request (`asyncio.timeout`, aiohttp's `total`) costs about a tenth of the request:
it is set, and taken back, for something that hardly ever happens. All requests have the same limit,
so those that began first reach it first.

Law: the event loop owns the object, and `begin` and `end` are called by the task that waits.
"""

import asyncio

LOOKS = 20
"""How often it is looked in the time of one limit: a request may take a twentieth longer."""


class TimeLimit:
    """Cancels the task whose request takes longer than `limit_s`; `start` it, and `stop` it."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._begun_s: dict[asyncio.Task[object], float] = {}
        self._reached_by: set[asyncio.Task[object]] = set()
        self._look: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Look from now on."""
        self._loop = asyncio.get_running_loop()
        limit_s = self._limit_s / LOOKS
        self._look = self._loop.call_later(limit_s, self._cancel_those_that_reached_it)

    def stop(self) -> None:
        """Look no more."""
        if self._look is not None:
            self._look.cancel()

    def begin(self, now_s: float) -> "asyncio.Task[object]":
        """The running task begins a request."""
        task = asyncio.current_task(self._loop)
        if task is None:
            raise RuntimeError("a request is sent by a task")
        self._begun_s[task] = now_s
        return task

    def end(self, task: "asyncio.Task[object]") -> None:
        """The request of a task has ended."""
        self._begun_s.pop(task, None)

    def was_reached_by(self, task: "asyncio.Task[object]") -> bool:
        """Whether a task was cancelled because of the limit; then it goes on, cancelled no more."""
        if task not in self._reached_by:
            return False
        self._reached_by.remove(task)
        return task.uncancel() == 0

    def _cancel_those_that_reached_it(self) -> None:
        self.start()
        latest_s = self._loop.time() - self._limit_s
        for task, begun_s in self._begun_s.items():
            if begun_s > latest_s:
                break
            if task not in self._reached_by:
                self._reached_by.add(task)
                task.cancel()
