"""Who may send now: one queue before FullStory, for the whole account.

A request enters when the gate is open, fewer than `in_flight_max` requests are unanswered, and
at most `unacknowledged_max` events are in flight or answered without an acknowledged commit: that
is the most a `kill -9` can repeat.

Laws:
- What waits for its next try holds no place here.
- A record takes the places of all its events at once, with its first one, and its later events
  go before everybody else. Took they one by one, the budget could fill up with first events
  alone: none of their records would ever be settled, nothing committed, and all would wait for
  ever. A record with more events than the budget enters alone.
- The event loop owns the object.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import NamedTuple


class _Place(NamedTuple):
    """Somebody who waits: how many events enter with the request, and the word that it may."""

    events: int
    free: asyncio.Future[None]


class Throttle:
    """Admits requests in the order in which they asked."""

    def __init__(
        self, *, in_flight_max: int, unacknowledged_max: int, now_s: Callable[[], float]
    ) -> None:
        self._in_flight_max = in_flight_max
        self._unacknowledged_max = unacknowledged_max
        self._now_s = now_s
        self._waiting: deque[_Place] = deque()
        self._later_events: deque[_Place] = deque()
        self._in_flight = 0
        self._unacknowledged = 0
        self._closed_until_s = 0.0
        self._paused = False

    @property
    def in_flight(self) -> int:
        """Requests begun and unanswered."""
        return self._in_flight

    @property
    def unacknowledged(self) -> int:
        """Events of records that were begun, and are not yet in an acknowledged commit."""
        return self._unacknowledged

    async def enter(self, events: int) -> None:
        """Wait for a place; whoever got one must `leave`.

        `events` is how many the record has, 0 for the later events of one.
        """
        place = _Place(events, asyncio.get_running_loop().create_future())
        (self._waiting if events else self._later_events).append(place)
        self._admit()
        try:
            await place.free
        except asyncio.CancelledError:
            if place.free.done() and not place.free.cancelled():
                self.leave(unanswered=events)  # the place came in the same moment
            raise

    def leave(self, *, unanswered: int) -> None:
        """Give the place back, and so many events whose repetition would be no duplicate."""
        self._in_flight -= 1
        self._unacknowledged -= unanswered
        self._admit()

    def acknowledged(self, events: int) -> None:
        """So many events can no longer be repeated."""
        self._unacknowledged -= events
        self._admit()

    def close_for(self, s: float) -> None:
        """Nothing enters for so many seconds; a longer closing stands."""
        until_s = self._now_s() + s
        if until_s > self._closed_until_s:
            self._closed_until_s = until_s
            asyncio.get_running_loop().call_later(s, self._reopen)

    def pause(self) -> None:
        """Nothing enters until `resume`."""
        self._paused = True

    def resume(self) -> None:
        """Let enter again what waited."""
        self._paused = False
        self._admit()

    def _reopen(self) -> None:
        """Open, or wait for the rest: uvloop rounds to milliseconds, so it may come too early."""
        left_s = self._closed_until_s - self._now_s()
        if left_s > 0:
            asyncio.get_running_loop().call_later(left_s, self._reopen)
        else:
            self._admit()

    def _admit(self) -> None:
        while self._is_open():
            if self._later_events:
                self._give(self._later_events.popleft())
            elif self._waiting and self._affords(self._waiting[0].events):
                self._give(self._waiting.popleft())
            else:
                return

    def _is_open(self) -> bool:
        return (
            not self._paused
            and self._in_flight < self._in_flight_max
            and self._now_s() >= self._closed_until_s
        )

    def _affords(self, events: int) -> bool:
        if self._unacknowledged == 0:
            return True
        return self._unacknowledged + events <= self._unacknowledged_max

    def _give(self, place: _Place) -> None:
        if not place.free.done():
            self._in_flight += 1
            self._unacknowledged += place.events
            place.free.set_result(None)
