"""Tracks whether FullStory responds; in an outage, pauses sending and probes until it is over.

The sender reports each result here, once; the throttle learns of it from here.

Invariants:
- In an outage one `GET /me` probes for all events. Events that wait hold no request slot.
- An event is unsure if its request was written and no response came: FullStory may have applied
  it. It is retried once FullStory has processed another event since.
- `GET /me` may succeed while events fail. If it succeeds and unsure events wait, the account is
  half-open: one event is sent as a probe, and the next only after that one returned. A response to
  it releases all events.
- The probe event is one that is not unsure, if one waits and the budget allows it. So an outage of
  timeouts repeats each event once. If all are unsure, the one that has waited longest is sent.
  Each such try may duplicate it, so the wait before each further probe event doubles.
- A probe event that got a 429, a 5xx or a refused key leaves nothing unsure, so it resets the wait.
- An event that failed in an outage is retried when the outage ends, whatever its backoff. Otherwise
  an event that failed ten times would be sent a minute after all others. Only the first end of an
  outage counts: while `GET /me` succeeds and no event is processed, the backoff keeps growing.
- A halt lasts as long as the process. Nothing is probed meanwhile.
- The event loop owns the object.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from typing import Protocol

from bridge.delivery.pauses import FULLSTORY, KEY_REFUSED, QUOTA_EXHAUSTED, WRONG_ORGANIZATION
from bridge.delivery.response_classifier import (
    KEY_REFUSED_STATUSES,
    NoResponse,
    Response,
    WrongOrganization,
)
from bridge.fullstory.throttle import Throttle
from bridge.observer import EVERY_TOPIC, HaltedScope, Observer, Resumed, Waiting

OUTAGE_AFTER_S = 5.0
"""After only 5xx and missing responses for this long, sending pauses; a probe is sent instead."""

PROBE_EVERY_S = 1.0

QUOTA_EVERY_S = 60.0
"""How long a response about the quota is cached; FullStory resets the quota once a month."""

PROBE_WAIT_S_MAX = 60.0
"""The longest wait between two probe events."""

NO_KNOWN_USER_FIX = (
    "check that `uid` is the id given to FS.identify, and that the key belongs to this"
    " organization. Fix `uid` in the mapping or the key, and restart: nothing was skipped"
)


class AccountProbe(Protocol):
    """Requests to FullStory without side effects."""

    async def probe(self) -> Response | NoResponse | WrongOrganization:
        """Send `GET /me` with the current key."""

    async def is_quota_exhausted(self) -> bool:
        """Whether this month's quota of events is used up; False if unknown."""


