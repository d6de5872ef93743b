"""One event on its way to a final answer: send, decide, wait, send again.

Laws:
- The same bytes on every try.
- What waits holds no place in the throttle; what may have been applied counts against the
  duplicate budget while it waits, since a crash would repeat it.
- Nothing is given up here: the loop ends with FullStory's word, or when the assignment the
  record belongs to has ended and nothing of the record was delivered.
- No refusal is final while the account's quota is used up: nobody knows with which status
  FullStory says that.
"""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Final, Protocol, TypeGuard

from bridge.delivery.answers import Answer, Judge, NoAnswer, Policy
from bridge.delivery.decision import Decision, Done, Halt, Pause, Reject, RetryAfter, Skip
from bridge.delivery.others import Others
from bridge.delivery.pause import QUOTA_USED_UP
from bridge.fullstory.health import Health, Prober
from bridge.fullstory.request import Request
from bridge.fullstory.throttle import Throttle
from bridge.observer import Answered, Observer, Retrying, Unsure
from bridge.records import Assignment, AssignmentEnded

_DONE: Final = Done()


class Speaker(Prober, Protocol):
    """Speaks HTTP with FullStory."""

    async def send(self, request: Request) -> Answer | NoAnswer:
        """Send a request once."""


class Sender:
    """Sends events until FullStory has said its last word; `close` it at the end.

    Whoever waits for the next try does so within `aside`.
    """

    def __init__(
        self,
        speaker: Speaker,
        throttle: Throttle,
        policy: Policy,
        observer: Observer,
        *,
        now_s: Callable[[], float],
        chance: Callable[[], float],
        aside: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._aside = aside
        self._speaker = speaker
        self._throttle = throttle
        self._policy = policy
        self._observer = observer
        self._now_s = now_s
        self._chance = chance
        self._others = Others()
        self._health = Health(speaker, throttle, observer, now_s)

    async def send(
        self, request: Request, mapping: str, assignment: Assignment, *, events: int
    ) -> tuple[Done | Skip | Reject, int]:
        """Send one event until its final decision; returns that and how many tries it took.

        `events` is how many the record has; 0 if one was answered: then a drain does not stop this.

        Raises:
            AssignmentEnded: the partition went away before the event was delivered.
        """
        judge: Judge | None = None
        tries, kept, refused = 0, 0, False
        try:
            while True:
                begun_s = self._throttle.enter_at_once(events - kept)
                if begun_s is None:
                    of = assignment if events else None
                    begun_s = await self._throttle.enter(events - kept, of, refused=refused)
                if events:
                    self._see_that_it_is_ours(assignment, unanswered=events - kept)
                tries += 1
                try:
                    assignment.busy += 1
                    try:
                        answer = await self._speaker.send(request)
                    finally:
                        assignment.busy -= 1
                    if judge is None and isinstance(answer, Answer) and answer.is_success:
                        self._accepted(begun_s)
                        decision: Decision = _DONE
                    else:
                        self._tell_answer(answer)
                        judge = judge or self._judge(request)
                        decision = await self._decide(judge, answer, begun_s)
                except BaseException:
                    self._throttle.leave(unanswered=events - kept)
                    raise
                if isinstance(decision, Done | Skip | Reject):
                    self._throttle.leave(unanswered=0)
                    return decision, tries
                kept = events if _is_unsure(answer) else kept
                self._throttle.leave(unanswered=events - kept)
                refused = _is_throttled(decision)
                await self._wait(decision, answer, mapping)
        except BaseException:
            self._throttle.acknowledged(kept)
            raise
        finally:
            if judge is not None:
                judge.end()

    def _judge(self, request: Request) -> Judge:
        return Judge(self._policy, self._others, request.path, self._chance)

    def _accepted(self, begun_s: float) -> None:
        """What the first try of nearly every event comes to; `_decide` would say the same."""
        now_s = self._now_s()
        self._others.accept()
        self._throttle.answered(begun_s, now_s)
        self._health.answered(now_s)

    def _see_that_it_is_ours(self, assignment: Assignment, *, unanswered: int) -> None:
        if not assignment.open:
            self._throttle.leave(unanswered=unanswered, sent=False)
            raise AssignmentEnded

    async def close(self) -> None:
        """End the probing, if there is any."""
        await self._health.close()

    def _tell_answer(self, answer: Answer | NoAnswer) -> None:
        """Tell what came back, but for what `Delivered` tells as well."""
        if isinstance(answer, NoAnswer):
            self._observer.tell(Answered(0, answer.why))
        else:
            self._observer.tell(Answered(answer.status, answer.code))

    async def _decide(self, judge: Judge, answer: Answer | NoAnswer, begun_s: float) -> Decision:
        """Decide, and let throttle and health learn from the answer."""
        now_s = self._now_s()
        decision = judge.decide(answer, now_s)
        if isinstance(answer, NoAnswer) or answer.status >= 500:
            self._throttle.failed(begun_s, now_s)
            self._health.failed(begun_s, now_s, _why(decision, answer), unsure=_is_unsure(answer))
        elif _is_throttled(decision):
            self._throttle.refused(begun_s, decision.s, now_s)
            self._health.alive(now_s)
        elif _is_of_fullstory(answer):
            self._throttle.answered(begun_s, now_s)
            if isinstance(decision, Pause):  # refused at the door: nothing was worked on
                self._health.alive(now_s)
            else:
                self._health.answered(now_s)
        else:
            self._health.failed(begun_s, now_s, _why(decision, answer), unsure=False)
        refused = isinstance(decision, Reject) and decision.why == "refused_by_fullstory"
        if refused and await self._health.is_quota_used_up():
            return Pause(QUOTA_USED_UP)
        return decision

    async def _wait(
        self, decision: RetryAfter | Pause | Halt, answer: Answer | NoAnswer, mapping: str
    ) -> None:
        """Wait as the decision says, or let everything wait; the throttle admits no one then."""
        if isinstance(decision, Pause):
            self._health.pause(decision.why)
        elif isinstance(decision, Halt):
            self._health.halt(decision.why)
        else:
            self._observer.tell(Retrying(mapping, decision.why, decision.s))
            if _is_unsure(answer):
                self._observer.tell(Unsure(mapping, decision.why))
                sure = self._health.until_sure(self._now_s())
                wait = self._health.wait(decision.s, decision.least_s)
                with self._aside():
                    await asyncio.gather(sure, wait)  # in doubt from now on
            elif not _is_throttled(decision):
                with self._aside():
                    await self._health.wait(decision.s, decision.least_s)


def _is_unsure(answer: Answer | NoAnswer) -> bool:
    """Whether the event may have been applied though nobody said so."""
    return isinstance(answer, NoAnswer) and answer.sent


def _is_throttled(decision: Decision) -> TypeGuard[RetryAfter]:
    return isinstance(decision, RetryAfter) and decision.scope == "account"


def _is_of_fullstory(answer: Answer) -> bool:
    """Whether the answer is FullStory's own: a proxy redirects, or answers 200 with a page."""
    return answer.status >= 400 or (answer.is_json and answer.status < 300)


def _why(decision: Decision, answer: Answer | NoAnswer) -> str:
    if isinstance(decision, RetryAfter):
        return decision.why
    return answer.why if isinstance(answer, NoAnswer) else f"status_{answer.status}"
