"""The prefilter drops exactly the records that no mapping matches."""

import asyncio
import json
from typing import Any

import pytest

from bridge.avro.decoder import AvroDecoder
from bridge.avro.prefilter import Prefilter
from bridge.avro.schema_store import WriterSchema
from bridge.avro.wire_formats import RawFormat, SchemaFile, SchemaId, SchemaKey, WireFormat
from bridge.documents.document import parse
from bridge.mapping.compiler.compiler import compile_plan
from bridge.mapping.language.loader import load_rules
from bridge.mapping.language.options import NO_OPTIONS
from bridge.mapping.runtime.plan import Plan
from bridge.records import Assignment, Headers, Record
from bridge.schema.types import Schema
from tests.unit.avro.samples import PAYMENT, PAYMENT_VALUE, encode, tree

OK = encode(PAYMENT, {**PAYMENT_VALUE, "status": "OK"})
FAILED = encode(PAYMENT, PAYMENT_VALUE)
OTHER = {"type": "record", "name": "shop.Other", "fields": [{"name": "id", "type": "string"}]}
EITHER = ["null", PAYMENT, OTHER]
STATUS_FAILED = {"status": "FAILED"}


class PolledMessage:
    """A message of topic `t` at offset 3."""

    def __init__(self, value: bytes | None, headers: Headers | None = None) -> None:
        self._value, self._headers = value, headers

    def topic(self) -> str:
        """The topic."""
        return "t"

    def partition(self) -> int:
        """The partition."""
        return 0

    def offset(self) -> int:
        """The offset."""
        return 3

    def leader_epoch(self) -> int:
        """The leader epoch."""
        return 1

    def timestamp(self) -> tuple[int, int]:
        """Timestamp type and milliseconds."""
        return 1, 1_795_515_300_000

    def key(self) -> bytes:
        """The key."""
        return b"k"

    def value(self) -> bytes | None:
        """The value."""
        return self._value

    def headers(self) -> Headers | None:
        """The headers."""
        return self._headers


class FakeStore:
    """Schemas by id, and one schema file."""

    def __init__(self, *nodes: Any) -> None:
        self._schemas = {SchemaId(n): tree(node) for n, node in enumerate(nodes, 1)}
        self._file = tree(nodes[0])

    def known(self, key: SchemaKey) -> WriterSchema | None:
        """The schema; all are in memory."""
        if isinstance(key, SchemaFile):
            return WriterSchema(str(key), self._file)
        schema = self._schemas.get(key) if isinstance(key, SchemaId) else None
        return None if schema is None else WriterSchema(str(key), schema)

    async def fetch(self, key: SchemaKey) -> WriterSchema:
        """The same schema."""
        schema = self.known(key)
        assert schema is not None
        return schema


def _prefilter(
    *nodes: Any, condition: Any = STATUS_FAILED, wire_format: WireFormat | None = None
) -> tuple[Prefilter, AvroDecoder[Plan]]:
    uid = "$key" if condition is None or "id" not in condition else "id"
    mapping = {"name": "m", "topics": ["t"], "uid": {"path": uid, "optional": True}, "event": "E"}
    mapping |= {} if condition is None else {"filter": condition}
    document = parse(json.dumps({"format": 1, "mappings": [mapping]}), "m.yaml")
    rules = load_rules([document], NO_OPTIONS)

    def admit(topic: str, schema: Schema | None) -> Plan:
        return compile_plan(rules, topic, schema)

    formats = {} if wire_format is None else {"t": wire_format}
    decoder = AvroDecoder[Plan](FakeStore(*nodes), formats, admit)
    return Prefilter(decoder, lambda topic: admit(topic, None)), decoder


def _learn(decoder: AvroDecoder[Plan], *values: bytes) -> None:
    """Let the decoder fetch the schemas of these values, as on the event loop."""
    for value in values:
        asyncio.run(decoder.prepare(Record("t", 0, 0, 0, None, value, Assignment("t", 0))))


def _framed(body: bytes, number: int = 1) -> bytes:
    return b"\0" + number.to_bytes(4, "big") + body


def test_unmatched_records_are_dropped_when_their_schema_is_known() -> None:
    """Until then, all records pass."""
    prefilter, decoder = _prefilter(PAYMENT)
    messages = [PolledMessage(_framed(body)) for body in (OK, FAILED, OK, OK, FAILED)]
    assert prefilter("t", messages) == [0, 1, 2, 3, 4]
    _learn(decoder, _framed(OK))
    assert prefilter("t", messages) == [1, 4]
    assert prefilter("t", []) == []


