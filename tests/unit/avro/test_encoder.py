"""The encoder writes values from JSON or YAML as bytes that the real reader reads back."""

import json
from typing import Any

import pytest

from bridge.avro.encoder import Encoder
from bridge.avro.literals import LiteralMismatch
from bridge.avro.reader import make_name_of, make_reader
from bridge.avro.schema_store import WriterSchema
from bridge.schema.parser import parse_schema

ENUM = {"type": "enum", "name": "n.E", "symbols": ["RED", "BLUE"]}
FIXED = {"type": "fixed", "name": "n.F", "size": 2}
INNER = {"type": "record", "name": "n.In", "fields": [{"name": "a", "type": "int"}]}
OTHER = {"type": "record", "name": "n.Out", "fields": [{"name": "b", "type": "int"}]}


def logical(base: Any, name: str, **more: Any) -> dict[str, Any]:
    """A type with a logical type."""
    attributes = base if isinstance(base, dict) else {"type": base}
    return {**attributes, "logicalType": name, **more}


MONEY = logical("bytes", "decimal", precision=5, scale=2)
SMALL = logical({"type": "fixed", "name": "n.D", "size": 1}, "decimal", precision=5, scale=2)
MILLIS = logical("long", "timestamp-millis")
UUID = logical({"type": "fixed", "name": "n.U", "size": 16}, "uuid")


def writer(type_: Any) -> WriterSchema:
    """A schema of one type, as a store returns it."""
    text = json.dumps(type_)
    return WriterSchema("it.avsc", parse_schema(text), texts=(text,))


def round_trip(type_: Any, value: Any) -> Any:
    """Encode a value and read it back raw."""
    schema = writer(type_)
    return make_reader(schema.schema)(Encoder(schema).encode(value), 0)


@pytest.mark.parametrize(
    ("type_", "value", "raw"),
    [
        ("null", None, None),
        ("boolean", True, True),
        ("int", -(2**31), -(2**31)),
        ("long", 2**63 - 1, 2**63 - 1),
        ("long", -(2**63), -(2**63)),
        ("float", 0.5, 0.5),
        ("double", 3, 3.0),
        ("double", "-Infinity", float("-inf")),
        ("string", "Zoë", "Zoë"),
        ("bytes", "Zoë", "Zoë".encode()),
        ("bytes", "0x00ff", b"\x00\xff"),
        (ENUM, "BLUE", "BLUE"),
        (FIXED, "0x0102", b"\x01\x02"),
        (MONEY, 19.99, b"\x07\xcf"),
        (MONEY, "19.90", b"\x07\xc6"),
        (MONEY, -1, b"\x9c"),
        (MONEY, "1e2", b"\x27\x10"),
        (SMALL, "-1.28", b"\x80"),
        (MILLIS, "2026-11-24T10:15:00.5Z", 1_795_515_300_500),
        (MILLIS, "2026-11-24T11:15:00+01:00", 1_795_515_300_000),
        (MILLIS, "1969-12-31T23:59:59.999Z", -1),
        (MILLIS, 7, 7),
        (logical("long", "timestamp-nanos"), "1970-01-01T00:00:01.000000001Z", 1_000_000_001),
        (logical("long", "local-timestamp-micros"), "1970-01-01T00:00:00.25", 250_000),
        (logical("int", "date"), "1970-01-02", 1),
        (logical("int", "time-millis"), "00:00:01.5", 1500),
        (UUID, "00000000-0000-0000-0000-0000000000ff", b"\0" * 15 + b"\xff"),
        ({"type": "array", "items": "int"}, [1, 2], [1, 2]),
        ({"type": "array", "items": "int"}, [], []),
        ({"type": "map", "values": "int"}, {"a b": 1}, {"a b": 1}),
        (["null", "string"], None, None),
        (["null", "long", "double"], 1, 1),
        (["double", "long"], 1, 1),
        (["bytes", "string"], "a", "a"),
        (["null", INNER, OTHER], {"b": 1}, {"b": 1}),
        (["null", INNER, OTHER], {"n.Out": {"b": 1}}, {"b": 1}),
        (["null", "string"], {"string": "a"}, "a"),
    ],
)
def test_an_encoded_value_is_read_back(type_: Any, value: Any, raw: Any) -> None:
    """By the reader for Kafka's records."""
    assert round_trip(type_, value) == raw


def test_an_omitted_field_gets_its_default_or_null() -> None:
    """Bytes in a default are text with one character per byte, at any depth."""
    fields = [
        {"name": "s", "type": "string", "default": "x"},
        {"name": "b", "type": "bytes", "default": "\u00ff"},
        {"name": "m", "type": MONEY, "default": "\u0001"},
        {"name": "u", "type": ["bytes", "null"], "default": "\u0002"},
        {"name": "f", "type": {"type": "array", "items": FIXED}, "default": ["\u0001\u0002"]},
        {"name": "r", "type": INNER, "default": {"a": 5}},
        {"name": "t", "type": {"type": "map", "values": "bytes"}, "default": {"k": "\u0003"}},
        {"name": "n", "type": ["null", "int"]},
    ]

    assert round_trip({"type": "record", "name": "R", "fields": fields}, {}) == {
        "s": "x",
        "b": b"\xff",
        "m": b"\x01",
        "u": b"\x02",
        "f": [b"\x01\x02"],
        "r": {"a": 5},
        "t": {"k": b"\x03"},
        "n": None,
    }


