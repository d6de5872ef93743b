"""What the event loop has settled, on its way to the poll thread.

Invariants: the loop adds, the thread takes; adding costs no lock. The thread is woken when there is
enough to be worth a turn of it, not for each record.
"""

import threading
from collections import deque
from collections.abc import Iterator

from bridge.records import Record

_NEVER = 1 << 62


class SettledRecords:
    """Records of which nothing is left to do, each with how many events of it were begun."""

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
        """End a wait, whatever there is."""
        self._wake_at = _NEVER
        self._enough.set()

    def wait(self, count: int, limit_s: float) -> None:
        """From the poll thread: wait until so many are there, but no longer than the limit.

        What came between the look and the wait is seen by the look: the bound is set first.
        """
        self._enough.clear()
        self._wake_at = count
        if len(self._records) < count:
            self._enough.wait(limit_s)
        self._wake_at = _NEVER

    def taken(self) -> Iterator[tuple[Record, int]]:
        """From the poll thread: take what is there."""
        for _ in range(len(self._records)):
            yield self._records.popleft()
