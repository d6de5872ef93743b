"""Halts a topic of which nearly nothing can be decoded.

It holds another format, so every record would become a dead letter.

Invariants:
- The threshold is that of the mappings (`rejection_rate.py`), counted by topic.
- The rate is checked at each failure. A record that decodes costs one addition.
- Records that the prefilter skips on the poll thread count too: they decode. Otherwise a filter
  that lets few records pass would make a few damaged ones look like many.
- A schema that the mappings do not fit does not count here: such a record decodes.
"""

from collections.abc import Callable
from typing import NamedTuple

from bridge.delivery.dead_letter import Failure
from bridge.delivery.halts import HaltedTopic, Halts
from bridge.delivery.rejection_rate import LastMatches, RejectionThreshold
from bridge.records import Record


class FormatGuess(NamedTuple):
    """What the bytes of a value look like, without any of them, and how to read such a topic."""

    looks_like: str
    fix: str


class DecodeFailures:
    """Counts decoded and undecodable records by topic, and halts a topic of the wrong format.

    `skipped` returns how many records of a topic the prefilter has skipped. `guess` says what a
    record that cannot be decoded looks like.
    """

    def __init__(
        self,
        threshold: RejectionThreshold,
        halts: Halts,
        *,
        skipped: Callable[[str], int],
        guess: Callable[[Record], FormatGuess],
    ) -> None:
        self._threshold = threshold
        self._halts = halts
        self._skipped = skipped
        self._guess = guess
        self._topics: dict[str, LastMatches] = {}
        self._skipped_before: dict[str, int] = {}

    def decoded(self, topic: str) -> None:
        """Count a decoded record."""
        (self._topics.get(topic) or self._new_topic(topic)).count += 1

    def failed(self, record: Record, failure: Failure) -> bool:
        """Count a record that cannot be decoded; returns whether its topic is halted."""
        if failure.stage != "decode":
            return False
        last = self._topics.get(record.topic) or self._new_topic(record.topic)
        skipped = self._skipped(record.topic)
        last.count += skipped - self._skipped_before[record.topic]
        self._skipped_before[record.topic] = skipped
        if last.reject(failure.reason):
            self._halt(record, last)
        return self._halts.is_halted(record.topic)

    def _new_topic(self, topic: str) -> LastMatches:
        self._skipped_before[topic] = 0
        last = self._topics[topic] = LastMatches(self._threshold)
        return last

    def _halt(self, record: Record, last: LastMatches) -> None:
        guess = self._guess(record)
        why = (
            f"{last.rejected} of its last {last.considered} records cannot be decoded, mostly:"
            f" {last.most_common_cause()}. The bytes of {record.place} look like"
            f" {guess.looks_like}"
        )
        self._halts.halt_topic(HaltedTopic(record.topic, why, _fix(record, guess)))


def _fix(record: Record, guess: FormatGuess) -> str:
    return (
        f"{guess.fix}. `fullstory-bridge explain {record.place}` shows whether this helps. Restart"
        " the bridge: the topic resumes here. To replay what became a dead letter before:"
        f" `fullstory-bridge dead-letters replay --topic {record.topic}`"
    )
