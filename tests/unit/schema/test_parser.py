"""A writer schema's JSON becomes the type tree."""

import json
from typing import Any

import pytest

from bridge.schema.parser import UnusableSchema, parse_schema
from bridge.schema.types import (
    Array,
    Enum,
    Field,
    Fixed,
    Logical,
    Map,
    Primitive,
    Record,
    Reference,
    Schema,
    Type,
    Union,
)

NULL, INT, LONG = Primitive("null"), Primitive("int"), Primitive("long")
STRING, BYTES = Primitive("string"), Primitive("bytes")


def _parse(node: Any, *references: Any) -> Schema:
    return parse_schema(json.dumps(node), tuple(json.dumps(r) for r in references))


def _field(field: dict[str, Any]) -> Type:
    """The type of the only field of a record."""
    schema = _parse({"type": "record", "name": "R", "fields": [{"name": "f", **field}]})
    record = schema.names["R"]
    assert isinstance(record, Record)
    return record.fields[0].type


def _timestamp(name: str = "timestamp-millis") -> Primitive:
    return Primitive("long", Logical(name))


@pytest.mark.parametrize(
    ("node", "type_"),
    [
        ("string", STRING),
        ({"type": "long"}, LONG),
        ({"type": {"type": {"type": "string"}}}, STRING),
        (["null", "int"], Union((NULL, INT))),
        (["null", ["int", "long"]], Union((NULL, Union((INT, LONG))))),
        ({"type": ["null", "int"]}, Union((NULL, INT))),
        ({"type": "array", "items": {"type": "map", "values": "long"}}, Array(Map(LONG))),
    ],
)
def test_unnamed_types_are_read_as_they_stand(node: Any, type_: Type) -> None:
    """Primitives, unions, arrays, maps, and types wrapped in types."""
    assert _parse(node) == Schema(type_, {})


def test_named_types_stand_once_and_are_referred_to() -> None:
    """Also a recursive one, and with the namespace of what is around."""
    node = {
        "type": "record",
        "name": "Node",
        "namespace": "a.b",
        "aliases": ["Old", "c.Older"],
        "fields": [
            {"name": "next", "type": ["null", "Node"], "aliases": ["tail"], "default": 3},
            {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["A-1", "2b"]}},
            {"name": "again", "type": "a.b.Kind"},
            {"name": "hash", "type": {"type": "fixed", "name": "x.Hash", "size": 4}},
            {"name": "wrapped", "type": {"type": "x.Hash"}},
        ],
    }
    fields = (
        Field("next", Union((NULL, Reference("a.b.Node"))), ("tail",)),
        Field("kind", Reference("a.b.Kind")),
        Field("again", Reference("a.b.Kind")),
        Field("hash", Reference("x.Hash")),
        Field("wrapped", Reference("x.Hash")),
    )
    assert _parse(node) == Schema(
        Reference("a.b.Node"),
        {
            "a.b.Node": Record("a.b.Node", fields, ("a.b.Old", "c.Older")),
            "a.b.Kind": Enum("a.b.Kind", ("A-1", "2b")),
            "x.Hash": Fixed("x.Hash", 4),
        },
    )


def test_a_dotted_name_carries_its_own_namespace() -> None:
    """It goes before `namespace`, and an inner type without one takes it over."""
    inner: dict[str, Any] = {"type": "enum", "name": "E", "symbols": ["A"]}
    node: dict[str, Any] = {"type": "error", "name": "p.R", "namespace": "q", "fields": []}
    assert set(_parse(node).names) == {"p.R"}
    node["fields"] = [{"name": "f", "type": inner}]
    assert set(_parse(node).names) == {"p.R", "p.E"}
    inner["namespace"] = ""
    assert set(_parse(node).names) == {"p.R", "E"}


def test_a_name_without_namespace_is_found_from_within_one() -> None:
    """Writers differ in how they name a type of no namespace."""
    enum = {"type": "enum", "name": "E", "symbols": ["A"]}
    fields = [{"name": "f", "type": "E"}]
    schema = _parse({"type": "record", "name": "n.R", "fields": fields}, enum)
    assert schema.names["n.R"] == Record("n.R", (Field("f", Reference("E")),))


