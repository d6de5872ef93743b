"""Who may send now: one queue before FullStory, for this process's share of the account.

A request enters when the pace has a slot for it and the gate is open
(`delivery/rate_limit.py`), fewer requests are unanswered than the limit allows
(`delivery/concurrency_limit.py`), and at most `unacknowledged_max` events are in flight or answered
without an acknowledged commit: that is the most a `kill -9` can repeat.

Invariants:
- What waits for its next try holds no place here, and no slot of the pace.
- A record takes the places of all its events at once, with its first one, and its later events
  go before everybody else. Took they one by one, the budget could fill up with first events
  alone: none of their records would ever be settled, nothing committed, and all would wait for
  ever. A record with more events than the budget enters alone.
- Who waits for a partition that went away takes no slot of the pace, and no memory for long. The
  pace may be one request a second, for FullStory refuses all; every rebalance leaves up to a
  window of work behind, and what is ours now would wait behind all of them.
- What the limit refused goes before what was never tried: it is the older one.
- While nothing may enter, one may go on trial (`admit_probe`), and the next only when that one was
  sent and came back. It is rather a record's first event than a later one, for among those are
  the events of which nobody knows whether they were applied.
- The event loop owns the object.

**The race of a refusal.** A request is let in, and before its task runs, the refusal of another
one comes: it lowers the rate and closes the gate. The request that was let in goes out all the
same, and its own refusal is the same news. So a request's beginning is when it was let in, not
when its task woke up: else one spell would be taken for two, and the rate measured between
them, a few events in no time, brought down to almost nothing.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from bridge.delivery.concurrency_limit import ConcurrencyLimit
from bridge.delivery.rate_limit import RateLimit
from bridge.records import Assignment, AssignmentEnded

LOOKED_THROUGH_AT = 1_000
"""A queue as long as this is looked through for those who need not wait any more."""

_LOOK_AGAIN_S_MIN = 0.001
"""uvloop counts timers in milliseconds: a shorter one would come at once, and again."""


class _Place(NamedTuple):
    """Somebody who waits: how many events enter with the request, and when it was let in.

    Who has an `assignment` waits as long as that is open.
    """

    events: int
    free: asyncio.Future[float]
    assignment: Assignment | None

    def still_waits(self) -> bool:
        """Whether a place is of use yet; who waits in vain is told so."""
        if self.assignment is None or self.assignment.open:
            return not self.free.done()
        if not self.free.done():
            self.free.set_exception(AssignmentEnded())
        return False


class Throttle:
    """Admits requests in the order in which they asked, at the pace that the account takes.

    `max_rate` is the account's limit in events per second where it is known.
    """

    def __init__(
        self,
        *,
        in_flight_max: int,
        unacknowledged_max: int,
        now_s: Callable[[], float],
        max_rate: float | None = None,
    ) -> None:
        self._cap = ConcurrencyLimit(in_flight_max)
        self._rate = RateLimit(now_s(), max_rate)
        self._unacknowledged_max = unacknowledged_max
        self._now_s = now_s
        self._waiting: deque[_Place] = deque()
        self._later_events: deque[_Place] = deque()
        self._looked_through_at = LOOKED_THROUGH_AT
        self._in_flight = 0
        self._unacknowledged = 0
        self._paused = False
        self._half_open = False
        self._look_again: asyncio.Handle | None = None
        self._look_again_s = 0.0

    @property
    def in_flight(self) -> int:
        """Requests begun and unanswered."""
        return self._in_flight

    @property
    def unacknowledged(self) -> int:
        """Events of records that were begun, and are not yet in an acknowledged commit."""
        return self._unacknowledged

    @property
    def per_s(self) -> float:
        """Events per second that may begin now."""
        return self._rate.per_s

    def try_acquire(self, events: int) -> float | None:
        """Like `acquire` where there is nothing to wait for; None where there is."""
        if self._waiting or self._later_events or self._paused:
            return None
        if self._in_flight >= self._cap.limit or (events and not self._affords(events)):
            return None
        now_s = self._now_s()
        if self._rate.wait_s(now_s) > 0:
            return None
        self._rate.begin(now_s)
        self._in_flight += 1
        self._unacknowledged += events
        return now_s

    async def acquire(
        self, events: int, assignment: Assignment | None = None, *, refused: bool = False
    ) -> float:
        """Wait for a place; whoever got one must `release`. Returns when it was let in.

        `events` is how many the record has, 0 for the later events of one; `refused` when the
        limit refused the event before. With an `assignment` it is of use only while that is open.

        Raises:
            AssignmentEnded: it is not any more.
        """
        place = _Place(events, asyncio.get_running_loop().create_future(), assignment)
        self._look_through()
        queue = self._waiting if events else self._later_events
        if refused:
            queue.appendleft(place)
        else:
            queue.append(place)
        self._admit()
        try:
            return await place.free
        except asyncio.CancelledError:
            if place.free.done() and not place.free.cancelled():
                self.release(unanswered=events, sent=False)  # the place came in the same moment
            raise

    def release(self, *, unanswered: int, sent: bool = True) -> None:
        """Give the place back, and so many events whose repetition would be no duplicate."""
        self._in_flight -= 1
        if sent:
            self._half_open = False
        self._unacknowledged -= unanswered
        if self._waiting or self._later_events:
            self._admit()

    def acknowledged(self, events: int) -> None:
        """So many events can no longer be repeated."""
        self._unacknowledged -= events
        self._admit()

    def answered(self, begun_s: float, now_s: float) -> None:
        """FullStory worked on a request that began at `begun_s`, whatever it said."""
        self._cap.succeeded()
        self._rate.accepted(begun_s, now_s)

    def failed(self, begun_s: float, now_s: float) -> None:
        """A request that began at `begun_s` got a 5xx, or no answer."""
        self._cap.failed(begun_s, now_s, self._in_flight)
        self._rate.failed()

    def refused(self, begun_s: float, retry_after_s: float, now_s: float) -> None:
        """The limit refused a request that began at `begun_s`; nothing enters for so long."""
        self._rate.refused(begun_s, retry_after_s, now_s)

    def set_share(self, share: float) -> None:
        """This process's share of the account from now on: that of its partitions, 0 to 1."""
        self._rate.share(share)
        self._admit()

    def pause(self) -> None:
        """Nothing enters until `resume`."""
        self._paused = True
        self._half_open = False

    def admit_probe(self) -> bool:
        """Let one request enter in spite of the pause; whether one waits that may."""
        self._half_open = self._paused
        waits = self._next() is not None
        self._admit()
        return waits

    def resume(self) -> None:
        """Let enter again what waited."""
        self._paused = self._half_open = False
        self._admit()

    def _admit(self) -> None:
        while (queue := self._next()) is not None:
            now_s = self._now_s()
            wait_s = self._rate.wait_s(now_s)
            if wait_s > 0:
                self._look_again_in(wait_s)
                return
            self._rate.begin(now_s)
            self._give(queue.popleft(), now_s)

    def _next(self) -> deque[_Place] | None:
        """The queue whose first may enter as soon as the pace allows it."""
        for queue in (self._waiting, self._later_events):
            while queue and not queue[0].still_waits():
                queue.popleft()
        most = int(self._half_open) if self._paused else self._cap.limit
        if self._in_flight >= most:
            return None
        first = self._waiting and self._affords(self._waiting[0].events)
        if first and (self._half_open or not self._later_events):
            return self._waiting
        return self._later_events or None

    def _look_through(self) -> None:
        """Leave out who need not wait any more, each time the queue has doubled."""
        if len(self._waiting) >= self._looked_through_at:
            self._waiting = deque(place for place in self._waiting if place.still_waits())
            self._looked_through_at = max(LOOKED_THROUGH_AT, 2 * len(self._waiting))

    def _affords(self, events: int) -> bool:
        if self._unacknowledged == 0:
            return True
        return self._unacknowledged + events <= self._unacknowledged_max

    def _give(self, place: _Place, now_s: float) -> None:
        self._in_flight += 1
        self._unacknowledged += place.events
        place.free.set_result(now_s)

    def _look_again_in(self, s: float) -> None:
        """A timer that comes too early, as one of uvloop's may, is set anew by what it calls.

        When it is due is noted here: uvloop's clock may tick between two looks at it, and what it
        makes of a delay of 0 ms is a handle without a time.
        """
        loop = asyncio.get_running_loop()
        due_s = loop.time() + max(s, _LOOK_AGAIN_S_MIN)
        if self._look_again is not None:
            if self._look_again_s <= due_s:
                return
            self._look_again.cancel()
        self._look_again, self._look_again_s = loop.call_at(due_s, self._looked), due_s

    def _looked(self) -> None:
        self._look_again = None
        self._admit()
