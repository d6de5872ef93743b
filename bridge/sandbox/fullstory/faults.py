"""How the FullStory stand-in misbehaves on demand.

Invariants: no I/O and no clock of its own: the monotonic time in seconds is an argument. A knob
that was never touched changes nothing.
"""

import math
from dataclasses import dataclass, field


@dataclass(slots=True)
class FaultPeriod:
    """For a time or for a number of requests every answer is `status`.

    `until_s` is monotonic; `left` counts requests down; either may be absent. With `also_me` it
    hits `GET /me` too, as an outage would; a 429 is per endpoint. A 3xx carries `location`.
    With `applied` a right event is applied all the same, as a 5xx may have been.
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

    def strikes(self, now_s: float, *, me: bool) -> bool:
        """Whether this request is hit; uses one up of a counted spell."""
        if (me and not self.also_me) or now_s >= self.until_s or self.left <= 0:
            return False
        self.left -= 1
        return True


@dataclass(slots=True)
class TokenBucket:
    """The account's rate limit: `burst` requests at once, refilled with `rate` a second."""

    rate: float
    burst: float
    tokens: float = field(init=False)
    filled_at_s: float = 0.0

    def __post_init__(self) -> None:
        self.tokens = self.burst

    def wait_s(self, now_s: float) -> float:
        """0 and one token taken, or how long until there is one."""
        self.tokens = min(self.burst, self.tokens + (now_s - self.filled_at_s) * self.rate)
        self.filled_at_s = now_s
        if self.tokens >= 1:
            self.tokens -= 1
            return 0.0
        return (1 - self.tokens) / self.rate


@dataclass(slots=True)
class Faults:
    """The knobs of the stand-in; each may be turned at any time, also while requests are open.

    - `latency_s`: applied at once, answered so much later (the way back is slow).
    - `hang_s`: looked at only so much later, and not at all if the caller has gone by then.
    - `black_hole`: applied, never answered.
    - `close_without_answer`: so many of the next events are applied, their connection is cut.
    - `spare_me`: the above leave `GET /me` and the quota alone.
    """

    latency_s: float = 0.0
    hang_s: float = 0.0
    black_hole: bool = False
    close_without_answer: int = 0
    spare_me: bool = False
    spell: FaultPeriod | None = None
    bucket: TokenBucket | None = None

    def clear(self) -> None:
        """All knobs back: from now on a FullStory in good health."""
        self.latency_s = self.hang_s = 0.0
        self.black_hole = self.spare_me = False
        self.close_without_answer = 0
        self.spell = self.bucket = None
