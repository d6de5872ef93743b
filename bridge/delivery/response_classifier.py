"""From what came back to what happens next: the decision table, pure.

Sources: FullStory's pages on rate limits (429 with `Retry-After` in seconds), on v1 (404 for a
user it has never seen identified) and RFC 9110 for the rest. Where FullStory's pages are silent,
`bridge/README.md` says what is assumed.

Invariants:
- One event is given up (`exhausted`) only on the ground of others: it failed for a quarter of an
  hour and ten times beside an event that was accepted, and nineteen of twenty others that were
  under way since its first failure were accepted. In an outage nothing is accepted, so nothing
  is given up, however long it lasts.
- No unknown user is settled before one was known: else a wrong key, or an id that is not the one
  given to FS.identify, would skip everything.
- An unknown user is asked for once more after a while, unless so many wait for that in vain that
  the others are held up (`delivery/unknown_users.py`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from bridge.delivery.decision import Decision, Done, HaltDecision, Pause, Reject, RetryAfter, Skip
from bridge.delivery.delivery_stats import DeliveryStats
from bridge.delivery.pauses import KEY_REFUSED

RETRY_AFTER_MAX_S = 300.0
"""A longer `Retry-After` is taken for a mistake: at most five minutes without asking again."""

KEY_REFUSED_BY = frozenset({401, 403})
_TRY_AGAIN = frozenset({408, 409, 425})

UnknownUserPolicy = Literal["skip", "dead_letter", "create"]
"""What a 404 means; with `create` (API v2) it is none of a user, for v2 creates them."""


class Response(NamedTuple):
    """What FullStory answered; `retry_after_s` already in seconds from now."""

    status: int
    is_json: bool
    retry_after_s: float | None = None
    code: str | None = None

    @property
    def is_success(self) -> bool:
        """2xx in JSON; in anything else a proxy answered."""
        return 200 <= self.status < 300 and self.is_json


class NoResponse(NamedTuple):
    """No answer came; `sent` when the request had been written and may have been applied."""

    why: str
    sent: bool


class WrongOrganization(NamedTuple):
    """The key is good, but not one of `fullstory.org`; `org` is the one it belongs to."""

    org: str


@dataclass(frozen=True, slots=True)
class Backoff:
    """Full jitter: anything between nothing and the doubled wait, up to `s_max`.

    Each try takes a slot of the account's rate: 256 events that always fail, tried every 5 s on
    the average, would take 50 of them a second from the good ones.
    """

    s_first: float = 0.25
    s_max: float = 60.0

    def wait_s(self, tries: int, chance: float) -> float:
        """Seconds to wait after `tries` failures; `chance` is between 0 and 1."""
        ceiling: float = min(self.s_max, self.s_first * 2.0 ** min(tries, 16))
        return ceiling * chance


@dataclass(frozen=True, slots=True)
class DeliveryPolicy:
    """What the settings say about answers, and when one event is given up among good ones."""

    unknown_user: UnknownUserPolicy = "skip"
    unknown_user_wait_s: float = 60.0
    backoff: Backoff = Backoff()
    exhausted_after_s: float = 900.0
    exhausted_tries: int = 10
    accepted_share: float = 0.95
    unknown_users_waiting_max: int = 1_000
    """A quarter of the window of work: more are not made to wait where that is in vain."""

    require_known_user: bool = True
    """No unknown user is settled before one was known; not so for a chosen few events."""


class ResponseClassifier:
    """Decides about every answer to one event; `end` it when the event is at its end.

    One object per event, since failures and 404s are counted. `user` tells users apart and is
    kept only while nobody is known.
    """

    __slots__ = (
        "_accepted",
        "_accepted_before",
        "_chance",
        "_failed_beside",
        "_failed_s",
        "_failures",
        "_policy",
        "_stats",
        "_unknown",
        "_user",
        "_waits",
    )

    def __init__(
        self, policy: DeliveryPolicy, stats: DeliveryStats, user: str, chance: Callable[[], float]
    ) -> None:
        self._policy = policy
        self._stats = stats
        self._user = user
        self._chance = chance
        self._failures = 0
        self._failed_beside = 0
        self._failed_s = 0.0
        self._accepted_before = self._accepted = 0
        self._unknown = 0
        self._waits = False

    def decide(self, answer: Response | NoResponse, now_s: float) -> Decision:
        """The decision about one answer, which came at `now_s`."""
        self._wait_no_more()
        if isinstance(answer, NoResponse):
            return self._again(answer.why, answer, now_s)
        status = answer.status
        if 200 <= status < 300:
            if not answer.is_json:
                return self._again("answer_is_not_json", answer, now_s)
            self._stats.accept()
            if self._unknown:
                self._stats.strangers.retried(known=True)
            return Done()
        if status == 429:
            return self._throttled(answer)
        if status in KEY_REFUSED_BY:
            return Pause(KEY_REFUSED)
        if status == 404 and self._policy.unknown_user != "create":
            return self._unknown_user(answer)
        if status >= 500 or status < 400 or status in _TRY_AGAIN:
            return self._again(f"status_{status}", answer, now_s)
        return Reject("refused_by_fullstory", status, answer.code)

    def end(self) -> None:
        """The event is at its end, or is no longer ours."""
        self._wait_no_more()
        if self._failures:
            self._stats.failing -= 1
            self._failures = 0

    def _again(self, why: str, answer: Response | NoResponse, now_s: float) -> RetryAfter | Reject:
        self._note_failure(now_s)
        if self._is_exhausted(now_s):
            if isinstance(answer, NoResponse):
                return Reject("exhausted", None)
            return Reject("exhausted", answer.status, answer.code)
        wait_s = self._policy.backoff.wait_s(self._failures, self._chance())
        told_s = 0.0 if isinstance(answer, NoResponse) else answer.retry_after_s or 0.0
        told_s = min(told_s, RETRY_AFTER_MAX_S)
        return RetryAfter(max(wait_s, told_s), why, least_s=told_s)

    def _note_failure(self, now_s: float) -> None:
        """Only a failure beside which another event was accepted counts against this one."""
        accepted = self._stats.accepted
        if not self._failures:
            self._failed_s = now_s
            self._accepted_before = self._accepted = accepted
            self._stats.failing += 1
        self._failures += 1
        if accepted > self._accepted:
            self._failed_beside += 1
        self._accepted = accepted

    def _is_exhausted(self, now_s: float) -> bool:
        policy = self._policy
        if self._failed_beside < policy.exhausted_tries:
            return False
        accepted = self._stats.accepted - self._accepted_before
        share = accepted / (accepted + self._stats.failing - 1)
        return now_s - self._failed_s >= policy.exhausted_after_s and share >= policy.accepted_share

    def _throttled(self, answer: Response) -> RetryAfter:
        wait_s = 1.0 if answer.retry_after_s is None else answer.retry_after_s
        return RetryAfter(min(wait_s, RETRY_AFTER_MAX_S), "throttled", scope="account")

    def _unknown_user(self, answer: Response) -> Decision:
        """Once more after a while; settled only if FullStory has known somebody."""
        self._unknown += 1
        if self._policy.require_known_user:
            self._stats.unknown(self._user)
            if self._stats.is_nobody_known:
                return HaltDecision("nobody_is_known")
            if not self._stats.is_anybody_known:
                return self._wait_for_user()
        strangers = self._stats.strangers
        if self._unknown > 1:
            strangers.retried(known=False)
        elif not strangers.should_settle_now(self._policy.unknown_users_waiting_max):
            return self._wait_for_user()
        if self._policy.unknown_user == "dead_letter":
            return Reject("unknown_user", answer.status, answer.code)
        return Skip("unknown_user" if self._unknown > 1 else "unknown_user_at_once")

    def _wait_for_user(self) -> RetryAfter:
        self._waits = True
        self._stats.strangers.waiting += 1
        wait_s = self._policy.unknown_user_wait_s
        return RetryAfter(wait_s, "unknown_user", least_s=wait_s)

    def _wait_no_more(self) -> None:
        if self._waits:
            self._waits = False
            self._stats.strangers.waiting -= 1
