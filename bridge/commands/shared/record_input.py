"""Reads one record from JSON, from the bytes of an Avro value, or from Kafka."""

import json
import re
import sys
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import click

from bridge.avro.reader import make_name_of, make_reader
from bridge.avro.schema_store import WriterSchema
from bridge.avro.wire_formats import WIRE_FORMATS, SchemaFile
from bridge.commands.shared.project_files import ProjectFiles
from bridge.commands.shared.schemas import SchemaFinder
from bridge.errors import SetupError
from bridge.kafka.record_reader import read_one
from bridge.mapping.explaining.unmet_conditions import ExplainedRecord
from bridge.records import Assignment, Record
from bridge.schema.conversions import MappingError, parse_time
from bridge.settings.load import Loaded

RECORD_BYTES_MAX = 64 * 1024 * 1024
"""More than any broker accepts; a wrong path must not exhaust memory."""

KAFKA_LIMIT_S = 15.0

_POSITION = re.compile(r"([A-Za-z0-9._-]{1,249})/(\d{1,9})/(\d{1,18})")
_ENVELOPE = frozenset(("topic", "key", "headers", "timestamp", "partition", "offset", "value"))
_EPOCH = parse_time("1970-01-01T00:00:00Z")


class RecordPosition(NamedTuple):
    """The position of a record in Kafka; the topic has its Kafka name or its mapping-file name."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class InputValue:
    """A record as given: its value as plain data, or `data`, the bytes that Kafka stores."""

    record: Record
    value: Any
    data: bytes | None = None


def parse_position(source: str) -> RecordPosition | None:
    """The position that `topic/partition/offset` names; None for a file."""
    match = _POSITION.fullmatch(source)
    if match is None or Path(source).exists():
        return None
    return RecordPosition(match[1], int(match[2]), int(match[3]))


def read_position(position: RecordPosition, loaded: Loaded | None) -> InputValue:
    """Read one record from Kafka without joining a group.

    Raises:
        SetupError: there are no settings, or the record does not exist.
        Unavailable: Kafka does not answer.
    """
    if loaded is None:
        raise SetupError(
            f"{'/'.join(map(str, position))}: reading from Kafka needs settings: use --config"
        )
    names = loaded.settings.topic_names
    mapping_names = {kafka: name for name, kafka in names.items()}
    topic = names.get(position.topic, position.topic)
    kafka = loaded.settings.kafka_config()
    record = read_one(kafka, topic, position.partition, position.offset, KAFKA_LIMIT_S)
    return InputValue(record._replace(topic=mapping_names.get(topic, topic)), None, record.value)


def read_input(source: str, topic: str | None, project_files: ProjectFiles) -> InputValue:
    """Read a record; `topic` defaults to the record's own, then to the only mapped topic.

    Raises:
        click.UsageError: the file does not exist, or the topic is unknown.
        SetupError: the input is not a record.
    """
    raw = _read(source)
    plain = None if raw[:1] in (b"\x00", b"\x01") else _json(raw)
    parts: dict[str, Any] = {"value": plain}
    if isinstance(plain, dict) and "value" in plain and plain.keys() <= _ENVELOPE:
        parts = plain
    named = topic or parts.get("topic")
    topics = project_files.topics()
    if named is None and len(topics) == 1 and not project_files.patterns:
        named = topics[0]
    if named is None:
        known = project_files.topics_text
        raise click.UsageError(f"the record names no topic: use --topic; the mappings read {known}")
    bytes_ = raw if plain is None and raw.strip() != b"null" else None
    return InputValue(_record(str(named), parts, bytes_), parts["value"], bytes_)


def _read(source: str) -> bytes:
    if source == "-":
        if sys.stdin.isatty():
            raise click.UsageError("no record: name a file, or pipe one to standard input")
        return sys.stdin.buffer.read(RECORD_BYTES_MAX)
    file = Path(source)
    if not file.is_file():
        raise click.UsageError(f"there is no file {source}")
    with file.open("rb") as stream:
        return stream.read(RECORD_BYTES_MAX)


def _json(raw: bytes) -> Any:
    """The parsed JSON; None if the bytes are not text, so they can only be Avro."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return None
    try:
        data = json.loads(text)
        json.dumps(data, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        message = "the record's JSON has half of a surrogate pair (such as `\\ud800`)"
        raise SetupError(f"{message}, which no Kafka record can hold as text") from None
    except (ValueError, RecursionError) as error:
        raise SetupError(f"the record is neither JSON nor a framed Avro value: {error}") from None
    return data


def _record(topic: str, parts: dict[str, Any], data: bytes | None) -> Record:
    headers = parts.get("headers") or {}
    key = parts.get("key")
    if not isinstance(headers, dict):
        raise SetupError("the record's `headers` must be an object of names and texts")
    pairs = tuple((str(name), str(text).encode()) for name, text in headers.items())
    partition = _number("partition", parts)
    return Record(
        topic,
        partition,
        _number("offset", parts),
        _ms(parts.get("timestamp")),
        None if key is None else str(key).encode(),
        data,
        Assignment(topic, partition),
        read_headers=lambda: pairs,
    )


def _number(name: str, parts: dict[str, Any]) -> int:
    number = parts.get(name) or 0
    if type(number) is not int or number < 0:
        raise SetupError(f"the record's `{name}` must be a whole number")
    return number


def _ms(timestamp: object) -> int:
    """The record's timestamp in milliseconds, from milliseconds or RFC 3339; now without one."""
    if isinstance(timestamp, int) and not isinstance(timestamp, bool):
        return timestamp
    if timestamp is None:
        return int(time.time() * 1000)
    try:
        moment = parse_time(str(timestamp))
        return (moment - _EPOCH) // timedelta(milliseconds=1)
    except (MappingError, TypeError):
        raise SetupError(
            "the record's `timestamp` is invalid: write 2026-11-24T10:15:00Z"
        ) from None


async def decode(given: InputValue, finder: SchemaFinder) -> ExplainedRecord:
    """Decode the bytes that Kafka stores.

    Raises:
        SetupError: there is no registry to query, or no schema for unframed bytes.
        PoisonRecord: the bytes are not a value of their schema.
        Unavailable: the registry does not answer.
    """
    record = given.record
    data = given.data or b""
    writer, start = await _writer_of(record, finder)
    value = make_reader(writer.schema)(data, start)
    name = make_name_of(writer.schema)(data, start)
    return ExplainedRecord(record, value, writer.schema, name)


async def _writer_of(record: Record, finder: SchemaFinder) -> tuple[WriterSchema, int]:
    """The schema that wrote the value, and the offset of its body."""
    files = {writer.label: writer for writer in finder.locals(record.topic)}
    name = finder.framing(record.topic)
    if name != "confluent" and not files:
        raise SetupError(f"there is no schema for the topic {record.topic}")
    wire_format = WIRE_FORMATS[name]({path: writer.schema for path, writer in files.items()})
    framed = wire_format.locate_body(record)
    key = wire_format.key(framed.token)
    if isinstance(key, SchemaFile):
        return files[key.path], framed.start
    return await finder.fetch(key, record.topic), framed.start
