"""The timeline of injected faults, for the progress lines and the reconciliation."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault with its target, begin and end in system time."""

    kind: str
    target: str
    begin_s: float
    end_s: float


class Timeline:
    """All faults so far; every fault loop adds its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._under_way: Counter[str] = Counter()

    @contextmanager
    def during(self, kind: str, target: str) -> Iterator[None]:
        """Add a fault that lasts as long as the block, even if the block fails."""
        begin_s = time.time()
        with self._lock:
            self._under_way[f"{kind} {target}"] += 1
        try:
            yield
        finally:
            self.add(kind, target, begin_s)
            with self._lock:
                self._under_way[f"{kind} {target}"] -= 1

    def add(self, kind: str, target: str, begin_s: float) -> None:
        """Add a fault that ends now."""
        with self._lock:
            self._faults.append(Fault(kind, target, begin_s, time.time()))

    def faults(self) -> list[Fault]:
        """All finished faults, in the order of their ends."""
        with self._lock:
            return list(self._faults)

    def now(self) -> str:
        """The faults in progress, for a progress line."""
        with self._lock:
            return ", ".join(sorted(what for what, count in self._under_way.items() if count))
