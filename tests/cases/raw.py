"""Values as the mapping receives them: encoded by fastavro, decoded without logical types."""

import io
import json
from typing import Any, cast

import fastavro

from bridge.records import Assignment, Record


def raw_value(schema: str, value: Any) -> Any:
    """The raw value of a record: decimals as bytes, times as integers."""
    if value is None:
        return None
    parsed = json.loads(schema)
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, fastavro.parse_schema(parsed), value)
    buffer.seek(0)
    plain = fastavro.parse_schema(cast("Any", without_logical_types(parsed)))
    return fastavro.schemaless_reader(buffer, plain, None)


def without_logical_types(schema: Any) -> Any:
    """The same schema without logical types, precision, scale and defaults."""
    if isinstance(schema, list):
        return [without_logical_types(part) for part in schema]
    if isinstance(schema, dict):
        return {
            key: without_logical_types(part)
            for key, part in schema.items()
            if key not in ("logicalType", "precision", "scale", "default")
        }
    return schema


def record(
    topic: str,
    *,
    key: bytes | None = None,
    headers: tuple[tuple[str, bytes | None], ...] = (),
    timestamp_ms: int = -1,
    partition: int = 0,
    offset: int = 0,
) -> Record:
    """A polled record; the mapping does not use its value bytes."""
    assignment = Assignment(topic, partition)
    return Record(
        topic, partition, offset, timestamp_ms, key, None, assignment, read_headers=lambda: headers
    )
