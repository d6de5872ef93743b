"""How fast the account may be asked, found out from what it answers: pure, time is an argument.

FullStory limits events per second, with a burst, and says neither number. A request above the
limit is answered at once with 429 and `Retry-After`. So there is no queue whose length would tell
anything, and how many are in flight is the wrong thing to steer: the rate is.

    start        from 50/s, doubled every few round trips, until the first 429
    a spell      the gate closes for `Retry-After`; one decrease, however many 429s it has
    recovery     back to what was measured, hold it, then faster and faster beyond it

Invariants:
- A spell of 429s decreases once: a 429 whose request began before the last decrease only closes
  the gate. Else one burst of fifty refusals would bring the rate to nothing.
- The gate is the account's: nothing begins before `Retry-After` has passed. What waited is then
  let in at the pace, not all at once: that would be the next spell.
- A spell before which nothing was accepted for seconds says nothing about the rate: FullStory
  takes nothing at all, or an outage came first. Then one request at a time asks, and the first
  that is accepted brings the rate back.
- A request that failed was let through as far as anybody knows: measured as refused, an outage of
  a second would halve the rate at the next 429.
- It grows only while the pace is what holds requests back. A quiet hour proves nothing, nor does
  one in which nothing is accepted; but who waits for the pace is not quiet, however long the pace
  makes it wait.
- With a rate given by the settings it begins there and never goes above this process's share.
- Slots are counted from when they were due, not from when the timer came: a loop that is late
  loses none of them, up to `LATE_S`.

Each spell costs about half a second of the limit (Retry-After has whole seconds, and what the
bucket refills beyond its burst meanwhile is lost): the fewer, the faster. The holding time is
therefore told in gates. The figures were found by simulation, see `tests/unit/delivery`.
"""

from typing import NamedTuple

RATE_FIRST = 50.0
"""Events per second at the start when no rate is given."""

RATE_MIN = 0.5
"""It never falls below this: a request is the only way to learn that the limit was raised."""

LATE_S = 0.03
"""So much lateness of a timer is caught up with; also how long the burst is after a quiet time."""

_DOUBLE_ROUND_TRIPS = 5.0
_DOUBLE_S = (0.1, 1.0)
"""The start doubles every five round trips: what is under way when the limit is met is refused."""

_ASK_ROUND_TRIPS = 4.0
"""How far apart requests are that ask one at a time: the answer to the last should be there."""

_CAREFUL = 0.95
"""Of what was measured: it holds a part of the burst, which will not be there again."""

_DIP = 0.08
"""How far below that the rate goes, to leave the limit's bucket room to fill."""

_CURVE = 0.003
"""Of the cubic by which it comes back and, after holding, goes beyond; per second cubed."""

_DIP_S: float = (_DIP / _CURVE) ** (1 / 3)

_HOLD_GATES = 3.0
_HOLD_S = (1.0, 60.0)
"""How long it holds what it has found, in lengths of the gate, and its bounds."""

_WINDOW_S = 2.0
"""What was accepted is measured over two to four seconds."""

_GATE_COUNTED_S = 1.0
"""So much of a gate counts as measured time: what is refilled later may exceed the burst."""

_IDLE_S = 0.25
"""A longer time in which nobody asked, though the pace would have let it, counts as this much."""


