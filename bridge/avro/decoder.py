"""Decode: turns a record's bytes into the raw value of its writer schema.

Invariants: a record with a known schema costs one lookup by topic, one lookup by schema token, one
call of its reader, and no await. Mappings are compiled once per topic and schema; a refusal
is cached as well. Values are raw (no logical types) and contain the fields that the mappings read.
Records without a value are not decoded here.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Generic, NamedTuple, Protocol, TypeVar

from bridge.avro.format_guess import guess_format
from bridge.avro.reader import NameOf, make_name_of, make_projecting_reader
from bridge.avro.schema_store import SchemaStore, WriterSchema
from bridge.avro.walker import Read
from bridge.avro.wire_formats import (
    BodyLocation,
    ConfluentFormat,
    SchemaKey,
    WireFormat,
    in_context,
)
from bridge.delivery.decode_failures import FormatGuess
from bridge.documents.problems import Problems
from bridge.errors import PoisonRecord
from bridge.records import Record
from bridge.schema.types import Schema


class ReadPaths(Protocol):
    """The paths that mappings read, up to the first array index or map key."""

    @property
    def filter(self) -> frozenset[tuple[str, ...]]:
        """The paths that filters read."""
        ...

    @property
    def all(self) -> frozenset[tuple[str, ...]]:
        """All paths that mappings read."""
        ...


class CompiledMappings(Protocol):
    """The mappings compiled for one schema; the decoder returns them with each value."""

    @property
    def wanted(self) -> ReadPaths:
        """The paths of a value that the mappings read."""
        ...


T = TypeVar("T", bound=CompiledMappings)
CompileMappings = Callable[[str, Schema], T]
"""Compiles the mappings of a topic for a schema; raises Problems if they do not fit the schema."""


class DecodedValue(NamedTuple, Generic[T]):
    """A value, the mappings compiled for its schema, and the full name of its record.

    `record_name` is None if the value is not a record. If the schema is a union of records, it
    names the record that was written.
    """

    compiled: T
    value: object
    record_name: str | None


class ValueReader(NamedTuple, Generic[T]):
    """Reads the values of one topic that one schema wrote."""

    compiled: T
    schema: Schema
    read: Read
    name_of: NameOf


class RefusedSchema(NamedTuple):
    """Why values of one topic that one schema wrote are not read."""

    message: str


class TopicSchemas(Generic[T]):
    """A topic's wire format and subject, and its known schemas by schema token."""

    __slots__ = ("entries", "format", "subject")

    def __init__(self, wire_format: WireFormat, subject: str) -> None:
        self.format = wire_format
        self.subject = subject
        self.entries: dict[bytes, ValueReader[T] | RefusedSchema] = {}

    def key(self, token: bytes) -> SchemaKey:
        """Parse a schema token."""
        return in_context(self.format.key(token), self.subject)


class AvroDecoder(Generic[T]):
    """Decodes the records of all topics; the default wire format is Confluent's.

    `subject_of` returns the subject of a topic in the registry. `newest` has the newest schema of
    each topic, as far as it is known.
    """

    def __init__(
        self,
        store: SchemaStore,
        formats: Mapping[str, WireFormat],
        compile_mappings: CompileMappings[T],
        subject_of: Callable[[str], str] = "{}-value".format,
        newest: Mapping[str, Schema] = MappingProxyType({}),
    ) -> None:
        self._store = store
        self._compile_mappings = compile_mappings
        self._subject_of = subject_of
        self._newest = newest
        self._topics = {
            topic: TopicSchemas[T](wire_format, subject_of(topic))
            for topic, wire_format in formats.items()
        }

    def decode(self, record: Record) -> DecodedValue[T] | None:
        """Decode a record that has a value; None if `prepare` must fetch its schema first.

        Raises PoisonRecord (stage `decode`, or `map` if the mappings do not fit the schema).
        """
        topic = self.topic(record.topic)
        framed = topic.format.locate_body(record)
        entry = topic.entries.get(framed.token) or self._known_entry(record.topic, topic, framed)
        if entry is None:
            return None
        if isinstance(entry, RefusedSchema):
            raise PoisonRecord(entry.message, stage="map", reason="schema_does_not_fit")
        data = record.value or b""
        value = entry.read(data, framed.start)
        return DecodedValue(entry.compiled, value, entry.name_of(data, framed.start))

    async def prepare(self, record: Record) -> None:
        """Fetch the schema that `decode` needs; raises Unavailable or PoisonRecord."""
        topic = self.topic(record.topic)
        framed = topic.format.locate_body(record)
        writer = await self._store.fetch(topic.key(framed.token))
        if framed.token not in topic.entries:  # several records can wait for one fetch
            topic.entries[framed.token] = self._make_entry(record.topic, writer)

    def guess_format(self, record: Record) -> FormatGuess:
        """Say what the value of a record that cannot be decoded looks like."""
        wire_format = self.topic(record.topic).format.name
        return guess_format(record.value or b"", wire_format, self._newest.get(record.topic))

    def topic(self, name: str) -> TopicSchemas[T]:
        """The wire format and the known schemas of a topic."""
        topic = self._topics.get(name)
        if topic is None:
            new = TopicSchemas[T](ConfluentFormat(), self._subject_of(name))
            topic = self._topics.setdefault(name, new)
        return topic

    def _known_entry(
        self, name: str, topic: TopicSchemas[T], framed: BodyLocation
    ) -> ValueReader[T] | RefusedSchema | None:
        """Make an entry without a fetch, from a file or a schema that another topic fetched."""
        writer = self._store.known(topic.key(framed.token))
        if writer is None:
            return None
        entry = topic.entries[framed.token] = self._make_entry(name, writer)
        return entry

    def _make_entry(self, topic: str, writer: WriterSchema) -> ValueReader[T] | RefusedSchema:
        try:
            compiled = self._compile_mappings(topic, writer.schema)
        except Problems as error:
            first = error.problems[0].message if error.problems else "no reason given"
            return RefusedSchema(f"the mappings of {topic} do not fit {writer.label}: {first}")
        read = make_projecting_reader(writer.schema, compiled.wanted.all)
        return ValueReader(compiled, writer.schema, read, make_name_of(writer.schema))