@pytest.mark.parametrize(
    ("field", "type_"),
    [
        ({"type": {"type": "long", "logicalType": "timestamp-millis"}}, _timestamp()),
        ({"type": "long", "logicalType": "timestamp-millis"}, _timestamp()),
        (
            {"type": ["null", "long"], "logicalType": "timestamp-micros"},
            Union((NULL, _timestamp("timestamp-micros"))),
        ),
        ({"type": {"type": {"type": "long"}, "logicalType": "timestamp-nanos"}},
         _timestamp("timestamp-nanos")),
        ({"type": {"type": "long", "logicalType": "timestamp-millis"}, "logicalType": "date"},
         _timestamp()),
        ({"type": "string", "logicalType": "timestamp-millis"}, STRING),
        ({"type": "long", "logicalType": "date"}, LONG),
        ({"type": "long", "logicalType": "made-up"}, LONG),
        ({"type": "long", "logicalType": 7}, LONG),
        ({"type": {"type": "int", "logicalType": "date"}}, Primitive("int", Logical("date"))),
        ({"type": {"type": "string", "logicalType": "uuid"}},
         Primitive("string", Logical("uuid"))),
        ({"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2},
         Primitive("bytes", Logical("decimal", 9, 2))),
        ({"type": "bytes", "logicalType": "decimal", "precision": 9},
         Primitive("bytes", Logical("decimal", 9, 0))),
        ({"type": "bytes", "logicalType": "decimal"}, BYTES),
        ({"type": "bytes", "logicalType": "decimal", "precision": 2, "scale": 3}, BYTES),
        ({"type": "bytes", "logicalType": "decimal", "precision": "9"}, BYTES),
        ({"type": "bytes", "logicalType": "decimal", "precision": 0}, BYTES),
    ],
)  # fmt: skip
def test_logical_types_are_taken_where_they_can_be_carried(
    field: dict[str, Any], type_: Type
) -> None:
    """Inside the type or beside it; an invalid one leaves the plain type, as Avro says."""
    assert _field(field) == type_


@pytest.mark.parametrize(
    ("base", "name", "logical"),
    [
        ("long", "io.debezium.time.Timestamp", "timestamp-millis"),
        ("long", "io.debezium.time.MicroTimestamp", "timestamp-micros"),
        ("long", "io.debezium.time.NanoTimestamp", "timestamp-nanos"),
        ("int", "io.debezium.time.Date", "date"),
        ("int", "io.debezium.time.Time", "time-millis"),
        ("long", "io.debezium.time.MicroTime", "time-micros"),
        ("long", "io.debezium.time.NanoTime", "debezium-nano-time"),
        ("string", "io.debezium.time.ZonedTimestamp", "debezium-zoned-timestamp"),
        ("int", "io.debezium.time.Year", "debezium-year"),
        ("long", "org.apache.kafka.connect.data.Timestamp", "timestamp-millis"),
        ("string", "io.debezium.time.Timestamp", None),
        ("string", "io.debezium.data.Json", None),
    ],
)
def test_debeziums_names_are_logical_types(base: str, name: str, logical: str | None) -> None:
    """In the type or beside it; what Avro has no name for keeps a name of its own."""
    expected = Primitive(base, Logical(logical) if logical else None)  # type: ignore[arg-type]
    assert _field({"type": {"type": base, "connect.name": name}}) == expected
    assert _field({"type": ["null", base], "connect.name": name}) == Union((NULL, expected))


@pytest.mark.parametrize(
    ("size", "attributes", "logical"),
    [
        (16, {"logicalType": "uuid"}, Logical("uuid")),
        (12, {"logicalType": "uuid"}, None),
        (12, {"logicalType": "duration"}, Logical("duration")),
        (8, {"logicalType": "decimal", "precision": 18, "scale": 4}, Logical("decimal", 18, 4)),
    ],
)
def test_a_fixed_carries_the_logical_types_of_its_size(
    size: int, attributes: dict[str, Any], logical: Logical | None
) -> None:
    """A uuid has 16 bytes, a duration 12."""
    node = {"type": "fixed", "name": "F", "size": size, **attributes}
    assert _parse(node).names["F"] == Fixed("F", size, logical)


@pytest.mark.parametrize("default", ["0", None, 1.5, {}, []])
def test_wrong_defaults_do_not_matter(default: Any) -> None:
    """Old registries hold such schemas, and a reader of bytes needs no default."""
    assert _field({"type": ["null", "long"], "default": default}) == Union((NULL, LONG))


def test_comments_are_allowed_as_java_allows_them() -> None:
    """`//` to the end of the line and `/* */`, but not within a text."""
    text = """// a file
    {"type": "record", /* the
    payment */ "name": "R", "doc": "http://x/*y*/", "fields": [] // none
    }"""
    assert parse_schema(text).names == {"R": Record("R", ())}


def test_references_are_read_in_their_order() -> None:
    """A schema may use what its references define, and these what came before them."""
    inner = {"type": "enum", "name": "n.E", "symbols": ["A"]}
    middle = {"type": "record", "name": "n.M", "fields": [{"name": "e", "type": "E"}]}
    schema = _parse(["null", "n.M"], inner, middle)
    assert schema.root == Union((NULL, Reference("n.M")))
    assert set(schema.names) == {"n.E", "n.M"}


def test_the_same_definition_twice_is_one_type() -> None:
    """Some producers register a schema with its references spelled out inside it as well."""
    money = {
        "type": "record",
        "name": "Money",
        "fields": [{"name": "m", "type": ["null", "Money"]}],
    }
    outer = {"type": "record", "name": "Outer", "fields": [{"name": "m", "type": money}]}
    assert set(_parse(outer, money).names) == {"Money", "Outer"}


@pytest.mark.parametrize(
    ("node", "where", "told"),
    [
        (3, "", "int"),
        ({}, "", "without `type`"),
        ("Unknown", "", "'Unknown' is not defined"),
        ({"type": "array"}, "", "`items` is missing"),
        ({"type": "map"}, "", "`values` is missing"),
        ({"type": "record", "name": "R"}, "", "`fields` is missing"),
        ({"type": "record", "fields": []}, "", "`name` is missing"),
        ({"type": "record", "name": 3, "fields": []}, "", "are texts"),
        ({"type": "record", "name": "R", "fields": {}}, "", "are a list"),
        ({"type": "record", "name": "R", "fields": [3]}, "fields[0]", "an object"),
        (
            {"type": "record", "name": "n.R", "fields": [{"name": "f", "type": ["null", "X"]}]},
            "fields[0].type[1]",
            "'n.X'",
        ),
        (
            {"type": "record", "name": "R", "fields": [{"name": 1, "type": "int"}]},
            "fields[0]",
            "a text",
        ),
        ({"type": "array", "items": {"type": "fixed", "name": "F"}}, "items", "`size`"),
        ({"type": "fixed", "name": "F", "size": -1}, "", "whole number"),
        ({"type": "fixed", "name": "F", "size": "4"}, "", "whole number"),
        ({"type": "enum", "name": "E", "symbols": "A"}, "", "list of texts"),
        (
            [{"type": "fixed", "name": "F", "size": 1}, {"type": "fixed", "name": "F", "size": 2}],
            "[1]",
            "defined twice",
        ),
    ],
)
def test_a_schema_that_no_record_can_be_read_with_says_where(
    node: Any, where: str, told: str
) -> None:
    """The message names the place in the schema and what is wrong there."""
    with pytest.raises(UnusableSchema) as refusal:
        _parse(node)
    assert told in str(refusal.value)
    assert str(refusal.value).startswith(f"at {where}: ") == bool(where)


@pytest.mark.parametrize("text", ["", "{", "record", '{"type": }', '"a" "b"'])
def test_what_is_not_json_is_refused(text: str) -> None:
    """Also a bare name without quotes."""
    with pytest.raises(UnusableSchema, match="not JSON"):
        parse_schema(text)


@pytest.mark.parametrize("depth", [101, 2_000, 100_000])
def test_types_nested_without_end_are_refused(depth: int) -> None:
    """At whatever depth some part of Python would give up."""
    with pytest.raises(UnusableSchema, match="nested"):
        parse_schema('{"type": "array", "items": ' * depth + '"int"' + "}" * depth)
