"""Schemas that bound the depth and the number of their values."""

from typing import Any

import pytest

from bridge.schema import limits
from bridge.schema.limits import DEPTH_MAX, is_bounded
from bridge.schema.types import Field, Primitive, Record, Reference, Schema, Type
from tests.unit.avro.samples import NODE, PAYMENT, recursion_limit, tree

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
def test_schemas_whose_items_take_bytes_are_bounded(node: Any) -> None:
    """A union value takes a byte for its index, a map entry takes one for its key."""
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
def test_recursive_schemas_and_items_without_bytes_are_not_bounded(node: Any) -> None:
    """The length of a body does not bound their depth or number."""
    assert not is_bounded(tree(node))


def _chain(length: int, width: int, last: Type) -> Schema:
    """Nested records, each with `width` fields of the next record."""
    names = {}
    for i in range(length):
        inner = last if i == length - 1 else Reference(f"R{i + 1}")
        fields = tuple(Field(f"f{k}", inner) for k in range(width))
        names[f"R{i}"] = Record(f"R{i}", fields)
    return Schema(Reference("R0"), names)


@pytest.mark.parametrize(
    ("length", "width", "bounded"),
    [(4, 1, True), (5, 1, True), (6, 1, False), (3, 3, True), (4, 3, False)],
)
def test_nested_records_without_bytes_are_limited(
    length: int, width: int, bounded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In their depth and in the number of their values."""
    monkeypatch.setattr(limits, "DEPTH_MAX", 5)
    monkeypatch.setattr(limits, "VALUES_MAX", 50)
    assert is_bounded(_chain(length, width, Primitive("null"))) is bounded


def test_the_default_depth_limit_is_that_of_apache_avro() -> None:
    """A hundred levels are bounded, one more is not."""
    assert is_bounded(_chain(DEPTH_MAX, 1, Primitive("null")))
    assert not is_bounded(_chain(DEPTH_MAX + 1, 1, Primitive("null")))


def test_a_recursion_error_means_that_a_schema_is_not_bounded() -> None:
    """Python's own limit can come first."""
    schema = _chain(20, 1, Primitive("null"))
    assert is_bounded(schema)
    with recursion_limit(20):
        assert not is_bounded(schema)
