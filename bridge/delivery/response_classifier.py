"""The decision table: from FullStory's response to the next step. Pure.

Sources: FullStory's pages on rate limits (429 with `Retry-After` in seconds) and on v1 (404 for a
user who was never identified); RFC 9110 for the rest. If FullStory's pages do not cover a case,
`bridge/README.md` states the assumption.

Invariants:
- An event is given up (`exhausted`) only if other events succeed. It must fail for 15 minutes, and
  ten failures must each follow another event's success. Also, 19 of 20 other events in flight since
  its first failure must succeed. An outage accepts nothing, so it exhausts nothing, however long
  it lasts.
- No unknown user is settled before FullStory knew one. Otherwise a wrong key, or an id other than
  the one given to FS.identify, would skip everything.
- Once a user is known, others get one retry after a wait. The exception: so many wait in vain
  that they hold up other events (`delivery/unknown_users.py`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from bridge.delivery.decision import Decision, Done, HaltDecision, Pause, Reject, RetryAfter, Skip
from bridge.delivery.delivery_stats import DeliveryStats
from bridge.delivery.pauses import KEY_REFUSED

RETRY_AFTER_MAX_S = 300.0
"""A longer `Retry-After` is assumed to be a mistake and cut to five minutes."""

KEY_REFUSED_STATUSES = frozenset({401, 403})
_RETRYABLE_STATUSES = frozenset({408, 409, 425})

UnknownUserPolicy = Literal["skip", "dead_letter", "create"]
"""How to settle a 404. With `create` (API v2) a 404 is not about users: v2 creates them."""


class Response(NamedTuple):
    """FullStory's response; `retry_after_s` is in seconds from now."""

    status: int
    is_json: bool
    retry_after_s: float | None = None
    code: str | None = None

    @property
    def is_success(self) -> bool:
        """Whether it is 2xx with JSON; a 2xx with anything else comes from a proxy."""
        return 200 <= self.status < 300 and self.is_json


class NoResponse(NamedTuple):
    """No response; `sent` if the request was written, so FullStory may have applied it."""

    why: str
    sent: bool


