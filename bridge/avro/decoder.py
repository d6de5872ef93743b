"""Decode: a record's bytes become the raw value of its writer schema.

Invariants: a record of a known schema costs one look-up by topic, one by the bytes that name the
schema, one call of its reader, and no await. What a schema is admitted as (`T`, the mappings
compiled for it) is asked once per topic and schema, and a refusal is remembered like an
admission. Values are raw: no logical type is applied; they hold the fields that the mappings read.
A record without a value is none of ours.
"""

from collections.abc import Callable, Mapping
from typing import Generic, NamedTuple, Protocol, TypeVar

from bridge.avro.reader import NameOf, make_name_of, make_reader_of
from bridge.avro.schema_store import SchemaStore, WriterSchema
from bridge.avro.walker import Read
from bridge.avro.wire_formats import ConfluentFormat, FramedValue, WireFormat
from bridge.documents.problems import Problems
from bridge.errors import PoisonRecord
from bridge.records import Record
from bridge.schema.types import Schema


class ReadPaths(Protocol):
    """The paths that somebody reads, cut at the first index or key of a map."""

    @property
    def filter(self) -> frozenset[tuple[str, ...]]:
        """What the filters read."""
        ...

    @property
    def all(self) -> frozenset[tuple[str, ...]]:
        """What is read at all."""
        ...


class CompiledMappings(Protocol):
    """What a schema is admitted as; the decoder hands it back with each value."""

    @property
    def wanted(self) -> ReadPaths:
        """What of a value is read."""
        ...


T = TypeVar("T", bound=CompiledMappings)
CompileMappings = Callable[[str, Schema], T]
"""Topic and schema -> what it is admitted as; raises Problems when the schema does not fit."""


class DecodedValue(NamedTuple, Generic[T]):
    """A value, what its schema was admitted as, and the full name of its record.

    `record_name` is None where the root is no record; where it is a union of several, it names
    the one that was written.
    """

    compiled: T
    value: object
    record_name: str | None


class SchemaReader(NamedTuple, Generic[T]):
    """How the values of one topic and one schema are read."""

    compiled: T
    schema: Schema
    read: Read
    name_of: NameOf


class RefusedSchema(NamedTuple):
    """Why the values of one topic and one schema are not read."""

    message: str


class TopicSchemas(Generic[T]):
    """A topic's wire format, and what is known of its schemas, by the bytes that name them."""

    __slots__ = ("entries", "format")

    def __init__(self, wire_format: WireFormat) -> None:
        self.format = wire_format
        self.entries: dict[bytes, SchemaReader[T] | RefusedSchema] = {}


class AvroDecoder(Generic[T]):
    """Decodes the records of all topics; topics without a format of their own are Confluent's."""

    def __init__(
        self, store: SchemaStore, formats: Mapping[str, WireFormat], admit: CompileMappings[T]
    ) -> None:
        self._store = store
        self._admit = admit
        self._topics = {
            topic: TopicSchemas[T](wire_format) for topic, wire_format in formats.items()
        }

    def decode(self, record: Record) -> DecodedValue[T] | None:
        """Decode a record that has a value; None: `prepare` has to fetch its schema first.

        Raises PoisonRecord (stage `decode`; `map` where the mappings do not fit the schema).
        """
        topic = self.topic(record.topic)
        framed = topic.format.locate_body(record)
        entry = topic.entries.get(framed.token) or self._entry(record.topic, topic, framed)
        if entry is None:
            return None
        if isinstance(entry, RefusedSchema):
            raise PoisonRecord(entry.message, stage="map", reason="schema_does_not_fit")
        data = record.value or b""
        value = entry.read(data, framed.start)
        return DecodedValue(entry.compiled, value, entry.name_of(data, framed.start))

    async def prepare(self, record: Record) -> None:
        """Fetch what `decode` lacks; raises Unavailable or PoisonRecord."""
        topic = self.topic(record.topic)
        framed = topic.format.locate_body(record)
        writer = await self._store.fetch(topic.format.key(framed.token))
        if framed.token not in topic.entries:  # several may have waited for one fetch
            topic.entries[framed.token] = self._make_entry(record.topic, writer)

    def topic(self, name: str) -> TopicSchemas[T]:
        """What is known of a topic's schemas."""
        topic = self._topics.get(name)
        if topic is None:
            topic = self._topics.setdefault(name, TopicSchemas[T](ConfluentFormat()))
        return topic

    def _entry(
        self, name: str, topic: TopicSchemas[T], framed: FramedValue
    ) -> SchemaReader[T] | RefusedSchema | None:
        """Make the entry of a schema that the store has at hand: another topic's, or a file's."""
        writer = self._store.known(topic.format.key(framed.token))
        if writer is None:
            return None
        entry = topic.entries[framed.token] = self._make_entry(name, writer)
        return entry

    def _make_entry(self, topic: str, writer: WriterSchema) -> SchemaReader[T] | RefusedSchema:
        try:
            compiled = self._admit(topic, writer.schema)
        except Problems as error:
            first = error.problems[0].message if error.problems else "no reason was given"
            return RefusedSchema(f"the mappings of {topic} do not fit {writer.label}: {first}")
        read = make_reader_of(writer.schema, compiled.wanted.all)
        return SchemaReader(compiled, writer.schema, read, make_name_of(writer.schema))