class RateLimit:
    """The pace and the gate of one process's share of one account; times in seconds.

    `ceiling` is the account's rate in events per second where it is known.
    """

    def __init__(self, now_s: float, ceiling: float | None = None) -> None:
        self._account_max = ceiling
        self._ceiling = float("inf") if ceiling is None else ceiling
        self._per_s = RATE_FIRST if ceiling is None else ceiling
        self._next_s = now_s - LATE_S
        self._closed_until_s = now_s
        self._asked_s = now_s
        self._decreased_s = now_s - 1.0
        self._round_trip_s = 0.05
        self._found: float | None = None
        self._one_at_a_time = False
        self._hold_s = _HOLD_S[0]
        self._held_back_s = 0.0
        self._measured = _Measured(0.0)

    @property
    def per_s(self) -> float:
        """Events per second that may begin now."""
        return self._per_s

    def wait_s(self, now_s: float) -> float:
        """How long until the next request may begin; nothing or less: now."""
        return max(self._next_s, self._closed_until_s) - now_s

    def begin(self, now_s: float) -> None:
        """A request begins: it takes the next slot."""
        if now_s > self._asked_s:
            self._pass_by(now_s)
        step_s = 1.0 / self._per_s
        if self._one_at_a_time:
            step_s = max(step_s, _ASK_ROUND_TRIPS * self._round_trip_s)
        latest_s = now_s - LATE_S
        self._next_s = (max(latest_s, self._next_s)) + step_s

    def accepted(self, begun_s: float, now_s: float) -> None:
        """The limit let a request through that began at `begun_s`, whatever was answered to it."""
        self._measured.accepted += 1
        if self._one_at_a_time:
            self._one_at_a_time = False
            self._next_s = max(now_s, self._closed_until_s)
        self._round_trip_s += (now_s - begun_s - self._round_trip_s) / 16

    def failed(self) -> None:
        """A request got a 5xx or no answer: nobody knows what the limit had to say to it."""
        self._measured.failed += 1

    def refused(self, begun_s: float, retry_after_s: float, now_s: float) -> None:
        """The limit refused a request that began at `begun_s`, with 429."""
        if begun_s > self._decreased_s:
            self._decrease(retry_after_s)
            self._decreased_s = now_s
        self._closed_until_s = max(self._closed_until_s, now_s + retry_after_s)
        self._next_s = self._asked_s = self._closed_until_s

    def share(self, share: float) -> None:
        """This process's share of the account from now on, above 0 and up to 1."""
        if self._account_max is None:
            return
        was_at_ceiling = self._per_s >= self._ceiling
        self._ceiling = max(self._account_max * share, RATE_MIN)
        if was_at_ceiling or self._per_s > self._ceiling:
            self._per_s = self._ceiling

    def _pass_by(self, now_s: float) -> None:
        passed_s = now_s - self._asked_s
        self._asked_s = now_s
        if now_s - self._next_s < LATE_S:
            self._measured.pass_by(passed_s)
            if not self._one_at_a_time:
                self._held_back_s += passed_s
                self._grow(passed_s)
        else:
            self._measured.pass_by(min(_IDLE_S, passed_s))

    def _decrease(self, gate_s: float) -> None:
        if self._measured.is_any_accepted:
            self._found = max(_CAREFUL * min(self._per_s, self._measured.per_s), RATE_MIN)
            self._per_s = (1 - _DIP) * self._found
            self._hold_s = _within(_HOLD_GATES * gate_s, _HOLD_S)
            self._held_back_s = 0.0
        else:
            self._one_at_a_time = True
        self._measured = _Measured(min(gate_s, _GATE_COUNTED_S))

    def _grow(self, passed_s: float) -> None:
        if self._per_s >= self._ceiling:
            return
        if self._found is None:
            double_s = _within(_DOUBLE_ROUND_TRIPS * self._round_trip_s, _DOUBLE_S)
            grown: float = self._per_s * 2.0 ** (passed_s / double_s)
        else:
            grown = self._found * (1 + _CURVE * self._beyond_hold_s() ** 3)
        self._per_s = min(max(self._per_s, grown), self._ceiling)

    def _beyond_hold_s(self) -> float:
        """Below 0 until what was found is reached, 0 while holding it, then how long beyond it."""
        since_s = self._held_back_s - _DIP_S
        return since_s if since_s < 0 else max(0.0, since_s - self._hold_s)


class _Mark(NamedTuple):
    """What the counts were when so much time had passed."""

    passed_s: float = 0.0
    accepted: int = 0
    failed: int = 0


class _Measured:
    """What became of the requests of the last two to four seconds in which any were made."""

    __slots__ = ("_marks", "_passed_s", "accepted", "failed")

    def __init__(self, passed_s: float) -> None:
        self.accepted = self.failed = 0
        self._passed_s = passed_s
        self._marks = (_Mark(), _Mark())

    def pass_by(self, s: float) -> None:
        """So much time has passed."""
        self._passed_s += s
        if self._passed_s - self._marks[1].passed_s > _WINDOW_S:
            now = _Mark(self._passed_s, self.accepted, self.failed)
            self._marks = (self._marks[1], now)

    @property
    def is_any_accepted(self) -> bool:
        """Whether the limit let any through."""
        return self.accepted > self._marks[0].accepted

    @property
    def per_s(self) -> float:
        """Let through per second; infinity before there is anything to go by."""
        since = self._marks[0]
        passed_s = self._passed_s - since.passed_s
        through = self.accepted - since.accepted + self.failed - since.failed
        return through / passed_s if passed_s > 0.1 else float("inf")


def _within(value: float, bounds: tuple[float, float]) -> float:
    return min(max(value, bounds[0]), bounds[1])
