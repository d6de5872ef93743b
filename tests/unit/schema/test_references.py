"""Schemas that use the types of other schemas."""

import json
from typing import Any

import pytest

from bridge.schema.parser import UnusableSchema, parse_schema
from bridge.schema.types import Field, Primitive, Record, Reference, Schema, Union


def _parse(node: Any, *references: Any) -> Schema:
    """Parse a schema; the labels of its references are `reference 1`, `reference 2`."""
    texts = {f"reference {n}": json.dumps(one) for n, one in enumerate(references, 1)}
    return parse_schema(json.dumps(node), texts)


def test_a_name_without_namespace_is_found_from_inside_a_namespace() -> None:
    """Writers differ in how they reference a type without a namespace."""
    enum = {"type": "enum", "name": "E", "symbols": ["A"]}
    fields = [{"name": "f", "type": "E"}]
    schema = _parse({"type": "record", "name": "n.R", "fields": fields}, enum)
    assert schema.names["n.R"] == Record("n.R", (Field("f", Reference("E")),))


def test_references_are_read_in_their_order() -> None:
    """A schema can use the types of its references, and each reference the types before it."""
    inner = {"type": "enum", "name": "n.E", "symbols": ["A"]}
    middle = {"type": "record", "name": "n.M", "fields": [{"name": "e", "type": "E"}]}
    schema = _parse(["null", "n.M"], inner, middle)
    assert schema.root == Union((Primitive("null"), Reference("n.M")))
    assert set(schema.names) == {"n.E", "n.M"}


def test_the_same_definition_twice_is_one_type() -> None:
    """Some producers register a schema that also contains its references inline."""
    money = {
        "type": "record",
        "name": "Money",
        "fields": [{"name": "m", "type": ["null", "Money"]}],
    }
    outer = {"type": "record", "name": "Outer", "fields": [{"name": "m", "type": money}]}
    assert set(_parse(outer, money).names) == {"Money", "Outer"}


@pytest.mark.parametrize(
    ("node", "references", "message"),
    [
        (
            "int",
            [{"type": "fixed", "name": "F", "size": size} for size in (1, 1, 2)],
            "in reference 3: the type 'F' has two different definitions, the other one in",
        ),
        (
            [{"type": "fixed", "name": "F", "size": 2}],
            [{"type": "fixed", "name": "F", "size": 1}],
            "at [0]: the type 'F' has two different definitions, the other one in reference 1: ref",
        ),
        ("int", [["int", "X"]], "in reference 1: at [1]: the type 'X' is not defined"),
        ("X", ["int"], "the type 'X' is not defined"),
    ],
)
def test_the_error_names_the_references_concerned(
    node: Any, references: list[Any], message: str
) -> None:
    """The schema itself has no label."""
    with pytest.raises(UnusableSchema) as refusal:
        _parse(node, *references)
    assert str(refusal.value).startswith(message)
