"""Facts that are told of every event, gathered: equal ones are told once a turn of the loop."""

import asyncio
from collections import Counter

from bridge.observer import Delivered, Observer, RecordOutcome, RecordsSettled


class FactBatch:
    """Counts what was delivered and settled until it is told; the event loop owns it."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._delivered: Counter[tuple[str, int]] = Counter()
        self._settled: Counter[tuple[str, RecordOutcome]] = Counter()
        self._is_due = False

    def delivered(self, mapping: str, tries: int) -> None:
        """FullStory accepted an event."""
        self._delivered[mapping, tries] += 1
        if not self._is_due:
            self._tell_soon()

    def settled(self, topic: str, fate: RecordOutcome) -> None:
        """A record came to its end."""
        self._settled[topic, fate] += 1
        if not self._is_due:
            self._tell_soon()

    def notify(self) -> None:
        """Tell what was counted; whoever ends calls it, for the loop may turn no more."""
        self._is_due = False
        for (mapping, tries), events in self._delivered.items():
            self._observer.notify(Delivered(mapping, tries, events))
        for (topic, fate), records in self._settled.items():
            self._observer.notify(RecordsSettled(topic, fate, records))
        self._delivered.clear()
        self._settled.clear()

    def _tell_soon(self) -> None:
        self._is_due = True
        asyncio.get_running_loop().call_soon(self.notify)
