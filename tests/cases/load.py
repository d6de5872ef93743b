"""Test cases as data: a record, a mapping, and the exact requests that must result.

Each `*.yaml` next to this file is one case. Its keys:

- `name`: a sentence.
- `schema`: the Avro schema as an object, or the name of a file in `schemas/avro`.
- `mapping`: the text of a mapping file, or the name of a file in `schemas/mappings`.
- `topic`, and, if they matter, `key` (text), `headers` (name: text), `timestamp_ms`.
- `value`: the record's value, null for a tombstone. Plain data is used as it is. One-key objects
  are values that YAML cannot express: `{$decimal: "19.99"}`, `{$bytes: 00ff}` (hexadecimal; also
  for fixed), `{$time: 2026-11-24T10:15:00Z}`, `{$date: 2026-11-24}`, `{$uuid: …}`. An integer for
  a time is in Avro's units. fastavro and Confluent's AvroSerializer can encode the result.
- `requests`: the requests that must be sent, in order: `path`, and `body` byte for byte (UTF-8).
- `v2`: the bodies of the same requests to `/v2/events`, byte for byte. Omitted if the mapping uses
  features that only API v1 has.
- `skipped`, `rejected`: mappings that match but send nothing: the mapping's name and the reason.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from bridge.documents.document import Document, parse

FOLDER = Path(__file__).parent
SCHEMAS = FOLDER.parent.parent / "schemas"

_TAGS: dict[str, Callable[[str], object]] = {
    "$decimal": Decimal,
    "$bytes": bytes.fromhex,
    "$time": datetime.fromisoformat,
    "$date": date.fromisoformat,
    "$uuid": UUID,
}


@dataclass(frozen=True, slots=True)
class ExpectedRequest:
    """A request that must be sent: the percent-encoded path and the exact body."""

    path: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Case:
    """One case; an Avro encoder accepts `value`, and `schema` is the schema's JSON text."""

    name: str
    topic: str
    schema: str
    mapping: Document
    value: Any
    key: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    timestamp_ms: int
    requests: tuple[ExpectedRequest, ...]
    v2: tuple[bytes, ...]
    skipped: tuple[tuple[str, str], ...]
    rejected: tuple[tuple[str, str], ...]


def load_cases() -> list[Case]:
    """All cases, sorted by file name."""
    return [load_case(file) for file in sorted(FOLDER.glob("*.yaml"))]


def load_case(file: Path) -> Case:
    """The case in one file."""
    data = parse(file.read_text(encoding="utf-8"), file.name).data
    key = data.get("key")
    return Case(
        name=data["name"],
        topic=data["topic"],
        schema=_schema(data["schema"]),
        mapping=_mapping(data["mapping"], file),
        value=untag(data["value"]),
        key=None if key is None else key.encode(),
        headers=tuple((name, text.encode()) for name, text in data.get("headers", {}).items()),
        timestamp_ms=data.get("timestamp_ms", -1),
        requests=tuple(
            ExpectedRequest(request["path"], request["body"].encode())
            for request in data.get("requests", [])
        ),
        v2=tuple(body.encode() for body in data.get("v2", [])),
        skipped=tuple(data.get("skipped", {}).items()),
        rejected=tuple(data.get("rejected", {}).items()),
    )


def untag(value: Any) -> Any:
    """Converts a case's data to Python values for an Avro encoder."""
    if isinstance(value, list):
        return [untag(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        tag, text = next(iter(value.items()))
        if tag in _TAGS:
            return _TAGS[tag](text)
    return {name: untag(item) for name, item in value.items()}


def _schema(schema: str | dict[str, Any]) -> str:
    if isinstance(schema, str):
        return (SCHEMAS / "avro" / schema).read_text(encoding="utf-8")
    return json.dumps(schema)


def _mapping(mapping: str, file: Path) -> Document:
    if "\n" in mapping:
        return parse(mapping, file.name)
    return parse((SCHEMAS / "mappings" / mapping).read_text(encoding="utf-8"), mapping)
