"""What was produced against what arrived, record by record.

Invariants: pure. A record counts once: dead-lettered if it has any dead letter, else sent if any of
its events arrived, else filtered if nothing of it was to arrive (records of unknown users among
them), else lost. A record that was sent in part, without a dead letter, is lost too.
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
"""What names the record of an event: a payment may carry its order's id too, so in this order."""


class RecordPlace(NamedTuple):
    """Where a record is in Kafka."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


class Produced(NamedTuple):
    """A record that Kafka acknowledged."""

    made: GeneratedRecord
    place: RecordPlace


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """How it came out, in records; `twice` and `unexpected` count events and dead letters.

    `unexpected` are events that nobody should have sent and dead letters of records that were in
    order; `lost` names the places of records that got nowhere.
    """

    produced: int
    sent: int
    filtered: int
    dead_lettered: int
    lost: tuple[RecordPlace, ...]
    twice: int
    unexpected: int

    @property
    def holds(self) -> bool:
        """Everything went where it belongs, once."""
        return not self.lost and not self.twice and not self.unexpected

    def lines(self) -> list[str]:
        """The result for a person; the last line is the sum, the ones before it what went wrong."""
        said = []
        if self.lost:
            said.append("lost: " + ", ".join(map(str, self.lost[:10])))
        if self.twice:
            said.append(f"{self.twice} sent more than once")
        if self.unexpected:
            said.append(f"{self.unexpected} events or dead letters that should not be")
        return [*said, str(self)]

    def __str__(self) -> str:
        return (
            f"{self.produced} produced = {self.sent} sent + {self.filtered} filtered "
            f"+ {self.dead_lettered} dead-lettered, {len(self.lost)} lost"
        )


def expected_event_of(accepted: Accepted) -> ExpectedEvent:
    """Who, which event and of which record: what an accepted request of either API tells."""
    body = orjson.loads(accepted.body)
    if "event" in body:
        name, data = body["event"]["event_name"], body["event"].get("event_data", {})
        data = {property_.removesuffix("_str"): value for property_, value in data.items()}
    else:
        name, data = body["name"], body.get("properties", {})
    record_id = next((data[known] for known in _RECORD_IDS if known in data), "")
    return ExpectedEvent(accepted.uid, name, record_id)


def reconcile(
    produced: Sequence[Produced], accepted: Iterable[Accepted], letters: Iterable[RecordPlace]
) -> Reconciliation:
    """Compares one by one; `letters` are the places of the records in the dead-letter topic."""
    arrived = Counter(map(expected_event_of, accepted))
    wanted = Counter(event for record in produced for event in record.made.events)
    dead = set(letters)
    fates = {record.place: _fate(record, arrived, dead) for record in produced}
    counts = Counter(fates.values())
    poison = {record.place for record in produced if record.made.fate == "dead_lettered"}
    strange = sum(number for event, number in arrived.items() if event not in wanted)
    return Reconciliation(
        produced=len(produced),
        sent=counts["sent"],
        filtered=counts["filtered"],
        dead_lettered=counts["dead_lettered"],
        lost=tuple(sorted(place for place, fate in fates.items() if fate == "lost")),
        twice=sum(max(0, arrived[event] - number) for event, number in wanted.items()),
        unexpected=strange + len(dead - poison),
    )


def _fate(record: Produced, arrived: Counter[ExpectedEvent], dead: set[RecordPlace]) -> str:
    if record.place in dead:
        return "dead_lettered"
    if record.made.events:
        return "sent" if all(arrived[event] for event in record.made.events) else "lost"
    return "lost" if record.made.fate == "dead_lettered" else "filtered"
