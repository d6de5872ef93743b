"""What to do about an answer: values with a reason."""

from dataclasses import dataclass
from typing import Literal

RetryScope = Literal["event", "account"]


@dataclass(frozen=True, slots=True)
class Done:
    """FullStory accepted the event."""


@dataclass(frozen=True, slots=True)
class Skip:
    """The event is not to be sent, by a rule of the settings."""

    why: str


@dataclass(frozen=True, slots=True)
class RetryAfter:
    """The same request again, `s` seconds from now; `account` holds everything else back too.

    When an outage ends meanwhile, it may go after `least_s`: the outage was why it failed.
    """

    s: float
    why: str
    scope: RetryScope = "event"
    least_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing is sent until a probe succeeds; then the same request again."""

    why: str


@dataclass(frozen=True, slots=True)
class Reject:
    """FullStory will never take this request: a dead letter; without `status` if none came."""

    why: str
    status: int | None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class HaltDecision:
    """Nothing is sent until a person has acted: going on by itself would do harm."""

    why: str


Decision = Done | Skip | RetryAfter | Pause | Reject | HaltDecision
