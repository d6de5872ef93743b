"""Parsing a writer schema's JSON into the type tree."""

import json
from typing import Any

import pytest

from bridge.schema import parser
from bridge.schema.avro_types import avro_type_of
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


def _parse(node: Any) -> Schema:
    return parse_schema(json.dumps(node))


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
def test_unnamed_types_are_parsed(node: Any, type_: Type) -> None:
    """Primitives, unions, arrays, maps, and types wrapped in types."""
    assert _parse(node) == Schema(type_, {})


def test_named_types_are_stored_once_and_referenced() -> None:
    """Recursive ones too; a name without a namespace gets the enclosing namespace."""
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


def test_a_dotted_name_has_its_own_namespace() -> None:
    """It overrides `namespace`, and inner types without a namespace inherit it."""
    inner: dict[str, Any] = {"type": "enum", "name": "E", "symbols": ["A"]}
    node: dict[str, Any] = {"type": "error", "name": "p.R", "namespace": "q", "fields": []}
    assert set(_parse(node).names) == {"p.R"}
    node["fields"] = [{"name": "f", "type": inner}]
    assert set(_parse(node).names) == {"p.R", "p.E"}
    inner["namespace"] = ""
    assert set(_parse(node).names) == {"p.R", "E"}


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
def test_logical_types_count_only_on_allowed_base_types(field: dict[str, Any], type_: Type) -> None:
    """In the type or in the field; an invalid one is ignored, as Avro's specification says."""
    assert _field(field) == type_


@pytest.mark.parametrize(
    ("base", "attributes", "why"),
    [
        ("bytes", {"precision": 64, "scale": 127}, "its scale 127 is above its precision 64"),
        ("bytes", {"precision": 9, "scale": -2}, "its scale -2 is negative"),
        ("bytes", {"precision": "9", "scale": 2}, "its precision is not a whole number"),
        ("bytes", {"precision": 9, "scale": "2"}, "its scale is not a whole number"),
        ("bytes", {"precision": 0}, "no precision"),
        ("bytes", {}, "no precision"),
        ("string", {}, "it needs bytes or fixed"),
    ],
)
def test_an_ignored_logical_type_says_why(base: str, attributes: dict[str, Any], why: str) -> None:
    """Kafka Connect writes a scale of 127 if a column has none."""
    field = _field({"type": {"type": base, "logicalType": "decimal", **attributes}})
    assert isinstance(field, Primitive)
    assert field.ignored == f"its logical type decimal is ignored: {why}"
    assert avro_type_of(field).what == f"{base} ({field.ignored})"


@pytest.mark.parametrize(
    ("type_", "attributes"),
    [
        ("string", {"logicalType": "made-up"}),
        ("long", {"logicalType": "timestamp-millis"}),
        (["null", "long"], {"logicalType": "timestamp-millis"}),
        (["null", "string", "long"], {"logicalType": "timestamp-millis"}),
        ("string", {}),
    ],
)
def test_unknown_and_valid_logical_types_are_not_reported(
    type_: Any, attributes: dict[str, Any]
) -> None:
    """A logical type next to a union is meant for one of its branches."""
    field = _field({"type": type_, **attributes})
    branches = field.branches if isinstance(field, Union) else (field,)
    assert [one.ignored for one in branches if isinstance(one, Primitive) and one.ignored] == []


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
    """In the type or in the field; types without a name in Avro get a name of their own."""
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
def test_a_fixed_has_only_logical_types_of_its_size(
    size: int, attributes: dict[str, Any], logical: Logical | None
) -> None:
    """A uuid has 16 bytes, a duration 12."""
    node = {"type": "fixed", "name": "F", "size": size, **attributes}
    assert _parse(node).names["F"] == Fixed("F", size, logical)


@pytest.mark.parametrize("default", ["0", None, 1.5, {}, []])
def test_wrong_defaults_do_not_matter(default: Any) -> None:
    """Old registries contain such schemas, and readers need no defaults."""
    assert _field({"type": ["null", "long"], "default": default}) == Union((NULL, LONG))


def test_comments_are_allowed_as_java_allows_them() -> None:
    """`//` to the end of the line and `/* */`, but not inside a string."""
    text = """// a file
    {"type": "record", /* the
    payment */ "name": "R", "doc": "http://x/*y*/", "fields": [] // none
    }"""
    assert parse_schema(text).names == {"R": Record("R", ())}


@pytest.mark.parametrize(
    ("node", "place", "expected"),
    [
        (3, "", "int"),
        ({}, "", "no `type`"),
        ("Unknown", "", "'Unknown' is not defined"),
        ({"type": "array"}, "", "missing `items`"),
        ({"type": "map"}, "", "missing `values`"),
        ({"type": "record", "name": "R"}, "", "missing `fields`"),
        ({"type": "record", "fields": []}, "", "missing `name`"),
        ({"type": "record", "name": 3, "fields": []}, "", "must be strings"),
        ({"type": "record", "name": "R", "fields": {}}, "", "must be a list"),
        ({"type": "record", "name": "R", "fields": [3]}, "fields[0]", "an object"),
        (
            {"type": "record", "name": "n.R", "fields": [{"name": "f", "type": ["null", "X"]}]},
            "fields[0].type[1]",
            "'n.X'",
        ),
        (
            {"type": "record", "name": "R", "fields": [{"name": 1, "type": "int"}]},
            "fields[0]",
            "a string",
        ),
        ({"type": "array", "items": {"type": "fixed", "name": "F"}}, "items", "`size`"),
        ({"type": "fixed", "name": "F", "size": -1}, "", "an integer"),
        ({"type": "fixed", "name": "F", "size": "4"}, "", "an integer"),
        ({"type": "enum", "name": "E", "symbols": "A"}, "", "list of strings"),
        (
            [{"type": "fixed", "name": "F", "size": 1}, {"type": "fixed", "name": "F", "size": 2}],
            "[1]",
            "two different definitions",
        ),
    ],
)
def test_the_error_for_an_unusable_schema_has_its_place(
    node: Any, place: str, expected: str
) -> None:
    """The message has the place in the schema and says what is wrong there."""
    with pytest.raises(UnusableSchema) as refusal:
        _parse(node)
    assert expected in str(refusal.value)
    assert str(refusal.value).startswith(f"at {place}: ") == bool(place)


@pytest.mark.parametrize("text", ["", "{", "record", '{"type": }', '"a" "b"'])
def test_invalid_json_is_refused(text: str) -> None:
    """For example a name without quotes."""
    with pytest.raises(UnusableSchema, match="not JSON"):
        parse_schema(text)


def _nested_arrays(levels: int) -> str:
    return '{"type": "array", "items": ' * levels + '"int"' + "}" * levels


def test_deeply_nested_types_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The maximum is a hundred levels, tested here with five."""
    assert parser.NESTING_MAX == 100
    monkeypatch.setattr(parser, "NESTING_MAX", 5)
    assert parse_schema(_nested_arrays(5))
    with pytest.raises(UnusableSchema, match="nested more than 5 levels deep"):
        parse_schema(_nested_arrays(6))


def test_json_that_is_too_deep_for_python_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python's JSON parser has a limit of its own."""

    def too_deep(_: str) -> object:
        raise RecursionError

    monkeypatch.setattr(json, "loads", too_deep)
    with pytest.raises(UnusableSchema, match="nested too deeply"):
        parse_schema('"int"')
