"""Which records somebody may want: looked at in the poll thread, before any work is made of them.

Most records of a bus are not wanted. They cost the look at their filter's fields here, and no
object, no hand-over and no task.

Invariants:
- When in doubt a record is wanted: its schema is not known yet, its bytes are not what they should
  be, a filter fails. The path of a record decides then, and says why.
- Nothing is fetched or compiled here, and nothing raises: the poll thread must not wait. What the
  decoder has learned on the event loop is only looked up.
- A header that names the schema goes before the value's prefix, as in `wire.py`.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from bridge.avro.decoder import AvroDecoder, ReadPaths, SchemaReader
from bridge.avro.projection.project import project, project_one
from bridge.avro.reader import record_name
from bridge.avro.walker import read_index
from bridge.avro.wire_formats import SCHEMA_ID_HEADER, WireFormat
from bridge.mapping.runtime.dispatch import Equality
from bridge.records import Assignment, Headers, Message, Record
from bridge.schema.types import Union

_ONE_BYTE = 128
"""A number whose first byte is less has no other."""

RawFilter = Callable[[Record, Any], bool]


class Filtering(Protocol):
    """The mappings of a topic, compiled for one schema."""

    @property
    def wanted(self) -> ReadPaths:
        """What of a value is read."""
        ...

    @property
    def filters_by_record(self) -> bool:
        """Whether a filter reads more than the value: the key, a header, the time."""
        ...

    def filter(self, record_name: str | None = None) -> RawFilter:
        """Whether any mapping wants a record; `record_name` as `Decoded` has it."""
        ...

    def members(self, record_name: str | None = None) -> Equality | None:
        """The values of one field without which nobody wants a record; None: there is none such."""
        ...

    def matches(self, record: Record, value: None) -> bool:
        """Whether any mapping wants a record that has no value."""
        ...


class _Filter(NamedTuple):
    """How to tell whether a record of one schema is wanted.

    Where `peek` is there, what it reads is looked up in `members` first: most records end there.
    """

    read: Callable[[Any, int], object]
    matches: Callable[[Any, Any], bool]
    by_record: bool
    peek: Callable[[Any, int], object] | None = None
    members: frozenset[object] = frozenset()


class _Topic:
    """What is known of a topic: filters by the bytes that name the schema, or all of the prefix."""

    __slots__ = ("assignment", "by_prefix", "by_token", "format", "tombstones")

    def __init__(self, name: str, wire_format: WireFormat, tombstones: Filtering) -> None:
        self.format = wire_format
        self.tombstones = tombstones
        self.by_prefix: dict[bytes, _Filter] = {}
        self.by_token: dict[bytes, _Filter] = {}
        self.assignment = Assignment(name, -1)


class Prefilter:
    """Says which records somebody may want; `tombstones` is for those without a value."""

    def __init__(self, decoder: AvroDecoder[Any], tombstones: Callable[[str], Filtering]) -> None:
        self._decoder = decoder
        self._tombstones = tombstones
        self._topics: dict[str, _Topic] = {}

    def __call__(self, name: str, messages: Sequence[Message]) -> list[int]:
        """The messages of a topic that somebody may want, by index."""
        topic = self._topics.get(name) or self._new_topic(name)
        filters, size = topic.by_prefix, topic.format.prefix_bytes
        reads_headers = topic.format.reads_headers
        wanted = []
        for index, message in enumerate(messages):
            value = message.value()
            headers = message.headers() if reads_headers else None
            try:
                if value is None or (headers is not None and _names_schema(headers)):
                    found = None
                else:
                    found = filters.get(value[:size])
                if found is None:
                    if self._is_wanted(topic, message):
                        wanted.append(index)
                elif found.peek is not None and found.peek(value, size) not in found.members:
                    continue
                elif found.matches(None, found.read(value, size)):
                    wanted.append(index)
            except Exception:  # the path of the record says what it was
                wanted.append(index)
        return wanted

    def _is_wanted(self, topic: _Topic, message: Message) -> bool:
        """For what has no value, or is not framed as most values are, or not known yet."""
        record = Record.of(message, topic.assignment)
        if record.value is None:
            return topic.tombstones.matches(record, None)
        framed = topic.format.locate_body(record)
        found = topic.by_token.get(framed.token) or self._new_filter(topic, framed.token)
        if found is None:
            return True
        if not found.by_record and framed.start == topic.format.prefix_bytes:
            topic.by_prefix[record.value[: framed.start]] = found
        return found.matches(record, found.read(record.value, framed.start))

    def _new_filter(self, topic: _Topic, token: bytes) -> _Filter | None:
        """How to tell for a schema; None while it is not known, or where it is refused."""
        entry = self._decoder.topic(topic.assignment.topic).entries.get(token)
        if not isinstance(entry, SchemaReader):
            return None
        found = topic.by_token[token] = _filter(entry)
        return found

    def _new_topic(self, name: str) -> _Topic:
        topic = _Topic(name, self._decoder.topic(name).format, self._tombstones(name))
        self._topics[name] = topic
        return topic


def _filter(entry: SchemaReader[Any]) -> _Filter:
    """How to tell for one schema."""
    compiled: Filtering = entry.compiled
    by_record = compiled.filters_by_record
    read = project(entry.schema, compiled.wanted.filter, to_end=False) or entry.read
    if not isinstance(entry.schema.root, Union):
        asked = compiled.members()
        if asked is None or asked.names is None:
            return _Filter(read, compiled.filter(), by_record)
        peek = project_one(entry.schema, asked.names)
        return _Filter(read, compiled.filter(), by_record, peek, asked.values)
    names = [record_name(entry.schema, branch) for branch in entry.schema.root.branches]
    by_index = [_always if name is None else compiled.filter(name) for name in names]
    return _Filter(
        lambda data, start: (_index(data, start), read(data, start)),
        lambda record, found: by_index[found[0]](record, found[1]),
        by_record,
    )


def _index(data: bytes, start: int) -> int:
    """Which branch of the root a body was written as."""
    first = data[start]
    return first >> 1 if first < _ONE_BYTE else read_index(data, start)[0]


def _always(_: Record, __: object) -> bool:
    return True


def _names_schema(headers: Headers | None) -> bool:
    return headers is not None and any(name == SCHEMA_ID_HEADER for name, _ in headers)
