"""Which records are left out in the poll thread: those, and only those, that nobody wants."""

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
MINE = {"status": "FAILED"}


class Polled:
    """A message of topic `t` at offset 3."""

    def __init__(self, value: bytes | None, headers: Headers | None = None) -> None:
        self._value, self._headers = value, headers

    def topic(self) -> str:
        """Its topic."""
        return "t"

    def partition(self) -> int:
        """Its partition."""
        return 0

    def offset(self) -> int:
        """Its offset."""
        return 3

    def leader_epoch(self) -> int:
        """The leader's epoch."""
        return 1

    def timestamp(self) -> tuple[int, int]:
        """Type and milliseconds."""
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


class Store:
    """Schemas by number, and one file."""

    def __init__(self, *nodes: Any) -> None:
        self._schemas = {SchemaId(n): tree(node) for n, node in enumerate(nodes, 1)}
        self._file = tree(nodes[0])

    def known(self, key: SchemaKey) -> WriterSchema | None:
        """All are at hand once they are asked for."""
        if isinstance(key, SchemaFile):
            return WriterSchema(str(key), self._file)
        found = self._schemas.get(key) if isinstance(key, SchemaId) else None
        return None if found is None else WriterSchema(str(key), found)

    async def fetch(self, key: SchemaKey) -> WriterSchema:
        """The same."""
        found = self.known(key)
        assert found is not None
        return found


def _world(
    *nodes: Any, where: Any = MINE, wire_format: WireFormat | None = None
) -> tuple[Prefilter, AvroDecoder[Plan]]:
    uid = "$key" if where is None or "id" not in where else "id"
    mapping = {"name": "m", "topics": ["t"], "uid": {"path": uid, "optional": True}, "event": "E"}
    mapping |= {} if where is None else {"filter": where}
    document = parse(json.dumps({"format": 1, "mappings": [mapping]}), "m.yaml")
    rules = load_rules([document], NO_OPTIONS)

    def admit(topic: str, schema: Schema | None) -> Plan:
        return compile_plan(rules, topic, schema)

    formats = {} if wire_format is None else {"t": wire_format}
    decoder = AvroDecoder[Plan](Store(*nodes), formats, admit)
    return Prefilter(decoder, lambda topic: admit(topic, None)), decoder


def _learn(decoder: AvroDecoder[Plan], *values: bytes) -> None:
    """Let the decoder meet schemas, as it does on the event loop."""
    for value in values:
        asyncio.run(decoder.prepare(Record("t", 0, 0, 0, None, value, Assignment("t", 0))))


def _framed(body: bytes, number: int = 1) -> bytes:
    return b"\0" + number.to_bytes(4, "big") + body


def test_a_record_that_no_filter_matches_is_left_out_once_its_schema_is_known() -> None:
    """Until then all are wanted: nobody can tell."""
    sieve, decoder = _world(PAYMENT)
    messages = [Polled(_framed(body)) for body in (OK, FAILED, OK, OK, FAILED)]
    assert sieve("t", messages) == [0, 1, 2, 3, 4]
    _learn(decoder, _framed(OK))
    assert sieve("t", messages) == [1, 4]
    assert sieve("t", []) == []


@pytest.mark.parametrize(
    "value",
    [b"", b"\0\0", b"{}", _framed(b""), _framed(b"\xff" * 30), _framed(OK, 99), b"\1" + bytes(20)],
    ids=["empty", "short", "json", "no body", "damaged", "unknown id", "unknown guid"],
)
def test_what_cannot_be_told_is_wanted(value: bytes) -> None:
    """The path of the record says what is wrong with it."""
    sieve, decoder = _world(PAYMENT)
    _learn(decoder, _framed(OK))
    assert sieve("t", [Polled(_framed(OK)), Polled(value), Polled(_framed(OK))]) == [1]


def test_a_header_that_names_the_schema_goes_before_what_looks_like_a_prefix() -> None:
    """The value is the bare body then; other headers change nothing."""
    other = encode(OTHER, {"id": "x"})
    sieve, decoder = _world(PAYMENT)
    _learn(decoder, _framed(OK))
    named = [("trace", b"1"), ("__value_schema_id", b"\0\0\0\0\1")]
    assert sieve("t", [Polled(OK, named), Polled(FAILED, named)]) == [1]
    assert sieve("t", [Polled(_framed(OK), [("trace", b"1")])]) == []
    assert sieve("t", [Polled(_framed(OK), [("__value_schema_id", b"?")]), Polled(other)]) == [0, 1]


def test_of_a_union_of_records_each_is_judged_by_its_own_mappings() -> None:
    """A null in its place is looked at by the path."""
    sieve, decoder = _world(EITHER, where={"$record": "shop.Payment", "status": "FAILED"})
    bodies = [encode(EITHER, None)]
    bodies += [b"\x02" + OK, b"\x02" + FAILED, b"\x04" + encode(OTHER, {"id": "x"}), b"\x08"]
    _learn(decoder, _framed(bodies[1]))
    messages = [Polled(_framed(body)) for body in bodies]
    assert sieve("t", messages) == [0, 2, 4]


def test_records_without_a_value_are_wanted_where_a_filter_asks_for_them() -> None:
    """Else they are left out, before any schema is known."""
    sieve, _ = _world(PAYMENT)
    assert sieve("t", [Polled(None)]) == []
    sieve, _ = _world(PAYMENT, where={"$value": [{"exists": False}]})
    assert sieve("t", [Polled(None)]) == [0]


@pytest.mark.parametrize(
    ("where", "wanted"),
    [
        (None, [0, 1]),
        ({"$key": "k"}, [0, 1]),
        ({"$key": "other"}, []),
        ({"$offset": 3, "status": "OK"}, [0]),
        ({"$headers.trace": "1"}, []),
        ({"$timestamp": [{"above": "2030-01-01T00:00:00Z"}]}, []),
    ],
)
def test_filters_may_read_what_stands_beside_the_value(where: Any, wanted: list[int]) -> None:
    """The key, headers, time and place of a record."""
    sieve, decoder = _world(PAYMENT, where=where)
    _learn(decoder, _framed(OK))
    messages = [Polled(_framed(OK)), Polled(_framed(FAILED))]
    assert sieve("t", messages) == wanted
    assert sieve("t", messages) == wanted


def test_a_topic_without_framing_is_read_from_its_first_byte() -> None:
    """Its schema is a file."""
    sieve, decoder = _world(PAYMENT, wire_format=RawFormat("f"))
    _learn(decoder, OK)
    assert sieve("t", [Polled(OK), Polled(FAILED), Polled(OK, [("a", b"")])]) == [1]
