"""A minimal setup for tables of cases: one field `x`, one mapping, one record."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest

from bridge.documents.document import Document, parse
from bridge.documents.problems import Problem, Problems
from bridge.mapping.compiler.compiler import compile_plan
from bridge.mapping.language.loader import load_rules
from bridge.mapping.language.options import NO_OPTIONS, Options
from bridge.mapping.runtime.outcome import Event, MappingSkipped, Outcome
from bridge.mapping.runtime.plan import Plan
from bridge.schema.parser import parse_schema
from tests.cases.raw import raw_value, record

MISSING_KEY = b"k-1"
OPTIONS = Options(hash_key=b"secret")


def logical(base: str, name: str, **attributes: Any) -> dict[str, Any]:
    """A primitive type with a logical type."""
    return {"type": base, "logicalType": name, **attributes}


def nullable(type_: Any) -> list[Any]:
    """A type or null."""
    return ["null", type_]


def array(items: Any) -> dict[str, Any]:
    """A list of a type."""
    return {"type": "array", "items": items}


MONEY = logical("bytes", "decimal", precision=20, scale=2)
MILLIS = logical("long", "timestamp-millis")
MICROS = logical("long", "timestamp-micros")
NANOS = logical("long", "timestamp-nanos")
LOCAL = logical("long", "local-timestamp-millis")
DATE = logical("int", "date")
ENUM = {"type": "enum", "name": "Color", "symbols": ["RED", "BLUE"]}
ID = {"type": "fixed", "name": "Id", "size": 16, "logicalType": "uuid"}
FIXED = {"type": "fixed", "name": "F2", "size": 2}
MAP = {"type": "map", "values": "string"}
DURATION = {"type": "fixed", "name": "D", "size": 12, "logicalType": "duration"}
CARD = {"type": "record", "name": "n.Inner", "fields": [{"name": "a", "type": "int"}]}


def schema_text(type_: Any) -> str:
    """A record with the user `u` and one field `x` of a type."""
    fields = [{"name": "u", "type": "string"}, {"name": "x", "type": type_}]
    return json.dumps({"type": "record", "name": "n.Rec", "fields": fields})


def document(body: str) -> Document:
    """A mapping file with one mapping that has these lines; required keys are added."""
    lines = "\n".join(f"    {line}" for line in body.strip("\n").splitlines())
    defaults = [
        f"    {key}: {text}\n"
        for key, text in (("name", "m"), ("topics", "[t]"), ("uid", "u"), ("event", "E"))
        if not any(line.startswith(f"{key}:") for line in body.splitlines())
    ]
    mapping = "".join(defaults) + lines
    return parse(f"format: 1\nmappings:\n  - {mapping[4:]}\n", "m.yaml")


def plan_of(body: str, type_: Any, options: Options = NO_OPTIONS) -> Plan:
    """The plan of one mapping for the schema with a field `x` of this type."""
    schema = parse_schema(schema_text(type_))
    return compile_plan(load_rules([document(body)], options), "t", schema, options)


def outcomes(
    body: str,
    type_: Any,
    value: Any,
    *,
    user: str = "u1",
    key: bytes | None = None,
    headers: tuple[tuple[str, bytes | None], ...] = (),
    timestamp_ms: int = 1,
    options: Options = OPTIONS,
) -> Sequence[Outcome]:
    """The outcomes of one mapping for the record `{u: user, x: value}`."""
    raw = raw_value(schema_text(type_), {"u": user, "x": value})
    polled = record("t", key=key, headers=headers, timestamp_ms=timestamp_ms, offset=7)
    return plan_of(body, type_, options).map(polled, raw)


class Wrong(NamedTuple):
    """A mapping, the type of `x`, and the only problem; `at` is the line from the caret on."""

    body: str
    type: Any
    code: str
    message: str
    at: str

    def __str__(self) -> str:
        return f"{self.code} {self.body} of {self.type}"[:90]


def problems_of(body: str, type_: Any) -> tuple[Problem, ...]:
    """The problems of a mapping."""
    with pytest.raises(Problems) as raised:
        plan_of(body, type_)
    return raised.value.problems


def assert_reported(row: Wrong) -> None:
    """Exactly one problem, with its code, message and the caret at the mistake."""
    (problem,) = problems_of(row.body, row.type)
    assert (problem.code, problem.message) == (row.code, row.message)
    assert problem.place is not None
    assert problem.source_line is not None
    assert problem.source_line[problem.place.column - 1 :].startswith(row.at)


def uid_or_reason(outcome: Outcome) -> str:
    """The uid of an event, or the reason of a skip or reject."""
    if isinstance(outcome, Event):
        return outcome.uid
    return outcome.why if isinstance(outcome, MappingSkipped) else outcome.reason
