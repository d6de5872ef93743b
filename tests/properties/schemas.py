"""Strategies for Avro schemas (as JSON, with real-world logical types) and their raw values."""

from collections.abc import Iterator
from functools import cache
from itertools import count
from typing import Any

from hypothesis import strategies as st

from bridge.schema.types import (
    Array,
    Enum,
    Fixed,
    Map,
    Primitive,
    Record,
    Reference,
    Schema,
    Type,
    Union,
)

INT64 = st.integers(-(2**63), 2**63 - 1)
TEXTS = ["", "0", "guest", "..", "4111111111111111", "2026-11-24T10:15:00Z", "true", "1e3", "a"]
PRIMITIVES: dict[str, st.SearchStrategy[Any]] = {
    "null": st.none(),
    "boolean": st.booleans(),
    "int": st.integers(-(2**31), 2**31 - 1),
    "long": INT64 | st.integers(0, 2**41) | st.integers(0, 2**51),
    "float": st.floats(width=32),
    "double": st.floats(),
    "bytes": st.binary(max_size=300) | st.binary(max_size=9),
    "string": st.sampled_from(TEXTS) | st.text(max_size=8),
}
KEYS = ["k", "a.b", "any"]
"""The keys of maps."""

_NAMED = ("record", "fixed", "enum")
_LOGICAL: list[dict[str, Any]] = [
    *({"type": "int", "logicalType": name} for name in ("date", "time-millis")),
    *(
        {"type": "long", "logicalType": f"{kind}-{unit}"}
        for kind in ("timestamp", "local-timestamp")
        for unit in ("millis", "micros", "nanos")
    ),
    {"type": "long", "connect.name": "io.debezium.time.MicroTimestamp"},
    {"type": "string", "logicalType": "uuid"},
    {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2},
    {"type": "fixed", "size": 16, "logicalType": "uuid"},
    {"type": "fixed", "size": 4, "logicalType": "decimal", "precision": 9, "scale": 4},
    {"type": "fixed", "size": 12, "logicalType": "duration"},
    {"type": "fixed", "size": 3},
    {"type": "enum", "symbols": ["A", "B", "C"]},
]


@st.composite
def schemas(draw: st.DrawFn) -> dict[str, Any]:
    """A record with a user `u` and up to four fields of any types, as JSON data."""
    types = draw(st.lists(_types(2), min_size=1, max_size=4))
    fields = [{"name": f"f{number}", "type": type_} for number, type_ in enumerate(types)]
    whole = {"type": "record", "fields": [{"name": "u", "type": "string"}, *fields]}
    named: dict[str, Any] = _named(whole, count(1))
    return named


@cache
def _types(depth: int) -> st.SearchStrategy[Any]:
    """Types without names; `_named` adds the names."""
    scalars = st.sampled_from([*sorted(PRIMITIVES), *_LOGICAL])
    if not depth:
        return scalars
    inner = _types(depth - 1)
    return st.one_of(
        scalars,
        scalars.filter(lambda type_: type_ != "null").map(lambda type_: ["null", type_]),
        inner.map(lambda type_: {"type": "array", "items": type_}),
        inner.map(lambda type_: {"type": "map", "values": type_}),
        st.lists(inner, min_size=1, max_size=3).map(_record),
        st.lists(inner, min_size=1, max_size=3).map(_union),
    )


def _record(types: list[Any]) -> Any:
    fields = [{"name": f"g{number}", "type": type_} for number, type_ in enumerate(types)]
    return {"type": "record", "fields": fields}


def _union(types: list[Any]) -> list[Any]:
    """A union with at most one branch of each unnamed type, and no nested union (Avro's rules)."""
    branches: dict[object, Any] = {}
    flat = [branch for type_ in types for branch in (type_ if isinstance(type_, list) else [type_])]
    for number, branch in enumerate(flat):
        kind = branch if isinstance(branch, str) else branch["type"]
        branches.setdefault(number if kind in _NAMED else kind, branch)
    return list(branches.values())


def _named(node: Any, numbers: Iterator[int]) -> Any:
    """The schema with a unique name for each named type."""
    if isinstance(node, list):
        return [_named(branch, numbers) for branch in node]
    if not isinstance(node, dict):
        return node
    name = {"name": f"n.T{next(numbers)}"} if node.get("type") in _NAMED else {}
    return name | {
        key: _named(below, numbers) if key in ("items", "values", "fields", "type") else below
        for key, below in node.items()
    }


def raw_values(schema: Schema, type_: Type) -> st.SearchStrategy[Any]:
    """Any raw value of a type."""
    match type_:
        case Primitive(name):
            return PRIMITIVES[name]
        case Fixed(_, size):
            return st.binary(min_size=size, max_size=size)
        case Enum(_, symbols):
            return st.sampled_from(symbols)
        case Array(items):
            return st.lists(raw_values(schema, items), max_size=3)
        case Map(values):
            keys = st.sampled_from([*KEYS, "utm.campaign", "affiliate.id"])
            return st.dictionaries(keys, raw_values(schema, values), max_size=3)
        case Union(branches):
            return st.one_of([raw_values(schema, branch) for branch in branches])
        case Record(_, fields):
            return st.fixed_dictionaries(
                {field.name: raw_values(schema, field.type) for field in fields}
            )
        case Reference():
            return raw_values(schema, schema.resolve(type_))


def any_value(schema: Schema, type_: Type) -> Any:
    """One minimal raw value of a type."""
    type_ = schema.resolve(type_)
    match type_:
        case Primitive(name):
            simple = {"null": None, "boolean": False, "bytes": b"", "string": ""}
            return simple.get(name, 0.0 if name in ("float", "double") else 0)
        case Fixed(_, size):
            return bytes(size)
        case Enum(_, symbols):
            return symbols[0]
        case Array():
            return []
        case Map():
            return {}
        case Union(branches):
            return any_value(schema, branches[0])
        case Record(_, fields):
            return {field.name: any_value(schema, field.type) for field in fields}
        case Reference():
            raise AssertionError(type_)
