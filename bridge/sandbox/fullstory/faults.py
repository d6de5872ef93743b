"""Faults that the FullStory stand-in injects on demand.

Invariants: no I/O and no clock: the monotonic time in seconds is an argument. By default no fault
is active.
"""

import math
from dataclasses import dataclass, field


@dataclass(slots=True)
class FaultPeriod:
    """A time span or a number of requests during which every response has this `status`.

    `until_s` is monotonic and `left` is the number of remaining requests; both are optional. With
    `also_me` the period affects `GET /me` too, like an outage; a 429 is per endpoint. A 3xx has
    `location`. With `applied`, valid events are applied anyway, as can happen with a 5xx.
    """

    status: int
    until_s: float = math.inf
    left: float = math.inf
    retry_after: str | None = None
    also_me: bool = True
    body: bytes = b""
    content_type: str = "application/json"
    location: str | None = None
    applied: bool = False

    def hits(self, now_s: float, *, me: bool) -> bool:
        """Whether the period affects this request; decrements `left` if it does."""
        if (me and not self.also_me) or now_s >= self.until_s or self.left <= 0:
            return False
        self.left -= 1
        return True


@dataclass(slots=True)
class TokenBucket:
    """The account's rate limit: `burst` requests at once, refilled at `rate` per second."""

    rate: float
    burst: float
    tokens: float = field(init=False)
    filled_at_s: float = 0.0

    def __post_init__(self) -> None:
        self.tokens = self.burst

    def wait_s(self, now_s: float) -> float:
        """Takes a token and returns 0, or returns the time until the next token."""
        self.tokens = min(self.burst, self.tokens + (now_s - self.filled_at_s) * self.rate)
        self.filled_at_s = now_s
        if self.tokens >= 1:
            self.tokens -= 1
            return 0.0
        return (1 - self.tokens) / self.rate


@dataclass(slots=True)
class Faults:
    """The stand-in's faults; each may change at any time, even while requests are in flight.

    - `latency_s`: events are applied immediately and answered after this delay.
    - `hang_s`: requests are handled after this delay, or not at all if the caller has gone.
    - `black_hole`: events are applied and never answered.
    - `close_without_answer`: this many next events are applied and their connection is closed.
    - `spare_me`: the faults above do not affect `GET /me` and the quota.
    """

    latency_s: float = 0.0
    hang_s: float = 0.0
    black_hole: bool = False
    close_without_answer: int = 0
    spare_me: bool = False
    fault_period: FaultPeriod | None = None
    bucket: TokenBucket | None = None

    def clear(self) -> None:
        """Removes all faults: FullStory is healthy from now on."""
        self.latency_s = self.hang_s = 0.0
        self.black_hole = self.spare_me = False
        self.close_without_answer = 0
        self.fault_period = self.bucket = None
