"""What was done to whom and when, for the lines of progress and the reckoning at the end."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Deed:
    """One fault, from its begin to its end; by the system's clock."""

    kind: str
    who: str
    begin_s: float
    end_s: float


class Chronicle:
    """All deeds so far; every lane writes into it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._deeds: list[Deed] = []
        self._under_way: Counter[str] = Counter()

    @contextmanager
    def during(self, kind: str, who: str) -> Iterator[None]:
        """A deed that lasts as long as the block, and until it fails."""
        begin_s = time.time()
        with self._lock:
            self._under_way[f"{kind} {who}"] += 1
        try:
            yield
        finally:
            self.note(kind, who, begin_s)
            with self._lock:
                self._under_way[f"{kind} {who}"] -= 1

    def note(self, kind: str, who: str, begin_s: float) -> None:
        """A deed that ends now."""
        with self._lock:
            self._deeds.append(Deed(kind, who, begin_s, time.time()))

    def deeds(self) -> list[Deed]:
        """All that ended, in the order in which they did."""
        with self._lock:
            return list(self._deeds)

    def now(self) -> str:
        """What goes on at this moment, for a line of progress."""
        with self._lock:
            return ", ".join(sorted(what for what, count in self._under_way.items() if count))
