"""No header that the bridge adds has a value of the record, whatever the failure."""

import json
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from bridge.avro.reader import make_reader
from bridge.delivery.dead_letter import DeadLetterContext, Failure, dead_letter
from bridge.errors import PoisonRecord
from bridge.fullstory.requests.v1 import build_v1
from bridge.fullstory.requests.v2 import build_v2
from bridge.mapping.runtime.outcome import Event, MappingRejected, Outcome
from bridge.records import Record
from bridge.schema.parser import parse_schema
from tests.cases.raw import record
from tests.properties.schemas import raw_values, schemas
from tests.properties.test_mapping_any import accepted, mappings
from tests.unit.avro.samples import encode

RELAXED = settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow])
MARK = "s3cr3t"
"""A marker in every text and every bytes value of the payload, and nowhere else."""

NUMBER = 918_273_645
POLLED = record(
    "t",
    key=MARK.encode(),
    headers=(("h", MARK.encode()), (MARK, b"v")),
    timestamp_ms=1,
)._replace(value=MARK.encode())
SHAPE: dict[str, Any] = {
    "type": "record",
    "name": "n.R",
    "fields": [
        {"name": "a", "type": "string"},
        {"name": "n", "type": "long"},
        {"name": "m", "type": {"type": "map", "values": "string"}},
        {"name": "l", "type": {"type": "array", "items": ["null", "bytes"]}},
    ],
}


def marked(value: Any) -> Any:
    """The value with the marker in texts and bytes, and with the number."""
    if isinstance(value, str):
        return f"{MARK}{value}"
    if isinstance(value, bytes):
        return (MARK.encode() + value[len(MARK) :])[: len(value)]  # a fixed keeps its size
    if isinstance(value, dict):
        return {name: marked(below) for name, below in value.items()}
    if isinstance(value, list):
        return [marked(below) for below in value]
    return NUMBER if type(value) is int else value


def assert_reveals_nothing(failure: Failure, polled: Record = POLLED) -> None:
    """The headers of the bridge and of Connect have neither the marker nor the number."""
    message = dead_letter(polled, failure, DeadLetterContext("g", {"m": "o"}), 1.0)
    added = message.headers[len(polled.headers) :]
    assert len(added) >= 10
    text = " ".join(f"{name} {(value or b'').decode()}" for name, value in added)
    assert MARK not in text
    assert str(NUMBER) not in text
    assert (message.key, message.value) == (polled.key, polled.value)


def _failure(outcome: Outcome) -> Failure | None:
    """Why an outcome has no request; None if it has one, or is a skip."""
    if isinstance(outcome, MappingRejected):
        return Failure("map", outcome.reason, outcome.message, outcome.mapping, outcome.path)
    if isinstance(outcome, Event):
        try:
            build_v1(outcome)
            build_v2(outcome, POLLED, "c")
        except PoisonRecord as poison:
            return Failure.of(poison, outcome.mapping)
    return None


@RELAXED
@given(data=st.data())
def test_a_mapping_error_reveals_nothing_of_the_record(data: st.DataObject) -> None:
    """For any schema, any mapping that `check` accepts, and any record."""
    schema = parse_schema(json.dumps(data.draw(schemas())))
    world = accepted(data.draw(mappings(schema)), schema)
    assume(world is not None)
    assert world is not None
    for _ in range(5):
        value = marked(data.draw(raw_values(schema, schema.root)))
        for failure in map(_failure, world.plan.map(POLLED, value)):
            if failure is not None:
                assert_reveals_nothing(failure)


@RELAXED
@given(
    texts=st.lists(st.text(max_size=5), min_size=3, max_size=3),
    snapshot=st.floats(0, 1),
    flips=st.lists(st.tuples(st.floats(0, 1), st.integers(1, 255)), max_size=3),
)
def test_a_decoding_error_reveals_nothing_of_the_record(
    texts: list[str], snapshot: float, flips: list[tuple[float, int]]
) -> None:
    """Truncated or damaged anywhere; map keys are payload too."""
    a, key, item = (marked(text) for text in texts)
    value = {"a": a, "n": NUMBER, "m": {key: a}, "l": [None, item.encode()]}
    data = bytearray(encode(SHAPE, value))
    for where, bits in flips:
        data[min(int(where * len(data)), len(data) - 1)] ^= bits
    read = make_reader(parse_schema(json.dumps(SHAPE)))
    try:
        read(bytes(data[: int(snapshot * len(data))]), 0)
    except PoisonRecord as poison:
        assert_reveals_nothing(Failure.of(poison))


@given(code=st.text(max_size=80), status=st.integers(400, 499))
def test_a_response_adds_its_status_and_only_a_valid_code(code: str, status: int) -> None:
    """Text that a proxy wrote instead of a code is left out."""
    failure = Failure("send", "refused_by_fullstory", "no", "m", status=status, code=f"{code}\n")
    headers = dict(dead_letter(POLLED, failure, DeadLetterContext("g"), 1.0).headers)
    assert headers["fullstory_bridge.http.status"] == str(status).encode()
    assert "fullstory_bridge.http.code" not in headers
