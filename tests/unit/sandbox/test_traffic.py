"""The made-up records: readable by anybody, the same each time, with what should become of them."""

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


def _decode(made: GeneratedRecord) -> Any:
    schema = fastavro.parse_schema(json.loads(files.schema_text(made.topic)))
    assert made.value is not None
    assert made.value[:5] == b"\x00" + IDS[made.topic].to_bytes(4, "big")
    rest = io.BytesIO(made.value[5:])
    value = fastavro.schemaless_reader(rest, schema, None)
    assert rest.read() == b""
    return value


def test_the_same_seed_gives_the_same_records() -> None:
    """And another seed gives others."""
    assert _records(200) == _records(200)
    assert _records(200) != _records(200, seed=2)


def test_all_but_the_special_records_are_framed_avro_of_their_topic() -> None:
    """What the oracle says of the encoded value is what the record claims."""
    for made in _records(400):
        if made.value is None or made.fate == "dead_lettered":
            continue
        value = _decode(made)
        uid = dict(made.headers).get("x-user-id", b"").decode() or None
        seen = (
            expected_events.events_of_payment(value)
            if made.topic == "payments"
            else expected_events.events_of_order(value, uid)
        )
        assert seen == made.events or (made.fate == "unknown_user" and seen[0].uid == UNKNOWN_USER)


def test_times_advance_at_the_rate() -> None:
    """Kafka's timestamp and the value's own time are the same instant."""
    records = _records(100)
    assert [made.timestamp_ms - records[0].timestamp_ms for made in records[:3]] == [0, 10, 20]
    assert _decode(records[2])["occurred_at"].timestamp() * 1000 == records[2].timestamp_ms


@pytest.mark.parametrize("count", [4, 5, 1500])
def test_there_is_one_of_each_special_record(count: int) -> None:
    """One poison record, one stranger, one tombstone, however short the show."""
    records = _records(count)
    fates = Counter(made.fate for made in records)
    assert (len(records), fates["dead_lettered"], fates["unknown_user"]) == (count, 1, 1)
    assert sum(made.value is None for made in records) == 1


def test_the_poison_record_cannot_be_read() -> None:
    """It ends within its first field."""
    (poison,) = [made for made in _records(30) if made.fate == "dead_lettered"]
    with pytest.raises(EOFError):
        _decode(poison)


def test_a_show_has_every_event_and_no_event_twice() -> None:
    """So that a comparison by user, event and record id is one by one."""
    observed = [event for made in _records(1500) for event in made.events]
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


def test_a_show_has_much_that_is_sent_and_much_that_is_not() -> None:
    """Guests, test payments and quiet steps are filtered."""
    fates = Counter(made.fate for made in _records(1500))
    assert fates["sent"] > 400
    assert fates["filtered"] > 400