@pytest.mark.parametrize(
    "value",
    [b"", b"\0\0", b"{}", _framed(b""), _framed(b"\xff" * 30), _framed(OK, 99), b"\1" + bytes(20)],
    ids=["empty", "short", "json", "no body", "damaged", "unknown id", "unknown guid"],
)
def test_records_that_cannot_be_decoded_pass(value: bytes) -> None:
    """The pipeline then reports what is wrong with them."""
    prefilter, decoder = _prefilter(PAYMENT)
    _learn(decoder, _framed(OK))
    assert prefilter(
        "t", [PolledMessage(_framed(OK)), PolledMessage(value), PolledMessage(_framed(OK))]
    ) == [1]


def test_a_schema_header_takes_precedence_over_the_prefix() -> None:
    """The value is then the body alone; other headers change nothing."""
    other = encode(OTHER, {"id": "x"})
    prefilter, decoder = _prefilter(PAYMENT)
    _learn(decoder, _framed(OK))
    schema_header = [("trace", b"1"), ("__value_schema_id", b"\0\0\0\0\1")]
    assert prefilter(
        "t", [PolledMessage(OK, schema_header), PolledMessage(FAILED, schema_header)]
    ) == [1]
    assert prefilter("t", [PolledMessage(_framed(OK), [("trace", b"1")])]) == []
    assert prefilter(
        "t", [PolledMessage(_framed(OK), [("__value_schema_id", b"?")]), PolledMessage(other)]
    ) == [0, 1]


def test_each_record_of_a_union_is_filtered_by_its_own_mappings() -> None:
    """A null instead of a record passes."""
    prefilter, decoder = _prefilter(
        EITHER, condition={"$record": "shop.Payment", "status": "FAILED"}
    )
    bodies = [encode(EITHER, None)]
    bodies += [b"\x02" + OK, b"\x02" + FAILED, b"\x04" + encode(OTHER, {"id": "x"}), b"\x08"]
    _learn(decoder, _framed(bodies[1]))
    messages = [PolledMessage(_framed(body)) for body in bodies]
    assert prefilter("t", messages) == [0, 2, 4]


def test_tombstones_pass_only_if_a_filter_matches_them() -> None:
    """This needs no schema."""
    prefilter, _ = _prefilter(PAYMENT)
    assert prefilter("t", [PolledMessage(None)]) == []
    prefilter, _ = _prefilter(PAYMENT, condition={"$value": [{"exists": False}]})
    assert prefilter("t", [PolledMessage(None)]) == [0]


@pytest.mark.parametrize(
    ("condition", "passed"),
    [
        (None, [0, 1]),
        ({"$key": "k"}, [0, 1]),
        ({"$key": "other"}, []),
        ({"$offset": 3, "status": "OK"}, [0]),
        ({"$headers.trace": "1"}, []),
        ({"$timestamp": [{"above": "2030-01-01T00:00:00Z"}]}, []),
    ],
)
def test_filters_can_read_the_record_metadata(condition: Any, passed: list[int]) -> None:
    """The key, headers, timestamp and offset of a record."""
    prefilter, decoder = _prefilter(PAYMENT, condition=condition)
    _learn(decoder, _framed(OK))
    messages = [PolledMessage(_framed(OK)), PolledMessage(_framed(FAILED))]
    assert prefilter("t", messages) == passed
    assert prefilter("t", messages) == passed


def test_a_value_without_framing_is_read_from_its_first_byte() -> None:
    """Its schema is a local file."""
    prefilter, decoder = _prefilter(PAYMENT, wire_format=RawFormat("f"))
    _learn(decoder, OK)
    assert prefilter(
        "t", [PolledMessage(OK), PolledMessage(FAILED), PolledMessage(OK, [("a", b"")])]
    ) == [1]


@pytest.mark.parametrize(
    ("header", "passed"),
    [
        (("apicurio.value.globalId", bytes(8)), [0]),
        (("content-type", b"avro/binary+0f8a"), [0]),
        (("content-type", b"application/avro"), []),
    ],
)
def test_a_value_whose_schema_another_serializer_names_in_a_header_passes(
    header: tuple[str, bytes], passed: list[int]
) -> None:
    """The pipeline makes it a dead letter, though its first bytes look like a known prefix."""
    prefilter, decoder = _prefilter(PAYMENT)
    _learn(decoder, _framed(FAILED))
    assert prefilter("t", [PolledMessage(_framed(OK), [header])]) == passed


def test_if_the_filters_of_a_topic_cannot_be_made_all_its_records_pass() -> None:
    """The poll thread goes on; the pipeline reports the cause."""

    def fail(_topic: str) -> Plan:
        raise RuntimeError("cannot compile")

    _, decoder = _prefilter(PAYMENT)
    messages = [PolledMessage(b"x"), PolledMessage(None)]
    assert Prefilter(decoder, fail)("t", messages) == [0, 1]
