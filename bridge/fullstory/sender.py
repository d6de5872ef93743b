"""Sends one event until its final decision: send, decide, wait, retry.

Invariants:
- Every try sends the same bytes.
- A waiting event holds no request slot in the throttle. An unsure event counts against the
  duplicate budget while it waits, because a crash would repeat it.
- The loop ends only with a final decision about the event, or if the record's assignment has
  ended and no event of the record was answered.
- No `refused_by_fullstory` is final while the quota is known to be used up: nobody says which
  status FullStory returns then. The answer about the quota is cached for a minute.
"""

import asyncio
from collections.abc import Awaitable, Callable
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
    """Sends HTTP requests to FullStory."""

    async def send(self, request: Request) -> Response | NoResponse:
        """Send a request once."""


class FullStorySender:
    """Sends events until their final decision; call `close` at the end.

    Waits for a retry run within the context manager `release_slot`.
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
        release_slot: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._release_slot = release_slot
        self._transport = transport
        self._throttle = throttle
        self._policy = policy
        self._observer = observer
        self._now_s = now_s
        self._chance = chance
        self._stats = DeliveryStats()
        self._account_state = AccountState(transport, throttle, observer, now_s)

    def send_first(
        self, request: Request, mapping: str, assignment: Assignment, *, events: int
    ) -> Awaitable[tuple[Done | Skip | Reject, int]]:
        """Send the first of a record's `events` until its final decision; also returns the tries.

        It reserves the duplicate budget of all these events.

        Raises:
            AssignmentEnded: the partition was revoked before the event was answered.
        """
        return self._send(request, mapping, assignment, events)

    def send_next(
        self, request: Request, mapping: str, assignment: Assignment
    ) -> Awaitable[tuple[Done | Skip | Reject, int]]:
        """Send a further event of a record, before new records and even while draining."""
        return self._send(request, mapping, assignment, 0)

    async def _send(
        self, request: Request, mapping: str, assignment: Assignment, events: int
    ) -> tuple[Done | Skip | Reject, int]:
        """Send until the final decision; `events` is the budget to reserve, 0 for a later event."""
        classifier: ResponseClassifier | None = None
        tries, unsure, refused = 0, 0, False
        try:
            while True:
                started_s = self._throttle.try_acquire(events - unsure)
                if started_s is None:
                    started_s = await self._throttle.acquire(
                        events - unsure, assignment if events else None, refused=refused
                    )
                if events:
                    self._check_assignment(assignment, unanswered=events - unsure)
                tries += 1
                try:
                    assignment.in_flight += 1
                    try:
                        answer = await self._transport.send(request)
                    finally:
                        assignment.in_flight -= 1
                    if classifier is None and isinstance(answer, Response) and answer.is_success:
                        self._handle_accepted(started_s)
                        decision: Decision = _DONE
                    else:
                        self._notify_answer(answer)
                        classifier = classifier or self._classifier(request)
                        decision = await self._decide(classifier, answer, started_s)
                except BaseException:
                    self._throttle.release(unanswered=events - unsure)
                    raise
                if isinstance(decision, Done | Skip | Reject):
                    self._throttle.release(unanswered=0)
                    return decision, tries
                unsure = events if _is_unsure(answer) else unsure
                self._throttle.release(unanswered=events - unsure)
                refused = _is_throttled(decision)
                await self._wait(decision, answer, mapping)
        except BaseException:
            self._throttle.acknowledged(unsure)
            raise
        finally:
            if classifier is not None:
                classifier.end()

    def _classifier(self, request: Request) -> ResponseClassifier:
        return ResponseClassifier(self._policy, self._stats, request.path, self._chance)

    def _handle_accepted(self, started_s: float) -> None:
        """A fast path for the usual first response; `_decide` would do the same."""
        now_s = self._now_s()
        self._stats.accept()
        self._account_state.processed(started_s, now_s)

    def _check_assignment(self, assignment: Assignment, *, unanswered: int) -> None:
        if not assignment.open:
            self._throttle.release(unanswered=unanswered, sent=False)
            raise AssignmentEnded

    async def close(self) -> None:
        """Stop probing."""
        await self._account_state.close()

    def _notify_answer(self, answer: Response | NoResponse) -> None:
        """Notify the observer of any result but an acceptance at the first try (see `Answered`)."""
        if isinstance(answer, NoResponse):
            self._observer.notify(Answered(0, answer.why))
        else:
            self._observer.notify(Answered(answer.status, answer.code))

    async def _decide(
        self, classifier: ResponseClassifier, answer: Response | NoResponse, started_s: float
    ) -> Decision:
        """Decide, and report the result to the account state."""
        now_s = self._now_s()
        decision = classifier.decide(answer, now_s)
        state, why = self._account_state, _reason(decision, answer)
        if isinstance(answer, NoResponse) or answer.status >= 500:
            state.failed(started_s, now_s, why, unsure=_is_unsure(answer))
        elif _is_throttled(decision):
            state.throttled(started_s, decision.s, now_s)
        elif not _is_from_fullstory(answer):
            state.intercepted(started_s, now_s, why)
        elif isinstance(decision, Pause):  # the key was refused, so no event was processed
            state.responded(started_s, now_s)
        else:
            state.processed(started_s, now_s)
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
        """Wait as the decision says, or pause all events; after a 429, the throttle waits."""
        if isinstance(decision, Pause):
            self._account_state.pause(decision.why)
        elif isinstance(decision, HaltDecision):
            self._account_state.halt(decision.why)
        else:
            self._observer.notify(Retrying(mapping, decision.why, decision.s))
            if _is_unsure(answer):
                self._observer.notify(Unsure(mapping, decision.why))
                sure = self._account_state.wait_until_sure(self._now_s())
                wait = self._account_state.wait(decision.s, decision.min_s)
                with self._release_slot():
                    await asyncio.gather(sure, wait)
            elif not _is_throttled(decision):
                with self._release_slot():
                    await self._account_state.wait(decision.s, decision.min_s)


def _is_unsure(answer: Response | NoResponse) -> bool:
    """Whether FullStory may have applied the event although no response came."""
    return isinstance(answer, NoResponse) and answer.sent


def _is_throttled(decision: Decision) -> TypeGuard[RetryAfter]:
    return isinstance(decision, RetryAfter) and decision.scope == "account"


def _is_from_fullstory(answer: Response) -> bool:
    """Whether FullStory itself responded: a proxy redirects, or returns 200 with a page."""
    return answer.status >= 400 or (answer.is_json and answer.status < 300)


def _reason(decision: Decision, answer: Response | NoResponse) -> str:
    if isinstance(decision, RetryAfter):
        return decision.why
    return answer.why if isinstance(answer, NoResponse) else f"status_{answer.status}"
