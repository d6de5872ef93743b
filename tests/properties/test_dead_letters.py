"""No value of a record stands in a header of ours, whatever it fails of."""

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
"""In every text and every run of bytes of the payload, and nowhere else."""

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
    """The value with the mark in whatever can hold it, and with the number."""
    if isinstance(value, str):
        return f"{MARK}{value}"
    if isinstance(value, bytes):
        return (MARK.encode() + value[len(MARK) :])[: len(value)]  # a fixed keeps its size
    if isinstance(value, dict):
        return {name: marked(below) for name, below in value.items()}
    if isinstance(value, list):
        return [marked(below) for below in value]
    return NUMBER if type(value) is int else value


def assert_tells_nothing(failure: Failure, polled: Record = POLLED) -> None:
    """Ours and Connect's headers, names and texts, hold neither the mark nor the number."""
    letter = dead_letter(polled, failure, DeadLetterContext("g", {"m": "o"}), 1.0)
    ours = letter.headers[len(polled.headers) :]
    assert len(ours) >= 10
    told = " ".join(f"{name} {(value or b'').decode()}" for name, value in ours)
    assert MARK not in told
    assert str(NUMBER) not in told
    assert (letter.key, letter.value) == (polled.key, polled.value)


def _failure(outcome: Outcome) -> Failure | None:
    """Why there is no request for an outcome; None where there is one, or a skip."""
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
def test_a_mapping_error_tells_nothing_of_the_record(data: st.DataObject) -> None:
    """Any schema, any mapping that `check` accepts, any record of it."""
    schema = parse_schema(json.dumps(data.draw(schemas())))
    world = accepted(data.draw(mappings(schema)), schema)
    assume(world is not None)
    assert world is not None
    for _ in range(5):
        value = marked(data.draw(raw_values(schema, schema.root)))
        for failure in map(_failure, world.plan.map(POLLED, value)):
            if failure is not None:
                assert_tells_nothing(failure)


@RELAXED
@given(
    texts=st.lists(st.text(max_size=5), min_size=3, max_size=3),
    snapshot=st.floats(0, 1),
    flips=st.lists(st.tuples(st.floats(0, 1), st.integers(1, 255)), max_size=3),
)
def test_a_decoding_error_tells_nothing_of_the_record(
    texts: list[str], snapshot: float, flips: list[tuple[float, int]]
) -> None:
    """Cut off or damaged anywhere; keys of maps are payload, too."""
    a, key, item = (marked(text) for text in texts)
    value = {"a": a, "n": NUMBER, "m": {key: a}, "l": [None, item.encode()]}
    data = bytearray(encode(SHAPE, value))
    for where, bits in flips:
        data[min(int(where * len(data)), len(data) - 1)] ^= bits
    read = make_reader(parse_schema(json.dumps(SHAPE)))
    try:
        read(bytes(data[: int(snapshot * len(data))]), 0)
    except PoisonRecord as poison:
        assert_tells_nothing(Failure.of(poison))


@given(code=st.text(max_size=80), status=st.integers(400, 499))
def test_an_answer_tells_its_status_and_a_code_that_looks_like_one(code: str, status: int) -> None:
    """Whatever a proxy wrote in its place stays out."""
    failure = Failure("send", "refused_by_fullstory", "no", "m", status=status, code=f"{code}\n")
    letter = dict(dead_letter(POLLED, failure, DeadLetterContext("g"), 1.0).headers)
    assert letter["fullstory_bridge.http.status"] == str(status).encode()
    assert "fullstory_bridge.http.code" not in letter
