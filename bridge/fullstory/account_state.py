"""Does FullStory answer? Pauses everything while it does not, and asks on behalf of all.

Invariants:
- One asks for all, `GET /me`, instead of every event. What waits holds no place.
- An unsure event, whose request was written and whose answer never came, may have been applied.
  It is sent again when FullStory has worked on another event since.
- `GET /me` may answer while events do not. So when it succeeds and unsure events wait, nothing
  else is let go but one event on trial, and the next one only when that came back: an answer to it
  lets all go. The trial is an event that nobody doubts, if one waits and the budget has room: so a
  spell of timeouts repeats each event once. Only where all are unsure it is one of them, the one
  that has waited longest: it will come once more for each time it was tried, so trials in vain are
  made later and later.
- A trial that was answered with 429, a 5xx or a refused key left nobody in doubt: the next one
  need not be late.
- An event that failed in an outage waits for its next try no longer than the outage: had it failed
  ten times, it would else be sent a minute after all others. But the end of an outage is believed
  once: while `GET /me` answers and no event is worked on, the waits go on growing.
- A halt ends with the process: a person must act. Nothing is asked meanwhile.
- The event loop owns the object.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from typing import Protocol

from bridge.delivery.pauses import FULLSTORY, KEY_REFUSED, QUOTA_EXHAUSTED, WRONG_ORGANIZATION
from bridge.delivery.response_classifier import (
    KEY_REFUSED_BY,
    NoResponse,
    Response,
    WrongOrganization,
)
from bridge.fullstory.throttle import Throttle
from bridge.observer import EVERY_TOPIC, HaltedScope, Observer, Resumed, Waiting

OUTAGE_AFTER_S = 5.0
"""When nothing has succeeded for so long, one probe at a time asks instead of every event."""

PROBE_EVERY_S = 1.0

QUOTA_EVERY_S = 60.0
"""How long an answer about the quota is believed; a used-up one is renewed once a month."""

PROBE_WAIT_S_MAX = 60.0
"""The longest time between two events that are sent on the ground of a probe alone."""

NOBODY_IS_KNOWN = (
    "is this the id given to FS.identify, and is it this organization's key?"
    " mend `uid` in the mapping or the key, then start again; nothing was skipped"
)


class AccountProbe(Protocol):
    """Asks FullStory what changes nothing."""

    async def probe(self) -> Response | NoResponse | WrongOrganization:
        """Ask who we are, with the key that stands in its place now."""

    async def is_quota_exhausted(self) -> bool:
        """Whether the account may send no more events this month; False when it is not said."""


class AccountState:
    """What is known of FullStory's health, and who waits for it; `close` it at the end."""

    def __init__(
        self,
        prober: AccountProbe,
        throttle: Throttle,
        observer: Observer,
        now_s: Callable[[], float],
    ) -> None:
        self._prober = prober
        self._throttle = throttle
        self._observer = observer
        self._now_s = now_s
        self._alive_s = self._answered_s = now_s()
        self._failing_since_s: float | None = None
        self._paused_for: str | None = None
        self._halted = False
        self._unsure: deque[asyncio.Future[None]] = deque()
        self._outage_over = asyncio.Event()
        self._let_go_s = float("-inf")
        self._half_open = False
        self._probe_wait_s = PROBE_EVERY_S
        self._probe_due_s = 0.0
        self._quota_used_up = False
        self._quota_asked_s = float("-inf")
        self._asking_quota = asyncio.Lock()
        self._probing: asyncio.Task[None] | None = None

    def alive(self, now_s: float) -> None:
        """FullStory said something that is its own, a 429 perhaps."""
        self._alive_s = now_s
        self._failing_since_s = None
        self._admit_probe_soon(now_s)

    def answered(self, now_s: float) -> None:
        """FullStory worked on an event."""
        self.alive(now_s)
        self._answered_s = now_s
        while self._unsure:
            self._release_one()
        if self._half_open:
            self._resume()

    def failed(self, begun_s: float, now_s: float, why: str, *, unsure: bool) -> None:
        """A request that began at `begun_s` failed; pauses when nothing has succeeded for long.

        `unsure` when it may have been applied.
        """
        if not unsure:
            self._admit_probe_soon(now_s)
        if self._failing_since_s is None:
            self._failing_since_s = max(begun_s, self._alive_s)
        if now_s - self._failing_since_s > OUTAGE_AFTER_S:
            self.pause(why)

    def pause(self, why: str) -> None:
        """Send nothing until a probe succeeds."""
        if self._halted or self._paused_for is not None:
            return
        self._paused_for = why
        self._half_open = False
        self._throttle.pause()
        self._observer.notify(Waiting(FULLSTORY, why))
        self._probe()

    def halt(self, why: str) -> None:
        """Send nothing until a person has acted."""
        if self._halted:
            return
        self._halted = True
        self._throttle.pause()
        self._observer.notify(HaltedScope(EVERY_TOPIC, why, NOBODY_IS_KNOWN))
        if self._probing is not None:
            self._probing.cancel()

    async def until_sure(self, failed_s: float) -> None:
        """Wait until an event that failed at `failed_s`, unsure, may be sent again."""
        if self._answered_s > failed_s:
            return
        free = asyncio.get_running_loop().create_future()
        self._unsure.append(free)
        self._probe()
        await free

    async def wait(self, s: float, least_s: float) -> None:
        """Wait so long, or until a pause ends; `least_s` in any case."""
        over = self._outage_over
        await asyncio.sleep(least_s)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(s - least_s):
                await over.wait()

    async def is_quota_exhausted(self) -> bool:
        """Whether a refusal is to be laid at the quota's door; asked at most once a minute."""
        async with self._asking_quota:
            if self._now_s() - self._quota_asked_s >= QUOTA_EVERY_S:
                self._quota_used_up = await self._prober.is_quota_exhausted()
                self._quota_asked_s = self._now_s()
        return self._quota_used_up

    async def close(self) -> None:
        """End the probing, if there is any."""
        if self._probing is not None:
            self._probing.cancel()

    def _probe(self) -> None:
        if self._probing is None and not self._halted:
            self._probing = asyncio.create_task(self._probe_until_nobody_waits())

    async def _probe_until_nobody_waits(self) -> None:
        # Wait first: a key may be good for `GET /me` and for nothing else, and then each round of
        # events begins another pause.
        while self._paused_for is not None or self._unsure:
            quota = self._paused_for == QUOTA_EXHAUSTED
            await asyncio.sleep(QUOTA_EVERY_S if quota else PROBE_EVERY_S)
            if self._is_due() and await self._is_well():
                self._go_on()
        self._probing = None

    def _is_due(self) -> bool:
        """While a request is under way no event goes on trial: the answer to that one will tell."""
        if not self._unsure:
            return self._paused_for is not None
        return self._throttle.in_flight == 0 and self._now_s() >= self._probe_due_s

    async def _is_well(self) -> bool:
        answer = await self._prober.probe()
        if isinstance(answer, WrongOrganization):
            self.pause(WRONG_ORGANIZATION)
            self._paused_because(WRONG_ORGANIZATION)
        elif isinstance(answer, Response) and answer.status in KEY_REFUSED_BY:
            self._paused_because(KEY_REFUSED)
        if not isinstance(answer, Response) or not answer.is_success:
            return False
        return self._paused_for != QUOTA_EXHAUSTED or not await self.is_quota_exhausted()

    def _paused_because(self, why: str) -> None:
        """An outage that ends with a key that will not do is none any more: a person must act."""
        if self._paused_for not in (None, why):
            self._paused_for = why
            self._observer.notify(Waiting(FULLSTORY, why))

    def _go_on(self) -> None:
        """A probe has succeeded; what is to be done may have changed while it was under way."""
        now_s = self._now_s()
        self._alive_s, self._failing_since_s = now_s, None
        if not self._unsure:
            self._resume()
        elif self._is_due():
            self._admit_probe(now_s)

    def _resume(self) -> None:
        self._half_open = False
        if self._paused_for is not None:
            self._paused_for = None
            self._observer.notify(Resumed(FULLSTORY))
            self._throttle.resume()
            self._let_go()

    def _let_go(self) -> None:
        """End the waits for a next try, if an event was worked on since that was done last."""
        if self._answered_s > self._let_go_s:
            self._let_go_s = self._now_s()
            over, self._outage_over = self._outage_over, asyncio.Event()
            over.set()

    def _admit_probe(self, now_s: float) -> None:
        self._half_open = True
        self._probe_due_s = now_s + self._probe_wait_s
        self._probe_wait_s = min(2 * self._probe_wait_s, PROBE_WAIT_S_MAX)
        if not self._throttle.admit_probe():
            self._release_one()

    def _admit_probe_soon(self, now_s: float) -> None:
        self._probe_due_s = now_s
        self._probe_wait_s = PROBE_EVERY_S

    def _release_one(self) -> None:
        free = self._unsure.popleft()
        if not free.done():
            free.set_result(None)
