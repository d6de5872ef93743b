"""Times out requests with one timer for all requests in flight.

A timer for each request (`asyncio.timeout`, aiohttp's `total`) costs about 10 % of the request: it
is set and canceled, but hardly ever fires. All requests have the same limit, so they time out in
the order in which they started.

Invariant: the event loop owns the object; the waiting task itself calls `begin` and `end`.
"""

import asyncio

CHECKS_PER_LIMIT = 20
"""How many checks run per time limit: a request may take up to 5 % longer than the limit."""


class TimeLimit:
    """Cancels tasks whose request takes longer than `limit_s`, between `start` and `stop`."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._started_s: dict[asyncio.Task[object], float] = {}
        self._timed_out: set[asyncio.Task[object]] = set()
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Start the checks."""
        self._loop = asyncio.get_running_loop()
        interval_s = self._limit_s / CHECKS_PER_LIMIT
        self._timer = self._loop.call_later(interval_s, self._cancel_overdue)

    def stop(self) -> None:
        """Stop the checks."""
        if self._timer is not None:
            self._timer.cancel()

    def begin(self, now_s: float) -> "asyncio.Task[object]":
        """Start the time of a request of the running task."""
        task = asyncio.current_task(self._loop)
        if task is None:
            raise RuntimeError("only a task can send a request")
        self._started_s[task] = now_s
        return task

    def end(self, task: "asyncio.Task[object]") -> None:
        """End the time of a task's request."""
        self._started_s.pop(task, None)

    def timed_out(self, task: "asyncio.Task[object]") -> bool:
        """Whether the limit canceled a task; if so, undo the cancellation, so the task goes on."""
        if task not in self._timed_out:
            return False
        self._timed_out.remove(task)
        return task.uncancel() == 0

    def _cancel_overdue(self) -> None:
        self.start()
        latest_s = self._loop.time() - self._limit_s
        for task, started_s in self._started_s.items():
            if started_s > latest_s:
                break
            if task not in self._timed_out:
                self._timed_out.add(task)
                task.cancel()
