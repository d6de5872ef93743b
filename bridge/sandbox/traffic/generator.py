"""Generates payments and orders as Kafka records, each with its expected outcome.

Invariants: deterministic by seed and start. Values are Avro in Confluent framing: a zero byte, the
schema id in four bytes, the value. Every run has one poison record, one record of an unknown user
and one tombstone.
"""

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

import fastavro

from bridge.sandbox import files
from bridge.sandbox.traffic import expected_events
from bridge.sandbox.traffic.expected_events import ExpectedEvent
from bridge.sandbox.traffic.shop import Shop, Value

UNKNOWN_USER = "usr:stranger"
"""The one user that FullStory does not know."""

ExpectedOutcome = Literal["sent", "filtered", "dead_lettered", "unknown_user"]

_POISON_BYTES = 25
"""The poison record's length: it ends within its first field, so no reader can decode it."""


@dataclass(frozen=True, slots=True)
class GeneratedRecord:
    """A record to produce; `events` are the events that FullStory should accept."""

    topic: str
    key: bytes
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    timestamp_ms: int
    expected_outcome: ExpectedOutcome
    events: tuple[ExpectedEvent, ...] = ()


class Traffic:
    """A stream of records; `schema_ids` has the registered schema id of each topic.

    The first record's time is `start`; each further one is `1 / rate` seconds later.
    """

    def __init__(
        self, schema_ids: Mapping[str, int], *, start: datetime, rate: float = 100.0, seed: int = 1
    ) -> None:
        self._encode = {
            topic: _Encoder(files.schema_text(topic), schema_id)
            for topic, schema_id in schema_ids.items()
        }
        self._shop = Shop(seed)
        self._start = start.astimezone(UTC)
        self._rate = rate

    def records(self, count: int) -> Iterator[GeneratedRecord]:
        """Generates `count` (at least 4) records; special ones at 1/3, 1/2 and 3/4."""
        special = {
            count // 3: self._poison,
            count // 2: self._unknown_user,
            3 * count // 4: self._tombstone,
        }
        for number in range(count):
            at = self._start + timedelta(seconds=number / self._rate)
            make = special.get(number) or (self._order if number % 2 else self._payment)
            yield make(at)

    def _payment(self, at: datetime) -> GeneratedRecord:
        value = self._shop.payment(at)
        events = expected_events.events_of_payment(value)
        return self._generated("payments", value["payment_id"], value, at, events)

    def _order(self, at: datetime) -> GeneratedRecord:
        value, header_uid = self._shop.order(at)
        events = expected_events.events_of_order(value, header_uid)
        generated = self._generated("orders", value["order"]["id"], value, at, events)
        if header_uid is None:
            return generated
        return replace(generated, headers=(("x-user-id", header_uid.encode()),))

    def _generated(
        self, topic: str, key: str, value: Value, at: datetime, events: tuple[ExpectedEvent, ...]
    ) -> GeneratedRecord:
        expected_outcome: ExpectedOutcome = "sent" if events else "filtered"
        return GeneratedRecord(
            topic, key.encode(), self._encode[topic](value), (), _ms(at), expected_outcome, events
        )

    def _poison(self, at: datetime) -> GeneratedRecord:
        value = self._shop.payment(at, status="FAILED")
        encoded = self._encode["payments"](value)[:_POISON_BYTES]
        key = value["payment_id"].encode()
        return GeneratedRecord("payments", key, encoded, (), _ms(at), "dead_lettered")

    def _unknown_user(self, at: datetime) -> GeneratedRecord:
        value = self._shop.payment(at, status="FAILED", uid=UNKNOWN_USER)
        encoded = self._encode["payments"](value)
        key = value["payment_id"].encode()
        return GeneratedRecord("payments", key, encoded, (), _ms(at), "unknown_user")

    def _tombstone(self, at: datetime) -> GeneratedRecord:
        return GeneratedRecord("orders", b"ord_000001", None, (), _ms(at), "filtered")


class _Encoder:
    """Encodes values of one schema in Confluent framing."""

    def __init__(self, schema: str, schema_id: int) -> None:
        self._schema = fastavro.parse_schema(json.loads(schema))
        self._frame = b"\x00" + schema_id.to_bytes(4, "big")

    def __call__(self, value: Value) -> bytes:
        out = io.BytesIO()
        out.write(self._frame)
        fastavro.schemaless_writer(out, self._schema, value)
        return out.getvalue()


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