def test_the_record_name_in_a_union_is_known() -> None:
    """`$record` needs it to tell the records apart."""
    schema = writer([INNER, OTHER])

    data = Encoder(schema).encode({"b": 1})

    assert make_name_of(schema.schema)(data, 0) == "n.Out"


RECORD = {
    "type": "record",
    "name": "n.R",
    "fields": [
        {"name": "e", "type": ENUM},
        {"name": "in", "type": ["null", INNER], "default": None},
        {"name": "list", "type": {"type": "array", "items": "int"}, "default": []},
        {"name": "map", "type": {"type": "map", "values": "string"}, "default": {}},
    ],
}


@pytest.mark.parametrize(
    ("type_", "value", "message"),
    [
        ("int", 2**31, "the number does not fit into 32 bits"),
        ("int", True, "expected a whole number, got true or false"),
        ("int", 1.0, "expected a whole number, got a number"),
        ("float", 1e300, "the number does not fit into a float"),
        ("string", 5, "expected text, got a whole number (put it in quotes)"),
        ("boolean", "true", "expected true or false, got text"),
        ("null", 0, "expected null, got a whole number"),
        ("bytes", "0x0", "the text begins with 0x but is not hexadecimal"),
        (FIXED, "abc", "expected 2 bytes, got 3"),
        (ENUM, "GREEN", "n.E has no such symbol (expected one of `BLUE`, `RED`)"),
        (MONEY, 1.999, "the number has more digits after the decimal point than the schema allows"),
        (MONEY, 1000, "the number has more digits than the schema allows (5)"),
        (MONEY, "12,5", "the text is not a decimal number"),
        (SMALL, 2, "the number does not fit into 1 bytes"),
        (MILLIS, "2026-11-24T10:15:00", "the time has no UTC offset"),
        (MILLIS, "2026-11-24T10:15:00.0001Z", "the time has more decimal digits of a second than"),
        (MILLIS, "soon", "the text is not an ISO 8601 time (write it as 2026-11-24T10:15:00Z)"),
        (
            logical("long", "local-timestamp-millis"),
            "2026-11-24T10:15:00Z",
            "a local time must not",
        ),
        (logical("int", "date"), "24.11.2026", "the text is not a date (write it as 2026-11-24)"),
        (logical("int", "time-millis"), "10", "expected a time of day (write it as 10:15:00"),
        (UUID, "x", "the text is not a UUID"),
        (["int", "string"], [], "expected int or string, got a list"),
        (["null", "int"], "a", "expected a whole number, got text"),
        (["null", INNER, OTHER], {"a": "x"}, "expected null or record n.In or record n.Out, got"),
        (RECORD, 5, "expected an object with the fields of n.R, got a whole number"),
        (RECORD, {}, "missing 1 field without a default: `e`"),
        (RECORD, {"e": "RED", "lst": 1}, "`lst`: n.R has no such field (did you mean `list`?)"),
        (RECORD, {"e": "RED", "in": {"a": None}}, "`in.a`: expected a whole number, got null"),
        (RECORD, {"e": "RED", "list": [1, "x"]}, "`list[1]`: expected a whole number, got text"),
        (RECORD, {"e": "RED", "list": {}}, "`list`: expected a list, got an object"),
        (RECORD, {"e": "RED", "map": {"k": 1}}, '`map["k"]`: expected text, got a whole number'),
        (RECORD, {"e": "RED", "map": []}, "`map`: expected an object, got a list"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_its_path(
    type_: Any, value: Any, message: str
) -> None:
    """The message has the path and the types, never the value."""
    with pytest.raises(LiteralMismatch) as mismatch:
        Encoder(writer(type_)).encode(value)

    assert str(mismatch.value).startswith(message)


@pytest.mark.parametrize(
    ("type_", "default", "place", "why"),
    [
        ("int", "x", "f", "expected a whole number, got text"),
        ("bytes", "\u0142", "f", "it is not bytes"),
        (INNER, {"a": "x"}, "f.a", "expected a whole number, got text"),
    ],
)
def test_a_wrong_default_in_the_schema_is_reported_as_such(
    type_: Any, default: Any, place: str, why: str
) -> None:
    """Java's parser accepts some of them; the message names the field, the record and the fix."""
    schema = {
        "type": "record",
        "name": "n.R",
        "fields": [{"name": "f", "type": type_, "default": default}],
    }
    with pytest.raises(LiteralMismatch) as mismatch:
        Encoder(writer(schema)).encode({})
    text = str(mismatch.value)
    assert f"the schema's default of `f` in n.R does not fit: {why}" in text
    assert "give the field a value, or correct the schema" in text
