"""How many records may be polled now: pure, with time as an argument.

While the window is full, the thread still calls `consume` for one record every 50 ms. Each call
exceeds the window by one record. `consume(0, 0)` serves no callbacks: commits would never be
acknowledged and a rebalance would hang. The partitions are paused only if the window stays full for
five seconds, because `pause()` discards prefetched records. If the number of records has a hard
limit, they are paused at once.
"""

from dataclasses import dataclass
from enum import Enum

BATCH_MAX = 500
"""Records per poll: building more message objects at once holds the interpreter for too long."""

BATCH_MIN = 200
"""In a large window, poll nothing until this many records fit: each iteration has a fixed cost."""

PAUSE_AFTER_S = 5.0


@dataclass(frozen=True, slots=True)
class BackpressureLimits:
    """How many unsettled records and bytes may be held; the limits bound the memory."""

    records_max: int = 4_000
    bytes_max: int = 64 * 1024 * 1024
    not_started_max: int = 500
    """How many of them may wait to be started.

    A record that waits long drops out of the processor's caches: a fifth of the time per event.
    """


class FlowChange(Enum):
    """What to do with the partitions."""

    NONE = "none"
    PAUSE = "pause"
    RESUME = "resume"


class Backpressure:
    """The window of unsettled records."""

    def __init__(self, limits: BackpressureLimits) -> None:
        self._limits = limits
        self._full_since: float | None = None
        self._records_limit: int | None = None
        self._pause_immediately = False
        self.paused = False

    def limit(self, records_max: int | None, *, pause_immediately: bool = False) -> None:
        """Set a lower record limit (None: none), and whether reaching it pauses immediately."""
        self._records_limit = records_max
        self._pause_immediately = pause_immediately

    def batch_limit(self, records: int, size_bytes: int, not_started: int = 0) -> int:
        """How many records may be polled in one batch; `not_started` held records still wait.

        0 while too few records fit to be worth an iteration.
        """
        free = self._free_records(records, size_bytes, not_started)
        return 0 if free < min(BATCH_MIN, self._records_max // 4) else min(BATCH_MAX, free)

    @property
    def _records_max(self) -> int:
        records_max = self._limits.records_max
        return records_max if self._records_limit is None else min(records_max, self._records_limit)

    def _free_records(self, records: int, size_bytes: int, not_started: int) -> int:
        if size_bytes >= self._limits.bytes_max:
            return 0
        return max(0, min(self._records_max - records, self._limits.not_started_max - not_started))

    def change(
        self, records: int, size_bytes: int, now_s: float, not_started: int = 0
    ) -> FlowChange:
        """Whether to pause (full for five seconds) or to resume (half of it is free again)."""
        if self.paused:
            if self._free_records(2 * records, 2 * size_bytes, not_started):
                self.paused = False
                self._full_since = None
                return FlowChange.RESUME
            return FlowChange.NONE
        if self._free_records(records, size_bytes, not_started):
            self._full_since = None
            return FlowChange.NONE
        if self._full_since is None:
            self._full_since = now_s
        if not self._pause_immediately and now_s - self._full_since < PAUSE_AFTER_S:
            return FlowChange.NONE
        self.paused = True
        return FlowChange.PAUSE