class WrongOrganization(NamedTuple):
    """The key is valid, but belongs to `org` instead of `fullstory.org`."""

    org: str


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential backoff with full jitter: between 0 and the doubled wait, up to `max_s`.

    Each try uses the account's rate. 256 events that always fail, retried every 5 s on average,
    would take 50 requests per second from the others.
    """

    base_s: float = 0.25
    max_s: float = 60.0

    def wait_s(self, tries: int, chance: float) -> float:
        """Seconds to wait after `tries` failures; `chance` is a random number from 0 to 1."""
        longest_s: float = min(self.max_s, self.base_s * 2.0 ** min(tries, 16))
        return longest_s * chance


@dataclass(frozen=True, slots=True)
class DeliveryPolicy:
    """How to treat unknown users, how to retry, and when an event is exhausted."""

    unknown_user: UnknownUserPolicy = "skip"
    unknown_user_wait_s: float = 60.0
    backoff: Backoff = Backoff()
    exhausted_after_s: float = 900.0
    exhausted_tries: int = 10
    accepted_share: float = 0.95
    unknown_users_waiting_max: int = 1_000
    """A quarter of the window of records; from here on, waits that mostly fail are omitted."""

    require_known_user: bool = True
    """Settle no unknown user before FullStory knew one; a replay of few events turns this off."""


class ResponseClassifier:
    """Decides about every response to one event; call `end` when the event is settled.

    One object per event, because it counts failures and 404s. `user` identifies the user and is
    remembered only while no user is known.
    """

    __slots__ = (
        "_accepted_at_first_failure",
        "_accepted_at_last_failure",
        "_chance",
        "_failures",
        "_failures_during_success",
        "_first_failed_s",
        "_policy",
        "_stats",
        "_unknown_responses",
        "_user",
        "_waits_for_user",
    )

    def __init__(
        self, policy: DeliveryPolicy, stats: DeliveryStats, user: str, chance: Callable[[], float]
    ) -> None:
        self._policy = policy
        self._stats = stats
        self._user = user
        self._chance = chance
        self._failures = 0
        self._failures_during_success = 0
        self._first_failed_s = 0.0
        self._accepted_at_first_failure = self._accepted_at_last_failure = 0
        self._unknown_responses = 0
        self._waits_for_user = False

    def decide(self, answer: Response | NoResponse, now_s: float) -> Decision:
        """The decision about a response that came at `now_s`."""
        self._end_user_wait()
        if isinstance(answer, NoResponse):
            return self._retry(answer.why, answer, now_s)
        status = answer.status
        if 200 <= status < 300:
            if not answer.is_json:
                return self._retry("answer_is_not_json", answer, now_s)
            self._stats.accept()
            if self._unknown_responses:
                self._stats.unknown_users.retried(known=True)
            return Done()
        if status == 429:
            return self._throttled(answer)
        if status in KEY_REFUSED_STATUSES:
            return Pause(KEY_REFUSED)
        if status == 404 and self._policy.unknown_user != "create":
            return self._unknown_user(answer)
        if status >= 500 or status < 400 or status in _RETRYABLE_STATUSES:
            return self._retry(f"status_{status}", answer, now_s)
        return Reject("refused_by_fullstory", status, answer.code)

    def end(self) -> None:
        """The event is settled, or its partition was revoked."""
        self._end_user_wait()
        if self._failures:
            self._stats.failing -= 1
            self._failures = 0

    def _retry(self, why: str, answer: Response | NoResponse, now_s: float) -> RetryAfter | Reject:
        self._note_failure(now_s)
        if self._is_exhausted(now_s):
            if isinstance(answer, NoResponse):
                return Reject("exhausted", None)
            return Reject("exhausted", answer.status, answer.code)
        wait_s = self._policy.backoff.wait_s(self._failures, self._chance())
        retry_after_s = 0.0 if isinstance(answer, NoResponse) else answer.retry_after_s or 0.0
        retry_after_s = min(retry_after_s, RETRY_AFTER_MAX_S)
        return RetryAfter(max(wait_s, retry_after_s), why, min_s=retry_after_s)

    def _note_failure(self, now_s: float) -> None:
        """Count a failure; it counts toward `exhausted` only if another event was accepted."""
        accepted = self._stats.accepted
        if not self._failures:
            self._first_failed_s = now_s
            self._accepted_at_first_failure = self._accepted_at_last_failure = accepted
            self._stats.failing += 1
        self._failures += 1
        if accepted > self._accepted_at_last_failure:
            self._failures_during_success += 1
        self._accepted_at_last_failure = accepted

    def _is_exhausted(self, now_s: float) -> bool:
        policy = self._policy
        if self._failures_during_success < policy.exhausted_tries:
            return False
        accepted = self._stats.accepted - self._accepted_at_first_failure
        share = accepted / (accepted + self._stats.failing - 1)
        return (
            now_s - self._first_failed_s >= policy.exhausted_after_s
            and share >= policy.accepted_share
        )

    def _throttled(self, answer: Response) -> RetryAfter:
        wait_s = 1.0 if answer.retry_after_s is None else answer.retry_after_s
        return RetryAfter(min(wait_s, RETRY_AFTER_MAX_S), "throttled", scope="account")

    def _unknown_user(self, answer: Response) -> Decision:
        """Retry once after a wait; settle only if FullStory knew a user."""
        self._unknown_responses += 1
        if self._policy.require_known_user:
            self._stats.add_unknown(self._user)
            if self._stats.are_all_users_unknown:
                return HaltDecision("nobody_is_known")
            if not self._stats.is_any_user_known:
                return self._wait_for_user()
        unknown_users = self._stats.unknown_users
        if self._unknown_responses > 1:
            unknown_users.retried(known=False)
        elif not unknown_users.should_settle_now(self._policy.unknown_users_waiting_max):
            return self._wait_for_user()
        if self._policy.unknown_user == "dead_letter":
            return Reject("unknown_user", answer.status, answer.code)
        return Skip("unknown_user" if self._unknown_responses > 1 else "unknown_user_at_once")

    def _wait_for_user(self) -> RetryAfter:
        self._waits_for_user = True
        self._stats.unknown_users.waiting += 1
        wait_s = self._policy.unknown_user_wait_s
        return RetryAfter(wait_s, "unknown_user", min_s=wait_s)

    def _end_user_wait(self) -> None:
        if self._waits_for_user:
            self._waits_for_user = False
            self._stats.unknown_users.waiting -= 1
