"""How much may be taken from Kafka now: pure, time is an argument.

When the window of work is full the thread still calls `consume` for one record every 50 ms, one
over each time: `consume(0, 0)` serves no callbacks, so commits would never be acknowledged and a
rebalance would hang. Only when it stays full for five seconds are the partitions paused, since
`pause()` throws away what was fetched ahead. Where each record counts they are paused at once: one
over each time would be one too many.
"""

from dataclasses import dataclass
from enum import Enum

BATCH_MAX = 500
"""Records taken at once: building more message objects holds the interpreter too long."""

PAUSE_AFTER_S = 5.0


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much work may be taken and not settled; memory is the price."""

    records_max: int = 4_000
    bytes_max: int = 64 * 1024 * 1024


class Change(Enum):
    """What is to be done to the partitions."""

    NONE = "none"
    PAUSE = "pause"
    RESUME = "resume"


class Window:
    """The window of work: taken and not settled."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._full_since: float | None = None
        self._limit: int | None = None
        self._at_once = False
        self.paused = False

    def limit(self, records_max: int | None, *, at_once: bool = False) -> None:
        """Take less than the bounds allow (None: no less), or pause `at_once` when it is full."""
        self._limit = records_max
        self._at_once = at_once

    def room(self, records: int, size_bytes: int) -> int:
        """How many records may be taken at once."""
        if size_bytes >= self._bounds.bytes_max:
            return 0
        records_max = self._bounds.records_max
        if self._limit is not None:
            records_max = min(records_max, self._limit)
        return max(0, min(BATCH_MAX, records_max - records))

    def change(self, records: int, size_bytes: int, now_s: float) -> Change:
        """Whether to pause (full for five seconds) or to resume (half of it is free again)."""
        if self.paused:
            if self.room(2 * records, 2 * size_bytes):
                self.paused = False
                self._full_since = None
                return Change.RESUME
            return Change.NONE
        if self.room(records, size_bytes):
            self._full_since = None
            return Change.NONE
        if self._full_since is None:
            self._full_since = now_s
        if not self._at_once and now_s - self._full_since < PAUSE_AFTER_S:
            return Change.NONE
        self.paused = True
        return Change.PAUSE
