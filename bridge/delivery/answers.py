"""From what came back to what happens next: the decision table, pure.

Sources: FullStory's pages on rate limits (429 with `Retry-After` in seconds), on v1 (404 for a
user it has never seen identified) and RFC 9110 for the rest. Where FullStory's pages are silent,
`bridge/README.md` says what is assumed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from bridge.delivery.decision import Decision, Done, Pause, Reject, RetryAfter, Skip

RETRY_AFTER_MAX_S = 300.0
"""A longer `Retry-After` is taken for a mistake: at most five minutes without asking again."""

_KEY_REFUSED = frozenset({401, 403})
_TRY_AGAIN = frozenset({408, 409, 425})

UnknownUser = Literal["skip", "dead_letter", "create"]
"""What a 404 means; with `create` (API v2) it is none of a user, for v2 creates them."""


class Answer(NamedTuple):
    """What FullStory answered; `retry_after_s` already in seconds from now."""

    status: int
    is_json: bool
    retry_after_s: float | None = None
    code: str | None = None


class NoAnswer(NamedTuple):
    """No answer came; `sent` when the request had been written and may have been applied."""

    why: str
    sent: bool


@dataclass(frozen=True, slots=True)
class Backoff:
    """Full jitter: anything between nothing and the doubled wait, up to `s_max`."""

    s_first: float = 0.25
    s_max: float = 10.0

    def wait_s(self, tries: int, chance: float) -> float:
        """Seconds to wait after `tries` failures; `chance` is between 0 and 1."""
        ceiling: float = min(self.s_max, self.s_first * 2.0 ** min(tries, 16))
        return ceiling * chance


@dataclass(frozen=True, slots=True)
class Policy:
    """What the settings say about answers."""

    unknown_user: UnknownUser = "skip"
    unknown_user_wait_s: float = 60.0
    backoff: Backoff = Backoff()


class Judge:
    """Decides about every answer to one event; one object per event, since 404s are counted."""

    __slots__ = ("_chance", "_failures", "_policy", "_unknown")

    def __init__(self, policy: Policy, chance: Callable[[], float]) -> None:
        self._policy = policy
        self._chance = chance
        self._failures = 0
        self._unknown = 0

    def decide(self, answer: Answer | NoAnswer) -> Decision:
        """The decision about one answer."""
        if isinstance(answer, NoAnswer):
            return self._again(answer.why)
        status = answer.status
        if 200 <= status < 300:
            return Done() if answer.is_json else self._again("answer_is_not_json")
        if status == 429:
            return self._throttled(answer)
        if status in _KEY_REFUSED:
            return Pause("key_refused")
        if status == 404 and self._policy.unknown_user != "create":
            return self._unknown_user(answer)
        if status >= 500 or status < 400 or status in _TRY_AGAIN:
            return self._again(f"status_{status}", answer.retry_after_s)
        return Reject("refused_by_fullstory", status, answer.code)

    def _again(self, why: str, retry_after_s: float | None = None) -> RetryAfter:
        self._failures += 1
        wait_s = self._policy.backoff.wait_s(self._failures, self._chance())
        return RetryAfter(max(wait_s, min(retry_after_s or 0.0, RETRY_AFTER_MAX_S)), why)

    def _throttled(self, answer: Answer) -> RetryAfter:
        wait_s = 1.0 if answer.retry_after_s is None else answer.retry_after_s
        return RetryAfter(min(wait_s, RETRY_AFTER_MAX_S), "throttled", scope="account")

    def _unknown_user(self, answer: Answer) -> Decision:
        self._unknown += 1
        if self._unknown == 1:
            return RetryAfter(self._policy.unknown_user_wait_s, "unknown_user")
        if self._policy.unknown_user == "dead_letter":
            return Reject("unknown_user", answer.status, answer.code)
        return Skip("unknown_user")
