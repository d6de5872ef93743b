"""Finds the account's rate limit from FullStory's responses: pure, time is an argument.

FullStory limits events per second, with a burst, and publishes neither number. It responds to a
request above the limit immediately with 429 and `Retry-After`. So no queue builds up whose length
could be measured, and limiting the requests in flight would not help: the rate must be controlled.

    start        from 50/s, doubled every few round trips, until the first 429
    429s         no request until `Retry-After` has passed; one decrease for the whole series
    recovery     back to the measured rate, hold it, then increase faster and faster

Invariants:
- A series of 429s decreases the rate once. A 429 whose request started before the last decrease
  only extends the block. Otherwise a burst of 50 such responses would reduce the rate to nothing.
- A 429 blocks the whole account: no request starts before `Retry-After` has passed. Waiting
  requests then start at the current rate. All at once would cause the next 429s.
- If FullStory accepted nothing for seconds before a 429, the 429 says nothing about the rate:
  FullStory refuses everything, or an outage came first. Then one request at a time probes, and the
  first accepted one restores the rate.
- A failed request counts as let through by the limit. Otherwise an outage of a second would halve
  the rate at the next 429.
- The rate grows only while it is what delays requests. Low traffic proves nothing, and neither
  does time in which nothing is accepted. A request that waits for the rate limit is not low
  traffic, however long the limit makes it wait.
- A rate from the settings is the start value, and this process's share of it is the maximum.
- Slots count from when they were due, not from when the timer fired: a late event loop loses none
  of them, up to `LATENESS_MAX_S`.

Each series of 429s costs about half a second of throughput: `Retry-After` has whole seconds, and
the bucket's refill beyond its burst is lost. So the hold time is a multiple of `Retry-After`. The
constants were found by simulation, see `tests/unit/delivery`.
"""

from typing import NamedTuple

RATE_FIRST = 50.0
"""Events per second at the start when no rate is given."""

RATE_MIN = 0.5
"""The lowest rate: only a request can reveal that the limit was raised."""

LATENESS_MAX_S = 0.03
"""The timer lateness that is caught up with, and so the burst after idle time."""

_DOUBLE_ROUND_TRIPS = 5.0
_DOUBLE_S = (0.1, 1.0)
"""The rate doubles every five round trips, within these seconds; faster would cause more 429s."""

_PROBE_ROUND_TRIPS = 4.0
"""Round trips between two probing requests, so that the previous response has arrived."""

_MEASURED_FACTOR = 0.95
"""The share of the measured rate to return to: the measurement includes part of the burst."""

_DECREASE = 0.08
"""How far below that the rate decreases, so the limit's bucket can refill."""

_CUBIC = 0.003
"""Coefficient of the cubic curve for recovery and for growth after the hold; per second cubed."""

_RECOVERY_S: float = (_DECREASE / _CUBIC) ** (1 / 3)

_HOLD_FACTOR = 3.0
_HOLD_S = (1.0, 60.0)
"""How long the measured rate is held, as a multiple of `Retry-After`, and its bounds."""

_WINDOW_S = 2.0
"""The accepted rate is measured over two to four seconds."""

_BLOCK_COUNTED_S = 1.0
"""At most this much of a block counts as measured time: then the bucket may be full already."""

_IDLE_S = 0.25
"""Idle time counts as at most this much measured time."""


