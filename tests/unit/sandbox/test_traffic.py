"""The generated records: decodable, deterministic, and with their expected outcome."""

import io
import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import fastavro
import pytest

from bridge.sandbox import files
from bridge.sandbox.traffic import expected_events
from bridge.sandbox.traffic.generator import UNKNOWN_USER, GeneratedRecord, Traffic

IDS = {"payments": 7, "orders": 258}
START = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def _records(count: int, seed: int = 1) -> list[GeneratedRecord]:
    return list(Traffic(IDS, start=START, rate=100, seed=seed).records(count))


def _decode(generated: GeneratedRecord) -> Any:
    schema = fastavro.parse_schema(json.loads(files.schema_text(generated.topic)))
    assert generated.value is not None
    assert generated.value[:5] == b"\x00" + IDS[generated.topic].to_bytes(4, "big")
    rest = io.BytesIO(generated.value[5:])
    value = fastavro.schemaless_reader(rest, schema, None)
    assert rest.read() == b""
    return value


def test_the_same_seed_gives_the_same_records() -> None:
    """Another seed gives different records."""
    assert _records(200) == _records(200)
    assert _records(200) != _records(200, seed=2)


def test_normal_records_are_framed_avro_of_their_topic() -> None:
    """The expected events of the decoded value equal those of the record."""
    for generated in _records(400):
        if generated.value is None or generated.expected_outcome == "dead_lettered":
            continue
        value = _decode(generated)
        uid = dict(generated.headers).get("x-user-id", b"").decode() or None
        seen = (
            expected_events.events_of_payment(value)
            if generated.topic == "payments"
            else expected_events.events_of_order(value, uid)
        )
        assert seen == generated.events or (
            generated.expected_outcome == "unknown_user" and seen[0].uid == UNKNOWN_USER
        )


def test_timestamps_advance_at_the_rate() -> None:
    """Kafka's timestamp equals the time in the value."""
    records = _records(100)
    assert [generated.timestamp_ms - records[0].timestamp_ms for generated in records[:3]] == [
        0,
        10,
        20,
    ]
    assert _decode(records[2])["occurred_at"].timestamp() * 1000 == records[2].timestamp_ms


@pytest.mark.parametrize("count", [4, 5, 1500])
def test_there_is_one_of_each_special_record(count: int) -> None:
    """Even a short run has one poison record, one unknown user and one tombstone."""
    records = _records(count)
    fates = Counter(generated.expected_outcome for generated in records)
    assert (len(records), fates["dead_lettered"], fates["unknown_user"]) == (count, 1, 1)
    assert sum(generated.value is None for generated in records) == 1


def test_the_poison_record_cannot_be_decoded() -> None:
    """It ends within its first field."""
    (poison,) = [
        generated for generated in _records(30) if generated.expected_outcome == "dead_lettered"
    ]
    with pytest.raises(EOFError):
        _decode(poison)


def test_a_run_has_every_event_name_and_no_duplicate_event() -> None:
    """Therefore user, event name and record id identify an event."""
    observed = [event for generated in _records(1500) for event in generated.events]
    assert len(set(observed)) == len(observed)
    assert {event.name for event in observed} == {
        "Payment Failed",
        "Payment Blocked",
        "Payment Refunded",
        "Order Placed",
        "Order Cancelled",
        "Order Step Placed",
        "Order Step Shipped",
        "Order Step Delivered",
        "Order Step Cancelled",
        "Order Step Returned",
    }
    assert UNKNOWN_USER not in {event.uid for event in observed}


def test_a_run_has_many_sent_and_many_filtered_records() -> None:
    """Guests, test payments and steps without an event are filtered."""
    fates = Counter(generated.expected_outcome for generated in _records(1500))
    assert fates["sent"] > 400
    assert fates["filtered"] > 400
