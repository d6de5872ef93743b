"""Which schemas an unbounded reader may have."""

from typing import Any

import pytest

from bridge.schema.limits import is_bounded
from bridge.schema.types import Field, Primitive, Record, Reference, Schema, Type
from tests.unit.avro.samples import NODE, PAYMENT, tree

EMPTY = {"type": "record", "name": "Empty", "fields": []}


def _record(name: str, *types: Any) -> dict[str, Any]:
    fields = [{"name": f"f{i}", "type": type_} for i, type_ in enumerate(types)]
    return {"type": "record", "name": name, "fields": fields}


@pytest.mark.parametrize(
    "node",
    [
        "null",
        EMPTY,
        PAYMENT,
        {"type": "array", "items": ["null", "string"]},
        {"type": "array", "items": {"type": "map", "values": "null"}},
        {"type": "map", "values": EMPTY},
        {"type": "array", "items": _record("R", "null", "boolean")},
        _record("R", EMPTY, "Empty"),
    ],
)
def test_schemas_whose_items_take_bytes_are_harmless(node: Any) -> None:
    """A union takes a byte for its index, an entry of a map one for its key."""
    assert is_bounded(tree(node))


@pytest.mark.parametrize(
    "node",
    [
        NODE,
        _record("A", _record("B", ["null", "A"])),
        ["null", {"type": "array", "items": NODE}],
        {"type": "array", "items": "null"},
        {"type": "array", "items": EMPTY},
        {"type": "array", "items": {"type": "fixed", "name": "F", "size": 0}},
        {"type": "map", "values": {"type": "array", "items": _record("R", "null", EMPTY)}},
        _record("R", EMPTY, {"type": "array", "items": "Empty"}),
    ],
)
def test_recursion_and_items_without_bytes_are_not(node: Any) -> None:
    """Nesting and number have no bound in the payload's length."""
    assert not is_bounded(tree(node))


def _chain(length: int, width: int, last: Type) -> Schema:
    """Records in each other: `width` fields of the next one in each."""
    names = {}
    for i in range(length):
        inner = last if i == length - 1 else Reference(f"R{i + 1}")
        fields = tuple(Field(f"f{k}", inner) for k in range(width))
        names[f"R{i}"] = Record(f"R{i}", fields)
    return Schema(Reference("R0"), names)


@pytest.mark.parametrize(
    ("length", "width", "bounded"),
    [(90, 1, True), (101, 1, False), (5_000, 1, False), (10, 3, True), (12, 3, False)],
)
def test_a_schema_that_grows_without_bytes_is_not_bounded(
    length: int, width: int, bounded: bool
) -> None:
    """Deep without recursion, or three times as many at each of a dozen levels."""
    assert is_bounded(_chain(length, width, Primitive("null"))) is bounded
