"""The tables of Avro types: what the compiler says to each, and what is sent for a value."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple
from uuid import UUID

from bridge.mapping.runtime.outcome import Event
from tests.docs.page import table
from tests.unit.mapping.project import (
    DURATION,
    FIXED,
    LOCAL,
    MAP,
    array,
    logical,
    outcomes,
    plan_of,
    problems_of,
)

_PROPERTY: Final = "properties: {p: x}"
_TIME: Final = datetime(2026, 11, 24, 10, 15, 0, 123456, tzinfo=UTC)


class Sample(NamedTuple):
    """An Avro type as the page names it, its schema, and a value that it can have.

    `fixes` are forms of a property that make a value sendable which is refused as it is.
    """

    label: str
    schema: Any
    value: Any = None
    fixes: tuple[str, ...] = ()


_ITEM: Final = {"type": "record", "name": "R", "fields": [{"name": "a", "type": "int"}]}
_DECIMAL: Final = logical("bytes", "decimal", precision=9, scale=2)
_AS_TEXT: Final = "{path: x, type: str}"
_HASHED: Final = "{path: x, hash: sha256}"
_COUNTED: Final = "{path: x, count: true}"
SENT: Final = (
    Sample("`string`", "string", "EUR"),
    Sample("`boolean`", "boolean", True),
    Sample("`int`, `long`", "long", 42),
    Sample("`float`, `double`", "double", 0.5),
    Sample("enum", {"type": "enum", "name": "E", "symbols": ["PAID"]}, "PAID"),
    Sample("`decimal`", _DECIMAL, Decimal("19.99")),
    Sample("`uuid`", logical("string", "uuid"), UUID("7d1c0d1e-0000-4000-8000-000000000001")),
    Sample("`date`", logical("int", "date"), date(2026, 11, 24)),
    Sample("`timestamp-millis`, `-micros`, `-nanos`", logical("long", "timestamp-micros"), _TIME),
    Sample("array of these types", array("string"), ["a", "b"]),
)
REFUSED: Final = (
    Sample(
        "union of a type and null",
        ["null", "string"],
        fixes=("{path: x, default: none}", "{path: x, optional: true}"),
    ),
    Sample("union of different types", ["string", "int"], fixes=(_AS_TEXT,)),
    Sample(
        "`local-timestamp-millis`, `-micros`, `-nanos`",
        LOCAL,
        fixes=("{path: x, zone: Europe/Berlin}",),
    ),
    Sample(
        "`time-millis`, `time-micros`",
        logical("int", "time-millis"),
        fixes=(_AS_TEXT, "{path: x, type: int}"),
    ),
    Sample("`duration`", DURATION, fixes=(_HASHED,)),
    Sample("`bytes`", "bytes", fixes=(_AS_TEXT, _HASHED)),
    Sample("`fixed`", FIXED, fixes=(_AS_TEXT, _HASHED)),
    Sample("record", _ITEM, fixes=("x.a",)),
    Sample("array of records", array(_ITEM), fixes=("x[*].a", _COUNTED)),
    Sample("map", MAP, fixes=("{path: x.a, optional: true}", _COUNTED)),
)


def avro_sections() -> dict[str, str]:
    """The tables of types that are sent and of those that need help, by their sections."""
    return {
        "types sent": table(("Avro type", "Sent as", "Example"), [*map(_sent, SENT)]),
        "types refused": table(("Avro type", "Write"), [*map(_refused, REFUSED)]),
    }


def _sent(sample: Sample) -> tuple[str, str, str]:
    [event] = outcomes(_PROPERTY, sample.schema, sample.value)
    assert isinstance(event, Event)
    [found] = event.properties
    return sample.label, f"`{found.type}`", f"`{json.dumps(found.value)}`"


def _refused(sample: Sample) -> tuple[str, str]:
    """The row of a type; each fix compiles, and nothing compiles without one."""
    problems_of(_PROPERTY, sample.schema)
    for fix in sample.fixes:
        plan_of(f"properties:\n  p: {fix}", sample.schema)
    return sample.label, " or ".join(f"`{fix}`" for fix in sample.fixes)
