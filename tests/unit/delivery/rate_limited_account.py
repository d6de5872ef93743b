"""FullStory's rate limit in virtual time, and bridges that send against it continuously.

It simulates a token bucket with a changing limit, lognormal round trips, and timers that fire up to
a millisecond late. Nothing here reads a clock.
"""

import heapq
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count, pairwise
from typing import Any

from bridge.delivery.rate_limit import RateLimit

Phases = Sequence[tuple[float, float]]
"""Pairs of end time in seconds and limit in events per second."""

UP_AND_DOWN: Phases = ((60, 100), (120, 40), (180, 100))
STEADY: Phases = ((240, 100),)


@dataclass(slots=True)
class Bucket:
    """The account's token bucket."""

    phases: Phases
    burst: float
    tokens: float = field(init=False)
    filled_s: float = 0.0

    def __post_init__(self) -> None:
        self.tokens = self.burst

    def wait_s(self, now_s: float) -> float:
        """Take a token and return 0, or return the wait until the next one."""
        ends = [end for end, _ in self.phases if self.filled_s < end < now_s]
        for begin, end in pairwise([self.filled_s, *ends, now_s]):
            self.tokens = min(self.burst, self.tokens + (end - begin) * self.limit(begin))
        self.filled_s = now_s
        if self.tokens >= 1:
            self.tokens -= 1
            return 0.0
        return (1 - self.tokens) / self.limit(now_s)

    def limit(self, s: float) -> float:
        """The limit per second at a time."""
        return next((limit for end, limit in self.phases if s < end), self.phases[-1][1])

    def possible(self) -> float:
        """How many events can be accepted in all phases."""
        begins = [0.0, *[end for end, _ in self.phases]]
        spans = zip(self.phases, begins, strict=False)
        return self.burst + sum((end - begin) * limit for (end, limit), begin in spans)


@dataclass(frozen=True, slots=True)
class Case:
    """A run: the limit, the senders and the network."""

    phases: Phases
    max_rate: float | None = None
    burst: float = 50
    round_trip_s: float = 0.05
    retry_after_s: float | None = None
    """None: the time until the next token, in whole seconds."""

    replicas: int = 1
    in_flight_max: int = 256


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a run."""

    possible: float
    accepted: tuple[int, ...]
    refused_at_s: tuple[float, ...]
    rates: tuple[tuple[float, float], ...]
    """The rate of the first replica at each response."""

    @property
    def share(self) -> float:
        """The accepted share of the possible."""
        return sum(self.accepted) / self.possible

    @property
    def refused_share(self) -> float:
        """The share of 429s in all requests."""
        refused = len(self.refused_at_s)
        return refused / (refused + sum(self.accepted))

    def series_of_429s(self, block_s: float = 0.9) -> list[float]:
        """The start of each series of 429s: those less than `block_s` apart are one."""
        times = self.refused_at_s
        return [s for at, s in enumerate(times) if not at or s - times[max(0, at - 1)] > block_s]


@dataclass(slots=True)
class _Bridge:
    rate: RateLimit
    in_flight: int = 0
    accepted: int = 0
    timer_set: bool = False


def run(case: Case, seed: int) -> Result:
    """Send continuously until the last phase ends."""
    return _Run(case, seed).run()


class _Run:
    def __init__(self, case: Case, seed: int) -> None:
        self._case = case
        self._random = random.Random(seed)
        self._bucket = Bucket(case.phases, case.burst)
        max_rate = None if case.max_rate is None else case.max_rate / case.replicas
        self._bridges = [_Bridge(RateLimit(0.0, max_rate)) for _ in range(case.replicas)]
        self._events: list[tuple[float, int, Any, _Bridge, tuple[float, ...]]] = []
        self._number = count()
        self._refused: list[float] = []
        self._rates: list[tuple[float, float]] = []

    def run(self) -> Result:
        for bridge in self._bridges:
            self._at(self._random.random() * 0.01, self._on_timer, bridge)
        while self._events[0][0] < self._case.phases[-1][0]:
            now_s, _, callback, bridge, arguments = heapq.heappop(self._events)
            callback(now_s, bridge, *arguments)
        return Result(
            self._bucket.possible(),
            tuple(bridge.accepted for bridge in self._bridges),
            tuple(self._refused),
            tuple(self._rates),
        )

    def _at(self, s: float, callback: Any, bridge: _Bridge, *arguments: float) -> None:
        heapq.heappush(self._events, (s, next(self._number), callback, bridge, arguments))

    def _one_way_s(self) -> float:
        return self._case.round_trip_s / 2 * math.exp(self._random.gauss(0, 0.2))

    def _on_timer(self, now_s: float, bridge: _Bridge) -> None:
        bridge.timer_set = False
        self._send(now_s, bridge)

    def _send(self, now_s: float, bridge: _Bridge) -> None:
        while bridge.in_flight < self._case.in_flight_max:
            wait_s = bridge.rate.wait_s(now_s)
            if wait_s > 0:
                if not bridge.timer_set:
                    bridge.timer_set = True
                    late_s = self._random.random() * 0.001
                    self._at(now_s + wait_s + late_s, self._on_timer, bridge)
                return
            bridge.rate.begin(now_s)
            bridge.in_flight += 1
            self._at(now_s + self._one_way_s(), self._on_request, bridge, now_s)

    def _on_request(self, now_s: float, bridge: _Bridge, started_s: float) -> None:
        wait_s = self._bucket.wait_s(now_s)
        self._at(now_s + self._one_way_s(), self._on_response, bridge, started_s, wait_s)

    def _on_response(self, now_s: float, bridge: _Bridge, started_s: float, wait_s: float) -> None:
        bridge.in_flight -= 1
        if wait_s == 0:
            bridge.accepted += 1
            bridge.rate.accepted(started_s, now_s)
        else:
            self._refused.append(now_s)
            retry_after_s = self._case.retry_after_s or max(1, math.ceil(wait_s))
            bridge.rate.refused(started_s, retry_after_s, now_s)
        self._rates.append((now_s, self._bridges[0].rate.per_s))
        self._send(now_s, bridge)
