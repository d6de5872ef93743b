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

ROOM_MIN = 200
"""Less room than this is none, in a window that is large: each turn of the thread has its price."""

PAUSE_AFTER_S = 5.0


@dataclass(frozen=True, slots=True)
class BackpressureLimits:
    """How much work may be taken and not settled; memory is the price."""

    records_max: int = 4_000
    bytes_max: int = 64 * 1024 * 1024
    ahead_max: int = 500
    """Of these, how many may wait until somebody begins them: what waits for long is out of the
    processor's caches when its turn comes, and that costs a fifth of the time for an event."""


class FlowChange(Enum):
    """What is to be done to the partitions."""

    NONE = "none"
    PAUSE = "pause"
    RESUME = "resume"


class Backpressure:
    """The window of work: taken and not settled."""

    def __init__(self, bounds: BackpressureLimits) -> None:
        self._bounds = bounds
        self._full_since: float | None = None
        self._limit: int | None = None
        self._at_once = False
        self.paused = False

    def limit(self, records_max: int | None, *, at_once: bool = False) -> None:
        """Take less than the bounds allow (None: no less), or pause `at_once` when it is full."""
        self._limit = records_max
        self._at_once = at_once

    def room(self, records: int, size_bytes: int, ahead: int = 0) -> int:
        """How many records may be taken at once; `ahead` of those taken nobody has begun.

        None while there is less room than is worth a turn.
        """
        room = self._free(records, size_bytes, ahead)
        return 0 if room < min(ROOM_MIN, self._records_max // 4) else min(BATCH_MAX, room)

    @property
    def _records_max(self) -> int:
        records_max = self._bounds.records_max
        return records_max if self._limit is None else min(records_max, self._limit)

    def _free(self, records: int, size_bytes: int, ahead: int) -> int:
        if size_bytes >= self._bounds.bytes_max:
            return 0
        return max(0, min(self._records_max - records, self._bounds.ahead_max - ahead))

    def change(self, records: int, size_bytes: int, now_s: float, ahead: int = 0) -> FlowChange:
        """Whether to pause (full for five seconds) or to resume (half of it is free again)."""
        if self.paused:
            if self._free(2 * records, 2 * size_bytes, ahead):
                self.paused = False
                self._full_since = None
                return FlowChange.RESUME
            return FlowChange.NONE
        if self._free(records, size_bytes, ahead):
            self._full_since = None
            return FlowChange.NONE
        if self._full_since is None:
            self._full_since = now_s
        if not self._at_once and now_s - self._full_since < PAUSE_AFTER_S:
            return FlowChange.NONE
        self.paused = True
        return FlowChange.PAUSE
