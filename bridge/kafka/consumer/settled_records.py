"""Records that the event loop has settled, on their way to the poll thread.

Invariants: the loop adds and the thread removes; adding takes no lock. The thread is woken once
enough records have accumulated, not for each record.
"""

import threading
from collections import deque
from collections.abc import Iterator

from bridge.records import Record

_NEVER = 1 << 62


class SettledRecords:
    """Settled records, each with the number of its events that were started."""

    def __init__(self) -> None:
        self._records: deque[tuple[Record, int]] = deque()
        self._wake_at = _NEVER
        self._enough = threading.Event()

    def add(self, record: Record, events: int) -> None:
        """From the event loop: a record is settled."""
        self._records.append((record, events))
        if len(self._records) >= self._wake_at:
            self.wake()

    def wake(self) -> None:
        """End a wait immediately."""
        self._wake_at = _NEVER
        self._enough.set()

    def wait(self, count: int, limit_s: float) -> None:
        """From the poll thread: wait for `count` records, at most until the limit.

        The threshold is set before the count is read, so records added in between are not missed.
        """
        self._enough.clear()
        self._wake_at = count
        if len(self._records) < count:
            self._enough.wait(limit_s)
        self._wake_at = _NEVER

    def pop_all(self) -> Iterator[tuple[Record, int]]:
        """From the poll thread: remove and return the records that are present."""
        for _ in range(len(self._records)):
            yield self._records.popleft()
