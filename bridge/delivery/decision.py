"""What to do after a response: values with a reason."""

from dataclasses import dataclass
from typing import Literal

RetryScope = Literal["event", "account"]


@dataclass(frozen=True, slots=True)
class Done:
    """FullStory accepted the event."""


@dataclass(frozen=True, slots=True)
class Skip:
    """The settings say not to send the event."""

    why: str


@dataclass(frozen=True, slots=True)
class RetryAfter:
    """Retry the same request in `s` seconds; scope `account` holds back all other events too.

    If an outage ends meanwhile, the retry may start after `min_s`: the outage was the cause.
    """

    s: float
    why: str
    scope: RetryScope = "event"
    min_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Pause:
    """Send nothing until a probe succeeds; then retry the same request."""

    why: str


@dataclass(frozen=True, slots=True)
class Reject:
    """FullStory will never accept this request; `status` is None if it never responded."""

    why: str
    status: int | None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class HaltDecision:
    """Send nothing until somebody fixes the cause: continuing would do harm."""

    why: str


Decision = Done | Skip | RetryAfter | Pause | Reject | HaltDecision
