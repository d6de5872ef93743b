"""The decoder: one lookup per record, one compilation of mappings per topic and schema."""

import asyncio
from dataclasses import dataclass, field

import pytest

from bridge.avro.decoder import AvroDecoder
from bridge.avro.fingerprint import by_fingerprint, fingerprint
from bridge.avro.schema_store import WriterSchema
from bridge.avro.wire_formats import (
    RawFormat,
    SchemaFile,
    SchemaGuid,
    SchemaId,
    SchemaKey,
    SingleObjectFormat,
)
from bridge.documents.problems import Problem, Problems
from bridge.errors import PoisonRecord, Unavailable
from bridge.mapping.runtime.plan import WantedPaths
from bridge.records import Assignment, Record
from bridge.schema.types import Schema
from tests.unit.avro.samples import PAYMENT, PAYMENT_VALUE, encode, tree

BODY = encode(PAYMENT, PAYMENT_VALUE)
GUID = "00000000-0000-0000-0000-00000000002a"
WHOLE = WantedPaths(filter=frozenset(), all=frozenset({()}))


@dataclass
class _Store:
    """A registry without a network, which remembers fetched schemas."""

    schemas: dict[SchemaKey, Schema]
    fetched: set[SchemaKey] = field(default_factory=set)
    failure: Exception | None = None

    def known(self, key: SchemaKey) -> WriterSchema | None:
        return WriterSchema(str(key), self.schemas[key]) if key in self.fetched else None

    async def fetch(self, key: SchemaKey) -> WriterSchema:
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure
        self.fetched.add(key)
        return WriterSchema(str(key), self.schemas[key])


@dataclass
class _Plan:
    topic: str
    schema: Schema
    wanted: WantedPaths = WHOLE


@dataclass
class _FakeCompiler:
    """Records the topics of its calls, and raises `problems` if there are any."""

    problems: Problems | None = None
    topics: list[str] = field(default_factory=list)

    def __call__(self, topic: str, schema: Schema) -> _Plan:
        self.topics.append(topic)
        if self.problems is not None:
            raise self.problems
        return _Plan(topic, schema)


def _record(value: bytes, topic: str = "payments") -> Record:
    return Record(topic, 0, 7, 0, None, value, Assignment(topic, 0))


def _framed(body: bytes, number: int = 42) -> bytes:
    return b"\x00" + number.to_bytes(4, "big") + body


def _store(*fetched: SchemaKey) -> _Store:
    keys = (SchemaId(42), SchemaGuid(GUID), SchemaFile("p.avsc"))
    return _Store(dict.fromkeys(keys, tree(PAYMENT)), set(fetched))


async def test_an_unknown_schema_is_fetched_once() -> None:
    """Decoding gives None until `prepare` has fetched the schema."""
    compiler = _FakeCompiler()
    decoder = AvroDecoder[_Plan](_store(), {}, compiler)
    record = _record(_framed(BODY))
    assert decoder.decode(record) is None
    await decoder.prepare(record)
    decoded = decoder.decode(record)
    assert decoded is not None
    assert decoded.value == PAYMENT_VALUE
    assert decoded.record_name == "shop.Payment"
    assert (decoded.compiled.topic, decoded.compiled.schema) == ("payments", tree(PAYMENT))
    second = decoder.decode(record)
    assert second is not None
    assert second.compiled is decoded.compiled


async def test_mappings_are_compiled_once_per_topic_and_schema() -> None:
    """Also if many records wait for the schema; the second topic needs no second fetch."""
    compiler = _FakeCompiler()
    decoder = AvroDecoder[_Plan](_store(), {}, compiler)
    await asyncio.gather(*(decoder.prepare(_record(_framed(BODY))) for _ in range(20)))
    for _ in range(3):
        assert decoder.decode(_record(_framed(BODY))) is not None
        assert decoder.decode(_record(_framed(BODY), "refunds")) is not None
    assert compiler.topics == ["payments", "refunds"]


