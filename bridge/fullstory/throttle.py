"""Decides when a request may start: one queue for this process's share of the account.

A request is admitted if all of these hold:
- the rate limit has a slot and no `Retry-After` is running (`delivery/rate_limit.py`);
- fewer requests are in flight than the concurrency limit allows (`delivery/concurrency_limit.py`);
- the budget allows it: at most `duplicate_budget` events are in flight or lack an acknowledged
  commit. That is the most that a `kill -9` can duplicate.

Invariants:
- An event that waits to be retried holds no request slot and no rate slot.
- A record reserves the budget of all its events with its first event, and its later events go
  before all others (`delivery/duplicate_budget.py` says why).
- A waiter for a revoked partition takes no rate slot and is removed soon. The rate may be one
  request per second while FullStory refuses everything. Every rebalance leaves up to a window of
  records behind, and current partitions would wait behind all of them.
- A request that got a 429 goes before requests that were never sent: it is older.
- While paused, `admit_probe` makes the throttle half-open: it admits one request, and another
  only if that one was not sent. First events of records go before later ones, because
  a later event may be unsure.
- The event loop owns the object.

**Race: a 429 between admission and start.** A request is admitted. Before its task runs, another
request's 429 lowers the rate and blocks the account. The admitted request is still sent, and its
own 429 belongs to the same series. So a request's start time is its admission, not the time its
task wakes up. Otherwise one series would count as two. The rate measured between them, from a few
events in almost no time, would then reduce the limit to almost nothing.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from bridge.delivery.concurrency_limit import ConcurrencyLimit
from bridge.delivery.duplicate_budget import DuplicateBudget
from bridge.delivery.rate_limit import RateLimit
from bridge.records import Assignment, AssignmentEnded

PURGE_AT = 1_000
"""The queue length at which ended waiters are removed."""

_TIMER_S_MIN = 0.001
"""uvloop's timers have millisecond resolution: a shorter one would fire immediately, repeatedly."""


class _Waiter(NamedTuple):
    """A waiting request: how many events it reserves, and its admission time as a future.

    With an `assignment`, it waits only while that is open.
    """

    events: int
    admitted: asyncio.Future[float]
    assignment: Assignment | None

    def is_waiting(self) -> bool:
        """Whether it still waits; fails the future if the assignment has ended."""
        if self.assignment is None or self.assignment.open:
            return not self.admitted.done()
        if not self.admitted.done():
            self.admitted.set_exception(AssignmentEnded())
        return False


