"""Decode: a record's bytes become the raw value of its writer schema.

Laws: a record of a known schema costs one look-up by topic, one by the bytes that name the
schema, one call of its reader, and no await. What a schema is admitted as (`T`, the mappings
compiled for it) is asked once per topic and schema, and a refusal is remembered like an
admission. Values are raw: no logical type is applied; they hold the fields that the mappings read.
A record without a value is none of ours.
"""

from collections.abc import Callable, Mapping
from typing import Generic, NamedTuple, Protocol, TypeVar

from bridge.avro.reader import NameOf, make_name_of, make_reader_of
from bridge.avro.store import SchemaStore, WriterSchema
from bridge.avro.walker import Read
from bridge.avro.wire import ConfluentFormat, Located, WireFormat
from bridge.documents.problems import Problems
from bridge.errors import PoisonRecord
from bridge.mapping.schema import Schema
from bridge.records import Record


class Wanted(Protocol):
    """The paths that somebody reads, cut at the first index or key of a map."""

    @property
    def filter(self) -> frozenset[tuple[str, ...]]:
        """What the filters read."""
        ...

    @property
    def all(self) -> frozenset[tuple[str, ...]]:
        """What is read at all."""
        ...


class Admitted(Protocol):
    """What a schema is admitted as; the decoder hands it back with each value."""

    @property
    def wanted(self) -> Wanted:
        """What of a value is read."""
        ...


T = TypeVar("T", bound=Admitted)
Admit = Callable[[str, Schema], T]
"""Topic and schema -> what it is admitted as; raises Problems when the schema does not fit."""


class Decoded(NamedTuple, Generic[T]):
    """A value, what its schema was admitted as, and the full name of its record.

    `record_name` is None where the root is no record; where it is a union of several, it names
    the one that was written.
    """

    admitted: T
    value: object
    record_name: str | None


class Entry(NamedTuple, Generic[T]):
    """How the values of one topic and one schema are read."""

    admitted: T
    schema: Schema
    read: Read
    name_of: NameOf


class Refused(NamedTuple):
    """Why the values of one topic and one schema are not read."""

    message: str


class Topic(Generic[T]):
    """A topic's wire format, and what is known of its schemas, by the bytes that name them."""

    __slots__ = ("entries", "format")

    def __init__(self, wire_format: WireFormat) -> None:
        self.format = wire_format
        self.entries: dict[bytes, Entry[T] | Refused] = {}


class Decoder(Generic[T]):
    """Decodes the records of all topics; topics without a format of their own are Confluent's."""

    def __init__(
        self, store: SchemaStore, formats: Mapping[str, WireFormat], admit: Admit[T]
    ) -> None:
        self._store = store
        self._admit = admit
        self._topics = {topic: Topic[T](wire_format) for topic, wire_format in formats.items()}

    def decode(self, record: Record) -> Decoded[T] | None:
        """Decode a record that has a value; None: `prepare` has to fetch its schema first.

        Raises PoisonRecord (stage `decode`; `map` where the mappings do not fit the schema).
        """
        topic = self.topic(record.topic)
        located = topic.format.locate(record)
        entry = topic.entries.get(located.token) or self._entry(record.topic, topic, located)
        if entry is None:
            return None
        if isinstance(entry, Refused):
            raise PoisonRecord(entry.message, stage="map", reason="schema_does_not_fit")
        data = record.value or b""
        value = entry.read(data, located.start)
        return Decoded(entry.admitted, value, entry.name_of(data, located.start))

    async def prepare(self, record: Record) -> None:
        """Fetch what `decode` lacks; raises Unavailable or PoisonRecord."""
        topic = self.topic(record.topic)
        located = topic.format.locate(record)
        writer = await self._store.fetch(topic.format.key(located.token))
        if located.token not in topic.entries:  # several may have waited for one fetch
            topic.entries[located.token] = self._make_entry(record.topic, writer)

    def topic(self, name: str) -> Topic[T]:
        """What is known of a topic's schemas."""
        topic = self._topics.get(name)
        if topic is None:
            topic = self._topics.setdefault(name, Topic[T](ConfluentFormat()))
        return topic

    def _entry(self, name: str, topic: Topic[T], located: Located) -> Entry[T] | Refused | None:
        """Make the entry of a schema that the store has at hand: another topic's, or a file's."""
        writer = self._store.known(topic.format.key(located.token))
        if writer is None:
            return None
        entry = topic.entries[located.token] = self._make_entry(name, writer)
        return entry

    def _make_entry(self, topic: str, writer: WriterSchema) -> Entry[T] | Refused:
        try:
            admitted = self._admit(topic, writer.schema)
        except Problems as error:
            first = error.problems[0].message if error.problems else "no reason was given"
            return Refused(f"the mappings of {topic} do not fit {writer.label}: {first}")
        read = make_reader_of(writer.schema, admitted.wanted.all)
        return Entry(admitted, writer.schema, read, make_name_of(writer.schema))