@pytest.mark.parametrize(
    ("value", "formats"),
    [
        (_framed(BODY), {}),
        (b"\x01" + bytes(15) + b"\x2a" + BODY, {}),
        (BODY, {"payments": RawFormat("p.avsc")}),
    ],
)
def test_every_wire_format_is_decoded(value: bytes, formats: dict[str, RawFormat]) -> None:
    """Schema id, GUID, and a local file if the topic is configured so."""
    store = _store(SchemaId(42), SchemaGuid(GUID), SchemaFile("p.avsc"))
    decoded = AvroDecoder[_Plan](store, formats, _FakeCompiler()).decode(_record(value))
    assert decoded is not None
    assert decoded.value == PAYMENT_VALUE


def test_single_objects_are_decoded_by_fingerprint() -> None:
    """One topic with two schemas; each record of an unknown third schema is a poison record."""
    prints = by_fingerprint({"p.avsc": tree(PAYMENT), "int.avsc": tree("int")})
    files: dict[SchemaKey, Schema] = {
        SchemaFile("p.avsc"): tree(PAYMENT),
        SchemaFile("int.avsc"): tree("int"),
    }
    store = _Store(files, set(files))
    formats = {"payments": SingleObjectFormat(prints)}
    decoder = AvroDecoder[_Plan](store, formats, _FakeCompiler())
    values = [
        decoder.decode(_record(b"\xc3\x01" + fingerprint(tree(schema)) + body))
        for schema, body in ((PAYMENT, BODY), ("int", b"\x02"))
    ]
    assert [one and one.value for one in values] == [PAYMENT_VALUE, 1]
    for _ in range(2):
        with pytest.raises(PoisonRecord, match="no schema file has the fingerprint"):
            decoder.decode(_record(b"\xc3\x01" + fingerprint(tree("long")) + b"\x02"))


def test_records_are_refused_if_the_mappings_do_not_fit_their_schema() -> None:
    """The mappings are compiled once, and the error of every record has the first problem."""
    compiler = _FakeCompiler(
        Problems([Problem("M012", "no such path: a.b"), Problem("M013", "other")])
    )
    decoder = AvroDecoder[_Plan](_store(SchemaId(42)), {}, compiler)
    for _ in range(3):
        with pytest.raises(PoisonRecord, match=r"no such path: a\.b") as refusal:
            decoder.decode(_record(_framed(BODY)))
        assert (refusal.value.stage, refusal.value.reason) == ("map", "schema_does_not_fit")
        assert "schema id 42" in str(refusal.value)
    assert compiler.topics == ["payments"]


async def test_an_unavailable_store_is_not_cached() -> None:
    """The same record is decoded when the registry is available again."""
    store = _store()
    store.failure = Unavailable("down")
    decoder = AvroDecoder[_Plan](store, {}, _FakeCompiler())
    with pytest.raises(Unavailable):
        await decoder.prepare(_record(_framed(BODY)))
    assert decoder.decode(_record(_framed(BODY))) is None
    store.failure = None
    await decoder.prepare(_record(_framed(BODY)))
    assert decoder.decode(_record(_framed(BODY))) is not None


@pytest.mark.parametrize(
    ("value", "reason", "offset"),
    [
        (BODY, "wrong_magic_byte", 0),
        (b"", "empty_value", 0),
        (_framed(BODY[:-1]), "truncated", len(BODY) + 4),
        (_framed(BODY) + b"x", "trailing_bytes", len(BODY) + 5),
    ],
)
def test_an_undecodable_record_is_poison(value: bytes, reason: str, offset: int) -> None:
    """The offset counts from the beginning of the record's value."""
    decoder = AvroDecoder[_Plan](_store(SchemaId(42)), {}, _FakeCompiler())
    with pytest.raises(PoisonRecord) as refusal:
        decoder.decode(_record(value))
    assert (refusal.value.reason, refusal.value.byte_offset) == (reason, offset)


async def test_prepare_refuses_a_record_with_wrong_framing() -> None:
    """It is a poison record, as in `decode`."""
    decoder = AvroDecoder[_Plan](_store(), {}, _FakeCompiler())
    with pytest.raises(PoisonRecord):
        await decoder.prepare(_record(b"{}"))
