"""One event on its way to a final answer: send, decide, wait, send again.

Laws:
- The same bytes on every try.
- What waits holds no place in the throttle.
- Nothing is given up here: the loop ends with FullStory's word, or when the assignment the
  record belongs to has ended and nothing of the record was delivered.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol, TypeGuard

from bridge.delivery.answers import Answer, Judge, NoAnswer, Policy
from bridge.delivery.decision import Decision, Done, Pause, Reject, RetryAfter, Skip
from bridge.fullstory.request import Request
from bridge.fullstory.throttle import Throttle
from bridge.observer import Answered, Observer, Resumed, Retrying, Waiting
from bridge.records import Assignment, AssignmentEnded

OUTAGE_AFTER_S = 5.0
"""When nothing has succeeded for so long, one probe at a time asks instead of every event."""

PROBE_EVERY_S = 1.0


class Speaker(Protocol):
    """Speaks HTTP with FullStory."""

    async def send(self, request: Request) -> Answer | NoAnswer:
        """Send a request once."""

    async def probe(self) -> Answer | NoAnswer:
        """Ask something that changes nothing."""

    def read_key_again(self) -> None:
        """Take the key from where it lives."""


class Sender:
    """Sends events until FullStory has said its last word; `close` it at the end."""

    def __init__(
        self,
        speaker: Speaker,
        throttle: Throttle,
        policy: Policy,
        observer: Observer,
        *,
        now_s: Callable[[], float],
        chance: Callable[[], float],
    ) -> None:
        self._speaker = speaker
        self._throttle = throttle
        self._policy = policy
        self._observer = observer
        self._now_s = now_s
        self._chance = chance
        self._last_success_s = now_s()
        self._pause: asyncio.Task[None] | None = None

    async def send(
        self, request: Request, mapping: str, assignment: Assignment, *, events: int
    ) -> tuple[Done | Skip | Reject, int]:
        """Send one event until its final decision; returns that and how many tries it took.

        `events` is how many the record has; 0 when another one of them was answered already: then
        this one is seen through, though the assignment is draining.

        Raises:
            AssignmentEnded: the partition went away before the event was delivered.
        """
        judge = Judge(self._policy, self._chance)
        tries = 0
        refused = False
        while True:
            begun_s = await self._throttle.enter(events, refused=refused)
            if events and not assignment.open:
                self._throttle.leave(unanswered=events)
                raise AssignmentEnded
            tries += 1
            try:
                decision = await self._try(request, assignment, judge, begun_s)
            except BaseException:
                self._throttle.leave(unanswered=events)
                raise
            final = isinstance(decision, Done | Skip | Reject)
            self._throttle.leave(unanswered=0 if final else events)
            if isinstance(decision, Done | Skip | Reject):
                return decision, tries
            refused = await self._wait(decision, mapping)

    async def close(self) -> None:
        """End the probing, if there is any."""
        if self._pause is not None:
            self._pause.cancel()

    async def _try(
        self, request: Request, assignment: Assignment, judge: Judge, begun_s: float
    ) -> Decision:
        with assignment.hold():
            answer = await self._speaker.send(request)
        decision = judge.decide(answer)
        if isinstance(answer, NoAnswer):
            self._observer.tell(Answered(0, answer.why))
            self._throttle.failed(begun_s)
            return decision
        self._observer.tell(Answered(answer.status, answer.code))
        if _throttled(decision):
            self._throttle.refused(begun_s, decision.s)
        elif answer.status >= 500:
            self._throttle.failed(begun_s)
            return decision
        else:
            self._throttle.answered(begun_s)
        if answer.status not in (401, 403):
            self._last_success_s = self._now_s()
        return decision

    async def _wait(self, decision: RetryAfter | Pause, mapping: str) -> bool:
        """Wait for the next try; returns whether the account's limit refused this one."""
        if isinstance(decision, Pause):
            self._begin_pause(decision.why)
            return False
        self._observer.tell(Retrying(mapping, decision.why, decision.s))
        if _throttled(decision):
            return True
        if self._now_s() - self._last_success_s > OUTAGE_AFTER_S:
            self._begin_pause(decision.why)
        await asyncio.sleep(decision.s)
        return False

    def _begin_pause(self, why: str) -> None:
        if self._pause is None:
            self._throttle.pause()
            self._observer.tell(Waiting("fullstory", why))
            self._pause = asyncio.create_task(self._probe_until_well())

    async def _probe_until_well(self) -> None:
        # Wait first: a key may be good for `GET /me` and for nothing else, and then each round of
        # events begins another pause.
        await asyncio.sleep(PROBE_EVERY_S)
        while not await self._is_well():  # noqa: ASYNC110  (FullStory tells nobody when it is)
            await asyncio.sleep(PROBE_EVERY_S)
        self._last_success_s = self._now_s()
        self._pause = None
        self._observer.tell(Resumed("fullstory"))
        self._throttle.resume()

    async def _is_well(self) -> bool:
        self._speaker.read_key_again()
        answer = await self._speaker.probe()
        return isinstance(answer, Answer) and 200 <= answer.status < 300


def _throttled(decision: Decision) -> TypeGuard[RetryAfter]:
    return isinstance(decision, RetryAfter) and decision.scope == "account"
