"""Batches the facts of every event: equal facts are sent once per turn of the event loop."""

import asyncio
from collections import Counter

from bridge.observer import Delivered, Observer, RecordOutcome, RecordsSettled


class FactBatch:
    """Counts delivered events and settled records until the next flush; the event loop owns it."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._delivered: Counter[tuple[str, int]] = Counter()
        self._settled: Counter[tuple[str, RecordOutcome]] = Counter()
        self._flush_scheduled = False

    def delivered(self, mapping: str, tries: int) -> None:
        """FullStory accepted an event."""
        self._delivered[mapping, tries] += 1
        if not self._flush_scheduled:
            self._schedule_flush()

    def settled(self, topic: str, outcome: RecordOutcome) -> None:
        """A record was settled."""
        self._settled[topic, outcome] += 1
        if not self._flush_scheduled:
            self._schedule_flush()

    def flush(self) -> None:
        """Notify the observer; call it at the end too, since the loop may not run again."""
        self._flush_scheduled = False
        for (mapping, tries), events in self._delivered.items():
            self._observer.notify(Delivered(mapping, tries, events))
        for (topic, outcome), records in self._settled.items():
            self._observer.notify(RecordsSettled(topic, outcome, records))
        self._delivered.clear()
        self._settled.clear()

    def _schedule_flush(self) -> None:
        self._flush_scheduled = True
        asyncio.get_running_loop().call_soon(self.flush)