class AccountState:
    """FullStory's health and the events that wait for it; call `close` at the end."""

    def __init__(
        self,
        probe_client: AccountProbe,
        throttle: Throttle,
        observer: Observer,
        now_s: Callable[[], float],
    ) -> None:
        self._probe_client = probe_client
        self._throttle = throttle
        self._observer = observer
        self._now_s = now_s
        self._reachable_s = self._processed_s = now_s()
        self._failing_since_s: float | None = None
        self._pause_reason: str | None = None
        self._halted = False
        self._unsure: deque[asyncio.Future[None]] = deque()
        self._outage_over = asyncio.Event()
        self._backoffs_ended_s = float("-inf")
        self._half_open = False
        self._probe_wait_s = PROBE_EVERY_S
        self._probe_due_s = 0.0
        self._quota_exhausted = False
        self._quota_checked_s = float("-inf")
        self._quota_lock = asyncio.Lock()
        self._probe_task: asyncio.Task[None] | None = None

    def processed(self, started_s: float, now_s: float) -> None:
        """FullStory processed the event of a request that started at `started_s`."""
        self.responded(started_s, now_s)
        self._processed_s = now_s
        while self._unsure:
            self._release_oldest()
        if self._half_open:
            self._resume()

    def responded(self, started_s: float, now_s: float) -> None:
        """FullStory responded without processing the event: it refused the key."""
        self._throttle.answered(started_s, now_s)
        self._mark_reachable(now_s)

    def throttled(self, started_s: float, retry_after_s: float, now_s: float) -> None:
        """FullStory responded with a 429."""
        self._throttle.refused(started_s, retry_after_s, now_s)
        self._mark_reachable(now_s)

    def failed(self, started_s: float, now_s: float, why: str, *, unsure: bool) -> None:
        """A request got a 5xx or no response; pauses after `OUTAGE_AFTER_S` of failures.

        `unsure` if FullStory may have applied it.
        """
        self._throttle.failed(started_s, now_s)
        self._note_failure(started_s, now_s, why, unsure=unsure)

    def intercepted(self, started_s: float, now_s: float, why: str) -> None:
        """Something else than FullStory responded, such as a proxy; pauses like `failed`."""
        self._note_failure(started_s, now_s, why, unsure=False)

    def _mark_reachable(self, now_s: float) -> None:
        self._reachable_s = now_s
        self._failing_since_s = None
        self._reset_probe_wait(now_s)

    def _note_failure(self, started_s: float, now_s: float, why: str, *, unsure: bool) -> None:
        if not unsure:
            self._reset_probe_wait(now_s)
        if self._failing_since_s is None:
            self._failing_since_s = max(started_s, self._reachable_s)
        if now_s - self._failing_since_s > OUTAGE_AFTER_S:
            self.pause(why)

    def pause(self, why: str) -> None:
        """Send nothing until a probe succeeds."""
        if self._halted or self._pause_reason is not None:
            return
        self._pause_reason = why
        self._half_open = False
        self._throttle.pause()
        self._observer.notify(Waiting(FULLSTORY, why))
        self._start_probing()

    def halt(self, why: str) -> None:
        """Send nothing for as long as the process runs."""
        if self._halted:
            return
        self._halted = True
        self._throttle.pause()
        self._observer.notify(HaltedScope(EVERY_TOPIC, why, NO_KNOWN_USER_FIX))
        if self._probe_task is not None:
            self._probe_task.cancel()

    async def wait_until_sure(self, failed_s: float) -> None:
        """Wait until an unsure event that failed at `failed_s` may be retried."""
        if self._processed_s > failed_s:
            return
        released = asyncio.get_running_loop().create_future()
        self._unsure.append(released)
        self._start_probing()
        await released

    async def wait(self, s: float, min_s: float) -> None:
        """Wait `s` seconds; if a pause ends meanwhile, only until then, but at least `min_s`."""
        outage_over = self._outage_over
        await asyncio.sleep(min_s)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(s - min_s):
                await outage_over.wait()

    async def is_quota_exhausted(self) -> bool:
        """Whether the quota explains a rejection; checked at most once a minute."""
        async with self._quota_lock:
            if self._now_s() - self._quota_checked_s >= QUOTA_EVERY_S:
                self._quota_exhausted = await self._probe_client.is_quota_exhausted()
                self._quota_checked_s = self._now_s()
        return self._quota_exhausted

    async def close(self) -> None:
        """Stop probing."""
        if self._probe_task is not None:
            self._probe_task.cancel()

    def _start_probing(self) -> None:
        if self._probe_task is None and not self._halted:
            self._probe_task = asyncio.create_task(self._probe_while_needed())

    async def _probe_while_needed(self) -> None:
        # Wait first: a key may be valid for `GET /me` only, and then every pause is followed by
        # another one.
        while self._pause_reason is not None or self._unsure:
            quota = self._pause_reason == QUOTA_EXHAUSTED
            await asyncio.sleep(QUOTA_EVERY_S if quota else PROBE_EVERY_S)
            if self._is_probe_due() and await self._probe_succeeds():
                self._handle_probe_success()
        self._probe_task = None

    def _is_probe_due(self) -> bool:
        """No probe event is due while a request is in flight: its response decides."""
        if not self._unsure:
            return self._pause_reason is not None
        return self._throttle.in_flight == 0 and self._now_s() >= self._probe_due_s

    async def _probe_succeeds(self) -> bool:
        answer = await self._probe_client.probe()
        if isinstance(answer, WrongOrganization):
            self.pause(WRONG_ORGANIZATION)
            self._update_pause_reason(WRONG_ORGANIZATION)
        elif isinstance(answer, Response) and answer.status in KEY_REFUSED_STATUSES:
            self._update_pause_reason(KEY_REFUSED)
        if not isinstance(answer, Response) or not answer.is_success:
            return False
        return self._pause_reason != QUOTA_EXHAUSTED or not await self.is_quota_exhausted()

    def _update_pause_reason(self, why: str) -> None:
        """Report that the pause is no outage any more: somebody must replace the key."""
        if self._pause_reason not in (None, why):
            self._pause_reason = why
            self._observer.notify(Waiting(FULLSTORY, why))

    def _handle_probe_success(self) -> None:
        """Resume or send a probe event; the state may have changed while `GET /me` was running."""
        now_s = self._now_s()
        self._reachable_s, self._failing_since_s = now_s, None
        if not self._unsure:
            self._resume()
        elif self._is_probe_due():
            self._admit_probe(now_s)

    def _resume(self) -> None:
        self._half_open = False
        if self._pause_reason is not None:
            self._pause_reason = None
            self._observer.notify(Resumed(FULLSTORY))
            self._throttle.resume()
            self._end_backoffs()

    def _end_backoffs(self) -> None:
        """End the backoff of all events, if an event was processed since this was last done."""
        if self._processed_s > self._backoffs_ended_s:
            self._backoffs_ended_s = self._now_s()
            outage_over, self._outage_over = self._outage_over, asyncio.Event()
            outage_over.set()

    def _admit_probe(self, now_s: float) -> None:
        self._half_open = True
        self._probe_due_s = now_s + self._probe_wait_s
        self._probe_wait_s = min(2 * self._probe_wait_s, PROBE_WAIT_S_MAX)
        if not self._throttle.admit_probe():
            self._release_oldest()

    def _reset_probe_wait(self, now_s: float) -> None:
        self._probe_due_s = now_s
        self._probe_wait_s = PROBE_EVERY_S

    def _release_oldest(self) -> None:
        released = self._unsure.popleft()
        if not released.done():
            released.set_result(None)