class Throttle:
    """Admits requests in order, at the rate that the account accepts.

    `max_rate` is the account's limit in events per second, if known.
    """

    def __init__(
        self,
        *,
        in_flight_max: int,
        duplicate_budget: int,
        now_s: Callable[[], float],
        max_rate: float | None = None,
    ) -> None:
        self._concurrency = ConcurrencyLimit(in_flight_max)
        self._rate = RateLimit(now_s(), max_rate)
        self._budget = DuplicateBudget(duplicate_budget)
        self._now_s = now_s
        self._first_events: deque[_Waiter] = deque()
        self._later_events: deque[_Waiter] = deque()
        self._purge_at = PURGE_AT
        self._in_flight = 0
        self._paused = False
        self._half_open = False
        self._timer: asyncio.Handle | None = None
        self._timer_due_s = 0.0

    @property
    def in_flight(self) -> int:
        """Requests in flight."""
        return self._in_flight

    @property
    def unacknowledged(self) -> int:
        """Events of started records that are not yet in an acknowledged commit."""
        return self._budget.reserved

    @property
    def per_s(self) -> float:
        """Requests per second that may start now."""
        return self._rate.per_s

    def try_acquire(self, events: int) -> float | None:
        """Like `acquire`, but returns None instead of waiting."""
        if self._first_events or self._later_events or self._paused:
            return None
        if self._in_flight >= self._concurrency.limit or (events and not self._budget.fits(events)):
            return None
        now_s = self._now_s()
        if self._rate.wait_s(now_s) > 0:
            return None
        self._rate.begin(now_s)
        self._in_flight += 1
        self._budget.reserved += events
        return now_s

    async def acquire(
        self, events: int, assignment: Assignment | None = None, *, refused: bool = False
    ) -> float:
        """Wait for admission, and return its time; every admission needs one `release`.

        `events` is the budget to reserve, 0 if the record already holds it. `refused` means that
        the event got a 429 before. With an `assignment`, it waits only while that is open.

        Raises:
            AssignmentEnded: the assignment has ended.
        """
        waiter = _Waiter(events, asyncio.get_running_loop().create_future(), assignment)
        self._purge_waiters()
        queue = self._first_events if events else self._later_events
        if refused:
            queue.appendleft(waiter)
        else:
            queue.append(waiter)
        self._admit()
        try:
            return await waiter.admitted
        except asyncio.CancelledError:
            if waiter.admitted.done() and not waiter.admitted.cancelled():
                self.release(unanswered=events, sent=False)  # admitted at the same moment
            raise

    def release(self, *, unanswered: int, sent: bool = True) -> None:
        """Free the request slot and the budget of `unanswered` events; `sent`: it was sent."""
        self._in_flight -= 1
        if sent:
            self._half_open = False
        self._budget.reserved -= unanswered
        if self._first_events or self._later_events:
            self._admit()

    def acknowledged(self, events: int) -> None:
        """Free the budget of events that can no longer be repeated."""
        self._budget.reserved -= events
        self._admit()

    def answered(self, started_s: float, now_s: float) -> None:
        """FullStory processed a request that started at `started_s`, whatever the response."""
        self._concurrency.succeeded()
        self._rate.accepted(started_s, now_s)

    def failed(self, started_s: float, now_s: float) -> None:
        """A request that started at `started_s` got a 5xx or no response."""
        self._concurrency.failed(started_s, now_s, self._in_flight)
        self._rate.failed()

    def refused(self, started_s: float, retry_after_s: float, now_s: float) -> None:
        """A request that started at `started_s` got a 429; admit nothing for `retry_after_s`."""
        self._rate.refused(started_s, retry_after_s, now_s)

    def set_share(self, share: float) -> None:
        """Set this process's share of the account: its share of the partitions, 0 to 1."""
        self._rate.set_share(share)
        self._admit()

    def pause(self) -> None:
        """Admit nothing until `resume`."""
        self._paused = True
        self._half_open = False

    def admit_probe(self) -> bool:
        """Admit one request despite the pause; returns whether one waits that may start."""
        self._half_open = self._paused
        has_waiter = self._next_queue() is not None
        self._admit()
        return has_waiter

    def resume(self) -> None:
        """Admit requests again."""
        self._paused = self._half_open = False
        self._admit()

    def _admit(self) -> None:
        while (queue := self._next_queue()) is not None:
            now_s = self._now_s()
            wait_s = self._rate.wait_s(now_s)
            if wait_s > 0:
                self._set_timer(wait_s)
                return
            self._rate.begin(now_s)
            self._enter(queue.popleft(), now_s)

    def _next_queue(self) -> deque[_Waiter] | None:
        """The queue whose first waiter is admitted as soon as the rate allows it."""
        for queue in (self._first_events, self._later_events):
            while queue and not queue[0].is_waiting():
                queue.popleft()
        limit = int(self._half_open) if self._paused else self._concurrency.limit
        if self._in_flight >= limit:
            return None
        first_events_ready = self._first_events and self._budget.fits(self._first_events[0].events)
        if first_events_ready and (self._half_open or not self._later_events):
            return self._first_events
        return self._later_events or None

    def _purge_waiters(self) -> None:
        """Remove ended waiters each time the queue has doubled."""
        if len(self._first_events) >= self._purge_at:
            self._first_events = deque(
                waiter for waiter in self._first_events if waiter.is_waiting()
            )
            self._purge_at = max(PURGE_AT, 2 * len(self._first_events))

    def _enter(self, waiter: _Waiter, now_s: float) -> None:
        self._in_flight += 1
        self._budget.reserved += waiter.events
        waiter.admitted.set_result(now_s)

    def _set_timer(self, s: float) -> None:
        """Set a timer; if it fires too early, as uvloop's may, its callback sets another one.

        The due time is stored here: uvloop's clock may advance between two reads, and for a delay
        of 0 ms uvloop returns a handle without a time.
        """
        loop = asyncio.get_running_loop()
        due_s = loop.time() + max(s, _TIMER_S_MIN)
        if self._timer is not None:
            if self._timer_due_s <= due_s:
                return
            self._timer.cancel()
        self._timer, self._timer_due_s = loop.call_at(due_s, self._on_timer), due_s

    def _on_timer(self) -> None:
        self._timer = None
        self._admit()