class RateLimit:
    """The rate limit of one process's share of one account; times in seconds.

    `max_rate` is the account's limit in events per second, if known.
    """

    def __init__(self, now_s: float, max_rate: float | None = None) -> None:
        self._account_rate = max_rate
        self._max_rate = float("inf") if max_rate is None else max_rate
        self._per_s = RATE_FIRST if max_rate is None else max_rate
        self._next_s = now_s - LATENESS_MAX_S
        self._blocked_until_s = now_s
        self._last_start_s = now_s
        self._decreased_s = now_s - 1.0
        self._round_trip_s = 0.05
        self._measured_rate: float | None = None
        self._probing = False
        self._hold_s = _HOLD_S[0]
        self._limited_s = 0.0
        self._measurement = _Measurement(0.0)

    @property
    def per_s(self) -> float:
        """Events per second that may start now."""
        return self._per_s

    def wait_s(self, now_s: float) -> float:
        """How long until the next request may start; 0 or less means now."""
        return max(self._next_s, self._blocked_until_s) - now_s

    def begin(self, now_s: float) -> None:
        """Start a request: it takes the next slot."""
        if now_s > self._last_start_s:
            self._advance(now_s)
        slot_s = 1.0 / self._per_s
        if self._probing:
            slot_s = max(slot_s, _PROBE_ROUND_TRIPS * self._round_trip_s)
        latest_s = now_s - LATENESS_MAX_S
        self._next_s = (max(latest_s, self._next_s)) + slot_s

    def accepted(self, started_s: float, now_s: float) -> None:
        """The limit let through a request that started at `started_s`, whatever the response."""
        self._measurement.accepted += 1
        if self._probing:
            self._probing = False
            self._next_s = max(now_s, self._blocked_until_s)
        self._round_trip_s += (now_s - started_s - self._round_trip_s) / 16

    def failed(self) -> None:
        """A request got a 5xx or no response; it counts as let through, though that is unknown."""
        self._measurement.failed += 1

    def refused(self, started_s: float, retry_after_s: float, now_s: float) -> None:
        """A request that started at `started_s` got a 429."""
        if started_s > self._decreased_s:
            self._decrease(retry_after_s)
            self._decreased_s = now_s
        self._blocked_until_s = max(self._blocked_until_s, now_s + retry_after_s)
        self._next_s = self._last_start_s = self._blocked_until_s

    def set_share(self, share: float) -> None:
        """Set this process's share of the account, from 0 to 1."""
        if self._account_rate is None:
            return
        was_at_maximum = self._per_s >= self._max_rate
        self._max_rate = max(self._account_rate * share, RATE_MIN)
        if was_at_maximum or self._per_s > self._max_rate:
            self._per_s = self._max_rate

    def _advance(self, now_s: float) -> None:
        elapsed_s = now_s - self._last_start_s
        self._last_start_s = now_s
        if now_s - self._next_s < LATENESS_MAX_S:
            self._measurement.advance(elapsed_s)
            if not self._probing:
                self._limited_s += elapsed_s
                self._grow(elapsed_s)
        else:
            self._measurement.advance(min(_IDLE_S, elapsed_s))

    def _decrease(self, block_s: float) -> None:
        if self._measurement.is_any_accepted:
            self._measured_rate = max(
                _MEASURED_FACTOR * min(self._per_s, self._measurement.per_s), RATE_MIN
            )
            self._per_s = (1 - _DECREASE) * self._measured_rate
            self._hold_s = _within(_HOLD_FACTOR * block_s, _HOLD_S)
            self._limited_s = 0.0
        else:
            self._probing = True
        self._measurement = _Measurement(min(block_s, _BLOCK_COUNTED_S))

    def _grow(self, elapsed_s: float) -> None:
        if self._per_s >= self._max_rate:
            return
        if self._measured_rate is None:
            double_s = _within(_DOUBLE_ROUND_TRIPS * self._round_trip_s, _DOUBLE_S)
            grown: float = self._per_s * 2.0 ** (elapsed_s / double_s)
        else:
            grown = self._measured_rate * (1 + _CUBIC * self._since_hold_s() ** 3)
        self._per_s = min(max(self._per_s, grown), self._max_rate)

    def _since_hold_s(self) -> float:
        """Below 0 until the measured rate is reached, 0 during the hold, then the time since."""
        since_s = self._limited_s - _RECOVERY_S
        return since_s if since_s < 0 else max(0.0, since_s - self._hold_s)


class _Checkpoint(NamedTuple):
    """The counts at an elapsed time."""

    elapsed_s: float = 0.0
    accepted: int = 0
    failed: int = 0


class _Measurement:
    """Counts accepted and failed requests over the last two to four active seconds."""

    __slots__ = ("_checkpoints", "_elapsed_s", "accepted", "failed")

    def __init__(self, elapsed_s: float) -> None:
        self.accepted = self.failed = 0
        self._elapsed_s = elapsed_s
        self._checkpoints = (_Checkpoint(), _Checkpoint())

    def advance(self, s: float) -> None:
        """Advance the measured time."""
        self._elapsed_s += s
        if self._elapsed_s - self._checkpoints[1].elapsed_s > _WINDOW_S:
            now = _Checkpoint(self._elapsed_s, self.accepted, self.failed)
            self._checkpoints = (self._checkpoints[1], now)

    @property
    def is_any_accepted(self) -> bool:
        """Whether the limit let any request through."""
        return self.accepted > self._checkpoints[0].accepted

    @property
    def per_s(self) -> float:
        """Requests let through per second; infinity before the first measurement."""
        since = self._checkpoints[0]
        elapsed_s = self._elapsed_s - since.elapsed_s
        let_through = self.accepted - since.accepted + self.failed - since.failed
        return let_through / elapsed_s if elapsed_s > 0.1 else float("inf")


def _within(value: float, bounds: tuple[float, float]) -> float:
    return min(max(value, bounds[0]), bounds[1])
