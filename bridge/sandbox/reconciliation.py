"""Compares what was produced with what arrived, record by record.

Invariants: pure. Each record counts once:
- dead-lettered if it has a dead letter;
- else sent if all of its events arrived;
- else filtered if no event was expected (this includes records of unknown users);
- else lost. A record that was only partly sent and has no dead letter is lost.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import orjson

from bridge.sandbox.fullstory.ledger import Accepted
from bridge.sandbox.traffic.expected_events import ExpectedEvent
from bridge.sandbox.traffic.generator import GeneratedRecord

_RECORD_IDS = ("payment_id", "order_id")
"""Properties that identify an event's record, in this order: a payment may have both ids."""


class RecordPlace(NamedTuple):
    """A record's position in Kafka."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


class Produced(NamedTuple):
    """A record that Kafka acknowledged."""

    generated: GeneratedRecord
    place: RecordPlace


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The result, in records; `duplicates` and `unexpected` count events and dead letters.

    `unexpected` counts events that should not have been sent and dead letters of valid records.
    `lost` lists the positions of lost records.
    """

    produced: int
    sent: int
    filtered: int
    dead_lettered: int
    lost: tuple[RecordPlace, ...]
    duplicates: int
    unexpected: int

    @property
    def holds(self) -> bool:
        """Whether every record reached its expected destination exactly once."""
        return not self.lost and not self.duplicates and not self.unexpected

    def lines(self) -> list[str]:
        """The result as text: first the problems, last the totals."""
        lines = []
        if self.lost:
            lines.append("lost: " + ", ".join(map(str, self.lost[:10])))
        if self.duplicates:
            lines.append(f"{self.duplicates} sent more than once")
        if self.unexpected:
            lines.append(f"{self.unexpected} unexpected events or dead letters")
        return [*lines, str(self)]

    def __str__(self) -> str:
        return (
            f"{self.produced} produced = {self.sent} sent + {self.filtered} filtered "
            f"+ {self.dead_lettered} dead-lettered, {len(self.lost)} lost"
        )


def expected_event_of(accepted: Accepted) -> ExpectedEvent:
    """The uid, event name and record id in an accepted request of either API."""
    body = orjson.loads(accepted.body)
    if "event" in body:
        name, data = body["event"]["event_name"], body["event"].get("event_data", {})
        data = {property_.removesuffix("_str"): value for property_, value in data.items()}
    else:
        name, data = body["name"], body.get("properties", {})
    record_id = next((data[known] for known in _RECORD_IDS if known in data), "")
    return ExpectedEvent(accepted.uid, name, record_id)


def reconcile(
    produced: Sequence[Produced], accepted: Iterable[Accepted], dead_letters: Iterable[RecordPlace]
) -> Reconciliation:
    """Compares one by one; `dead_letters` are the original positions of dead-lettered records."""
    arrived = Counter(map(expected_event_of, accepted))
    expected = Counter(event for record in produced for event in record.generated.events)
    dead_places = set(dead_letters)
    outcomes = {record.place: _outcome(record, arrived, dead_places) for record in produced}
    counts = Counter(outcomes.values())
    poison_places = {
        record.place for record in produced if record.generated.expected_outcome == "dead_lettered"
    }
    unexpected_events = sum(number for event, number in arrived.items() if event not in expected)
    return Reconciliation(
        produced=len(produced),
        sent=counts["sent"],
        filtered=counts["filtered"],
        dead_lettered=counts["dead_lettered"],
        lost=tuple(sorted(place for place, outcome in outcomes.items() if outcome == "lost")),
        duplicates=sum(max(0, arrived[event] - number) for event, number in expected.items()),
        unexpected=unexpected_events + len(dead_places - poison_places),
    )


def _outcome(
    record: Produced, arrived: Counter[ExpectedEvent], dead_places: set[RecordPlace]
) -> str:
    if record.place in dead_places:
        return "dead_lettered"
    if record.generated.events:
        return "sent" if all(arrived[event] for event in record.generated.events) else "lost"
    return "lost" if record.generated.expected_outcome == "dead_lettered" else "filtered"
