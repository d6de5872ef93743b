"""One event on its way to a final answer: send, decide, wait, send again.

Invariants:
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

from bridge.delivery.decision import Decision, Done, HaltDecision, Pause, Reject, RetryAfter, Skip
from bridge.delivery.delivery_stats import DeliveryStats
from bridge.delivery.pauses import QUOTA_EXHAUSTED
from bridge.delivery.response_classifier import (
    DeliveryPolicy,
    NoResponse,
    Response,
    ResponseClassifier,
)
from bridge.fullstory.account_state import AccountProbe, AccountState
from bridge.fullstory.requests.request import Request
from bridge.fullstory.throttle import Throttle
from bridge.observer import Answered, Observer, Retrying, Unsure
from bridge.records import Assignment, AssignmentEnded

_DONE: Final = Done()


class Transport(AccountProbe, Protocol):
    """Speaks HTTP with FullStory."""

    async def send(self, request: Request) -> Response | NoResponse:
        """Send a request once."""


class FullStorySender:
    """Sends events until FullStory has said its last word; `close` it at the end.

    Whoever waits for the next try does so within `aside`.
    """

    def __init__(
        self,
        transport: Transport,
        throttle: Throttle,
        policy: DeliveryPolicy,
        observer: Observer,
        *,
        now_s: Callable[[], float],
        chance: Callable[[], float],
        aside: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._aside = aside
        self._transport = transport
        self._throttle = throttle
        self._policy = policy
        self._observer = observer
        self._now_s = now_s
        self._chance = chance
        self._stats = DeliveryStats()
        self._account_state = AccountState(transport, throttle, observer, now_s)

    async def send(
        self, request: Request, mapping: str, assignment: Assignment, *, events: int
    ) -> tuple[Done | Skip | Reject, int]:
        """Send one event until its final decision; returns that and how many tries it took.

        `events` is how many the record has; 0 if one was answered: then a drain does not stop this.

        Raises:
            AssignmentEnded: the partition went away before the event was delivered.
        """
        classifier: ResponseClassifier | None = None
        tries, kept, refused = 0, 0, False
        try:
            while True:
                begun_s = self._throttle.try_acquire(events - kept)
                if begun_s is None:
                    of = assignment if events else None
                    begun_s = await self._throttle.acquire(events - kept, of, refused=refused)
                if events:
                    self._see_that_it_is_ours(assignment, unanswered=events - kept)
                tries += 1
                try:
                    assignment.in_flight += 1
                    try:
                        answer = await self._transport.send(request)
                    finally:
                        assignment.in_flight -= 1
                    if classifier is None and isinstance(answer, Response) and answer.is_success:
                        self._accepted(begun_s)
                        decision: Decision = _DONE
                    else:
                        self._tell_answer(answer)
                        classifier = classifier or self._classifier(request)
                        decision = await self._decide(classifier, answer, begun_s)
                except BaseException:
                    self._throttle.release(unanswered=events - kept)
                    raise
                if isinstance(decision, Done | Skip | Reject):
                    self._throttle.release(unanswered=0)
                    return decision, tries
                kept = events if _is_unsure(answer) else kept
                self._throttle.release(unanswered=events - kept)
                refused = _is_throttled(decision)
                await self._wait(decision, answer, mapping)
        except BaseException:
            self._throttle.acknowledged(kept)
            raise
        finally:
            if classifier is not None:
                classifier.end()

    def _classifier(self, request: Request) -> ResponseClassifier:
        return ResponseClassifier(self._policy, self._stats, request.path, self._chance)

    def _accepted(self, begun_s: float) -> None:
        """What the first try of nearly every event comes to; `_decide` would say the same."""
        now_s = self._now_s()
        self._stats.accept()
        self._throttle.answered(begun_s, now_s)
        self._account_state.answered(now_s)

    def _see_that_it_is_ours(self, assignment: Assignment, *, unanswered: int) -> None:
        if not assignment.open:
            self._throttle.release(unanswered=unanswered, sent=False)
            raise AssignmentEnded

    async def close(self) -> None:
        """End the probing, if there is any."""
        await self._account_state.close()

    def _tell_answer(self, answer: Response | NoResponse) -> None:
        """Tell what came back, but for what `Delivered` tells as well."""
        if isinstance(answer, NoResponse):
            self._observer.notify(Answered(0, answer.why))
        else:
            self._observer.notify(Answered(answer.status, answer.code))

    async def _decide(
        self, classifier: ResponseClassifier, answer: Response | NoResponse, begun_s: float
    ) -> Decision:
        """Decide, and let throttle and health learn from the answer."""
        now_s = self._now_s()
        decision = classifier.decide(answer, now_s)
        if isinstance(answer, NoResponse) or answer.status >= 500:
            self._throttle.failed(begun_s, now_s)
            self._account_state.failed(
                begun_s, now_s, _why(decision, answer), unsure=_is_unsure(answer)
            )
        elif _is_throttled(decision):
            self._throttle.refused(begun_s, decision.s, now_s)
            self._account_state.alive(now_s)
        elif _is_of_fullstory(answer):
            self._throttle.answered(begun_s, now_s)
            if isinstance(decision, Pause):  # refused at the door: nothing was worked on
                self._account_state.alive(now_s)
            else:
                self._account_state.answered(now_s)
        else:
            self._account_state.failed(begun_s, now_s, _why(decision, answer), unsure=False)
        refused = isinstance(decision, Reject) and decision.why == "refused_by_fullstory"
        if refused and await self._account_state.is_quota_exhausted():
            return Pause(QUOTA_EXHAUSTED)
        return decision

    async def _wait(
        self,
        decision: RetryAfter | Pause | HaltDecision,
        answer: Response | NoResponse,
        mapping: str,
    ) -> None:
        """Wait as the decision says, or let everything wait; the throttle admits no one then."""
        if isinstance(decision, Pause):
            self._account_state.pause(decision.why)
        elif isinstance(decision, HaltDecision):
            self._account_state.halt(decision.why)
        else:
            self._observer.notify(Retrying(mapping, decision.why, decision.s))
            if _is_unsure(answer):
                self._observer.notify(Unsure(mapping, decision.why))
                sure = self._account_state.until_sure(self._now_s())
                wait = self._account_state.wait(decision.s, decision.least_s)
                with self._aside():
                    await asyncio.gather(sure, wait)  # in doubt from now on
            elif not _is_throttled(decision):
                with self._aside():
                    await self._account_state.wait(decision.s, decision.least_s)


def _is_unsure(answer: Response | NoResponse) -> bool:
    """Whether the event may have been applied though nobody said so."""
    return isinstance(answer, NoResponse) and answer.sent


def _is_throttled(decision: Decision) -> TypeGuard[RetryAfter]:
    return isinstance(decision, RetryAfter) and decision.scope == "account"


def _is_of_fullstory(answer: Response) -> bool:
    """Whether the answer is FullStory's own: a proxy redirects, or answers 200 with a page."""
    return answer.status >= 400 or (answer.is_json and answer.status < 300)


def _why(decision: Decision, answer: Response | NoResponse) -> str:
    if isinstance(decision, RetryAfter):
        return decision.why
    return answer.why if isinstance(answer, NoResponse) else f"status_{answer.status}"
