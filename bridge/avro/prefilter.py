"""Filters polled records in the poll thread, before the pipeline gets them.

Most records of a topic match no mapping. These records cost only a look at the fields in the
filters: no object, no handover to the event loop, no task.

Invariants:
- If in doubt, a record passes: if its schema is not known yet, its bytes are damaged or a filter
  fails. The pipeline then decides, and reports the reason.
- The poll thread must not wait, so nothing is fetched here, and a failing filter passes. This
  module only looks up the schemas that the decoder learned on the event loop.
- A header that identifies the schema takes precedence over the prefix, as in `wire_formats.py`.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from bridge.avro.decoder import AvroDecoder, ReadPaths, ValueReader
from bridge.avro.projection.project import project, project_one
from bridge.avro.reader import record_name
from bridge.avro.schema_headers import schema_header
from bridge.avro.walker import read_index
from bridge.avro.wire_formats import WireFormat
from bridge.mapping.runtime.dispatch import Equality
from bridge.records import Assignment, Message, Record
from bridge.schema.types import Union

_TWO_BYTE_MIN = 128
"""A varint whose first byte is below this has only one byte."""

RawFilter = Callable[[Record, Any], bool]


class FilteringMappings(Protocol):
    """The mappings of a topic, compiled for one schema."""

    @property
    def wanted(self) -> ReadPaths:
        """The paths of a value that the mappings read."""
        ...

    @property
    def filters_by_record(self) -> bool:
        """Whether a filter reads more than the value: the key, a header or the timestamp."""
        ...

    def filter(self, record_name: str | None = None) -> RawFilter:
        """The filter of all mappings together; `record_name` as in `DecodedValue`."""
        ...

    def members(self, record_name: str | None = None) -> Equality | None:
        """A field, and the values of which it must have one for any mapping to match, or None."""
        ...

    def matches(self, record: Record, value: None) -> bool:
        """Whether any mapping matches a record without a value."""
        ...


class _Filter(NamedTuple):
    """Decides whether any mapping matches a record of one schema.

    If `peek` is set, the value that it reads must be in `members`. This rejects most records.
    """

    read: Callable[[Any, int], object]
    matches: Callable[[Any, Any], bool]
    by_record: bool
    peek: Callable[[Any, int], object] | None = None
    members: frozenset[object] = frozenset()


class _Topic:
    """The filters of a topic, by schema token and by the value's prefix."""

    __slots__ = ("assignment", "by_prefix", "by_token", "format", "skipped", "tombstones")

    def __init__(self, name: str, wire_format: WireFormat, tombstones: FilteringMappings) -> None:
        self.format = wire_format
        self.tombstones = tombstones
        self.by_prefix: dict[bytes, _Filter] = {}
        self.by_token: dict[bytes, _Filter] = {}
        self.assignment = Assignment(name, -1)
        self.skipped = 0


class Prefilter:
    """Selects the records that a mapping may match; `tombstones` filters those without a value."""

    def __init__(
        self, decoder: AvroDecoder[Any], tombstones: Callable[[str], FilteringMappings]
    ) -> None:
        self._decoder = decoder
        self._tombstones = tombstones
        self._topics: dict[str, _Topic] = {}

    def __call__(self, name: str, messages: Sequence[Message]) -> list[int]:
        """The indexes of the messages of a topic that a mapping may match."""
        try:
            topic = self._topics.get(name) or self._new_topic(name)
        except Exception:  # the pipeline reports the cause
            return list(range(len(messages)))
        filters, size = topic.by_prefix, topic.format.prefix_bytes
        reads_headers = topic.format.reads_headers
        passed = []
        for index, message in enumerate(messages):
            value = message.value()
            headers = message.headers() if reads_headers else None
            try:
                if value is None or (headers and schema_header(headers) is not None):
                    filter_ = None
                else:
                    filter_ = filters.get(value[:size])
                if filter_ is None:
                    if self._passes(topic, message):
                        passed.append(index)
                elif filter_.peek is not None and filter_.peek(value, size) not in filter_.members:
                    continue
                elif filter_.matches(None, filter_.read(value, size)):
                    passed.append(index)
            except Exception:  # the pipeline reports the cause
                passed.append(index)
        topic.skipped += len(messages) - len(passed)
        return passed

    def skipped(self, name: str) -> int:
        """How many messages of a topic matched no mapping so far; call from any thread."""
        topic = self._topics.get(name)
        return 0 if topic is None else topic.skipped

    def _passes(self, topic: _Topic, message: Message) -> bool:
        """Check a message for which `by_prefix` has no filter, whatever the reason."""
        record = Record.of(message, topic.assignment)
        if record.value is None:
            return topic.tombstones.matches(record, None)
        framed = topic.format.locate_body(record)
        filter_ = topic.by_token.get(framed.token) or self._new_filter(topic, framed.token)
        if filter_ is None:
            return True
        if not filter_.by_record and framed.start == topic.format.prefix_bytes:
            topic.by_prefix[record.value[: framed.start]] = filter_
        return filter_.matches(record, filter_.read(record.value, framed.start))

    def _new_filter(self, topic: _Topic, token: bytes) -> _Filter | None:
        """Make the filter of a schema; None if the schema is unknown or refused."""
        entry = self._decoder.topic(topic.assignment.topic).entries.get(token)
        if not isinstance(entry, ValueReader):
            return None
        filter_ = topic.by_token[token] = _make_filter(entry)
        return filter_

    def _new_topic(self, name: str) -> _Topic:
        topic = _Topic(name, self._decoder.topic(name).format, self._tombstones(name))
        self._topics[name] = topic
        return topic


def _make_filter(entry: ValueReader[Any]) -> _Filter:
    """Make the filter of one schema."""
    compiled: FilteringMappings = entry.compiled
    by_record = compiled.filters_by_record
    read = project(entry.schema, compiled.wanted.filter, to_end=False) or entry.read
    if not isinstance(entry.schema.root, Union):
        equality = compiled.members()
        if equality is None or equality.names is None:
            return _Filter(read, compiled.filter(), by_record)
        peek = project_one(entry.schema, equality.names)
        return _Filter(read, compiled.filter(), by_record, peek, equality.values)
    names = [record_name(entry.schema, branch) for branch in entry.schema.root.branches]
    by_index = [_always if name is None else compiled.filter(name) for name in names]
    return _Filter(
        lambda data, start: (_branch_index(data, start), read(data, start)),
        lambda record, indexed: by_index[indexed[0]](record, indexed[1]),
        by_record,
    )


def _branch_index(data: bytes, start: int) -> int:
    """The index of the root's branch in a body."""
    first = data[start]
    return first >> 1 if first < _TWO_BYTE_MIN else read_index(data, start)[0]


def _always(_: Record, __: object) -> bool:
    return True
