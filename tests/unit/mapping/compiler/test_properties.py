"""The value of one property: by type, by converter, and for missing values."""

import hashlib
import hmac
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import pytest

from bridge.mapping.runtime.outcome import Event, MappingRejected, Property
from tests.unit.mapping.project import (
    CARD,
    DATE,
    ENUM,
    FIXED,
    ID,
    LOCAL,
    MAP,
    MICROS,
    MILLIS,
    MONEY,
    NANOS,
    array,
    logical,
    nullable,
    outcomes,
)


class Row(NamedTuple):
    """An Avro type, a value of it, the rule of the property, and the expected result.

    `expected` is `(type, value)`, a reason as text, or None if the property is left out.
    """

    type: Any
    value: Any
    rule: str
    expected: tuple[str, Any] | str | None


AMEX = "3782 822463 10005"

TYPES = [
    Row("int", -5, "x", ("int", -5)),
    Row("long", 2**63 - 1, "x", ("int", 2**63 - 1)),
    Row("float", 0.5, "x", ("real", 0.5)),
    Row("double", 0.1, "x", ("real", 0.1)),
    Row("double", float("nan"), "x", "not_finite"),
    Row("double", float("inf"), "x", "not_finite"),
    Row("float", float("-inf"), "x", "not_finite"),
    Row("boolean", False, "x", ("bool", False)),
    Row("string", "", "x", ("str", "")),
    Row("string", "żółw", "x", ("str", "żółw")),
    Row(ENUM, "BLUE", "x", ("str", "BLUE")),
    Row(logical("string", "uuid"), "not checked", "x", ("str", "not checked")),
    Row(ID, bytes(16), "x", ("str", "00000000-0000-0000-0000-000000000000")),
    Row(MONEY, Decimal("0.00"), "x", ("real", 0.0)),
    Row(MONEY, Decimal("-19.99"), "x", ("real", -19.99)),
    Row(MONEY, Decimal("999999999999999999.99"), "x", ("real", 1e18)),
    Row(MILLIS, 0, "x", ("date", "1970-01-01T00:00:00.000Z")),
    Row(MILLIS, -62135596800000, "x", ("date", "0001-01-01T00:00:00.000Z")),
    Row(MILLIS, -62135596800001, "x", "time_out_of_range"),
    Row(MILLIS, 253402300799999, "x", ("date", "9999-12-31T23:59:59.999Z")),
    Row(MILLIS, 253402300800000, "x", "time_out_of_range"),
    Row(MILLIS, 2**63 - 1, "x", "time_out_of_range"),
    Row(MICROS, -1, "x", ("date", "1969-12-31T23:59:59.999Z")),
    Row(MICROS, 1764000000123999, "x", ("date", "2025-11-24T16:00:00.123Z")),
    Row(NANOS, 1764000000123999999, "x", ("date", "2025-11-24T16:00:00.123Z")),
    Row(DATE, date(2024, 2, 29), "x", ("date", "2024-02-29T00:00:00.000Z")),
    Row(DATE, -719162, "x", ("date", "0001-01-01T00:00:00.000Z")),
    Row(DATE, 2**31 - 1, "x", "time_out_of_range"),
    Row(array("string"), ["b", "a"], "x", ("strs", ["b", "a"])),
    Row(array("string"), [], "x", ("strs", [])),
    Row(array(nullable("long")), [1, None, 2], "x", ("ints", [1, 2])),
    Row(array("double"), [1.5, float("nan")], "x", "not_finite"),
    Row(array(MONEY), [Decimal("1.10")], "x", ("reals", [1.1])),
    Row(array("boolean"), [True, False], "x", ("bools", [True, False])),
    Row(array(DATE), [0], "x", ("dates", ["1970-01-01T00:00:00.000Z"])),
    Row(array(array("int")), [[1], [2, 3]], '"x[*]"', ("ints", [1, 2, 3])),
    Row(nullable(array("int")), None, "{path: x, optional: true}", None),
    Row(CARD, {"a": 3}, "x.a", ("int", 3)),
    Row(nullable(CARD), None, "{path: x.a, optional: true}", None),
    Row(array(CARD), [{"a": 1}, {"a": 2}], '"x[*].a"', ("ints", [1, 2])),
    Row(array(CARD), [{"a": 1}], '{path: "x[1].a", optional: true}', None),
    Row(MAP, {"k.1": "v"}, "{path: 'x[\"k.1\"]', optional: true}", ("str", "v")),
    Row(MAP, {"k": "v"}, "{path: x.other, optional: true}", None),
    Row(["int", "long"], 7, "x", ("int", 7)),
    Row(["string", ENUM], "RED", "x", ("str", "RED")),
]

MISSING = [
    Row(nullable("string"), None, "{path: x, default: none}", ("str", "none")),
    Row(nullable("string"), "a", "{path: x, default: none}", ("str", "a")),
    Row(nullable("string"), None, "{path: x, case: upper, default: none}", ("str", "none")),
    Row(nullable(MONEY), None, "{path: x, default: 0}", ("real", 0.0)),
    Row(nullable(MONEY), None, "{path: x, scale: 100, default: 1.5}", ("real", 1.5)),
    Row(nullable("int"), None, "{path: x, default: -1}", ("int", -1)),
    Row(nullable("boolean"), None, "{path: x, default: false}", ("bool", False)),
    Row(
        nullable(DATE),
        None,
        '{path: x, default: "2000-01-01T01:00:00+01:00"}',
        ("date", "2000-01-01T00:00:00.000Z"),
    ),
    Row(nullable(array("string")), None, "{path: x, default: [a, b]}", ("strs", ["a", "b"])),
    Row(nullable("string"), None, "{first_of: [x, u]}", ("str", "u1")),
    Row(nullable("string"), "a", "{first_of: [x, u]}", ("str", "a")),
    Row(nullable("string"), None, "{first_of: [x, $key], optional: true}", None),
    Row("string", "A", "{path: x, values: {B: b}, optional: true}", None),
    Row("string", "A", "{path: x, values: {B: b}, default: z}", ("str", "z")),
]

CONVERTERS = [
    Row("int", 1, "{const: gold}", ("str", "gold")),
    Row("int", 1, "{const: 3}", ("int", 3)),
    Row("int", 1, "{const: 3.0}", ("real", 3.0)),
    Row("int", 1, "{const: false}", ("bool", False)),
    Row(array("int"), [4, 5], "{path: x, count: true}", ("int", 2)),
    Row(array(CARD), [], "{path: x, count: true}", ("int", 0)),
    Row(MAP, {"a": "b"}, "{path: x, count: true}", ("int", 1)),
    Row(nullable(array(CARD)), None, "{path: x, count: true, default: 0}", ("int", 0)),
    Row(array("int"), [4, 5, 6], "{path: x, max_items: 2}", ("ints", [4, 5])),
    Row(array(nullable("int")), [None, 5, 6], "{path: x, max_items: 1}", ("ints", [5])),
    Row("string", "eUr", "{path: x, case: upper}", ("str", "EUR")),
    Row("string", "eUr", "{path: x, case: lower}", ("str", "eur")),
    Row(ENUM, "RED", "{path: x, case: lower, values: {red: 1, blue: 2}}", ("int", 1)),
    Row(array("string"), ["a"], "{path: x, case: upper}", ("strs", ["A"])),
    Row(ENUM, "RED", "{path: x, values: {RED: rot, BLUE: blau}}", ("str", "rot")),
    Row(ENUM, "BLUE", "{path: x, values: {RED: true}, else: false}", ("bool", False)),
    Row("int", 404, '{path: x, values: {"404": not found}, else: other}', ("str", "not found")),
    Row(
        "boolean", True, '{path: x, values: {"true": yes, "false": no}, else: "?"}', ("str", "yes")
    ),
    Row("string", "b", "{path: x, values: {a: 1.5}, else: 2.5}", ("real", 2.5)),
    Row(array("string"), ["a", "q"], "{path: x, values: {a: A}, optional: true}", ("strs", ["A"])),
    Row("int", 1999, "{path: x, scale: 0.01}", ("real", 19.99)),
    Row("long", 3, "{path: x, scale: 0.1}", ("real", 0.3)),
    Row("int", 2, "{path: x, scale: 3}", ("real", 6.0)),
    Row(MONEY, Decimal("19.99"), "{path: x, scale: 100}", ("real", 1999.0)),
    Row("double", 19.99, "{path: x, scale: 100}", ("real", 1999.0)),
    Row("double", 1e300, "{path: x, scale: 1e100}", "number_out_of_range"),
    Row("int", 1999, "{path: x, scale: 0.010, type: str}", ("str", "19.990")),
    Row("int", 2000, "{path: x, scale: 0.01, type: int}", ("int", 20)),
    Row("int", 7, "{path: x, type: str}", ("str", "7")),
    Row("int", 7, "{path: x, type: real}", ("real", 7.0)),
    Row("double", 7.0, "{path: x, type: int}", ("int", 7)),
    Row("double", 7.5, "{path: x, type: int}", "not_a_whole_number"),
    Row("double", 1e19, "{path: x, type: int}", "number_out_of_range"),
    Row("double", 1e21, "{path: x, type: str}", ("str", "1e+21")),
    Row(MONEY, Decimal("-0.05"), "{path: x, type: str}", ("str", "-0.05")),
    Row(MONEY, Decimal("100.00"), "{path: x, type: str}", ("str", "100.00")),
    Row("boolean", True, "{path: x, type: str}", ("str", "true")),
    Row("string", "42", "{path: x, type: int}", ("int", 42)),
    Row("string", "4x", "{path: x, type: int}", "not_a_number"),
    Row("string", "1.10", "{path: x, type: real}", ("real", 1.1)),
    Row("string", "TRUE", "{path: x, type: bool}", ("bool", True)),
    Row("string", "yes", "{path: x, type: bool}", "not_a_boolean"),
    Row(MILLIS, 1, "{path: x, type: str}", ("str", "1970-01-01T00:00:00.001Z")),
    Row(array("int"), [1], "{path: x, type: str}", ("strs", ["1"])),
    Row(array("int"), [1], "{path: x, type: reals}", ("reals", [1.0])),
    Row("bytes", b"ok", "{path: x, type: str}", ("str", "ok")),
    Row("bytes", b"\xff", "{path: x, type: str}", "not_utf8"),
    Row(FIXED, b"\x0f\xff", "{path: x, type: str}", ("str", "0fff")),
    Row(logical("int", "time-millis"), 36930001, "{path: x, type: str}", ("str", "10:15:30.001")),
    Row(logical("int", "time-millis"), 36930001, "{path: x, type: int}", ("int", 36930001)),
    Row(logical("int", "time-millis"), 86400000, "{path: x, type: str}", "not_a_time"),
    Row(["string", "long"], 5, "{path: x, type: str}", ("str", "5")),
    Row(["int", "double"], 5, "{path: x, type: real}", ("real", 5.0)),
    Row("int", 5, '{template: "{u}: {x} {{ok}}"}', ("str", "u1: 5 {ok}")),
    Row(nullable("int"), None, '{template: "n {x}", default: n}', ("str", "n")),
]

TIMES = [
    Row("long", 60, "{path: x, format: unix}", ("date", "1970-01-01T00:01:00.000Z")),
    Row("long", 60, "{path: x, format: unix_ms}", ("date", "1970-01-01T00:00:00.060Z")),
    Row("long", 61999, "{path: x, format: unix_us}", ("date", "1970-01-01T00:00:00.061Z")),
    Row("long", -1, "{path: x, format: unix_ns}", ("date", "1969-12-31T23:59:59.999Z")),
    Row("double", 1.5, "{path: x, format: unix}", ("date", "1970-01-01T00:00:01.500Z")),
    Row("string", "60", "{path: x, format: unix}", ("date", "1970-01-01T00:01:00.000Z")),
    Row("string", "soon", "{path: x, format: unix}", "not_a_number"),
    Row(
        "string",
        "2026-11-24T11:15:00.5+01:00",
        "{path: x, type: date}",
        ("date", "2026-11-24T10:15:00.500Z"),
    ),
    Row(
        "string",
        "2026-11-24T10:15Z",
        "{path: x, format: iso8601}",
        ("date", "2026-11-24T10:15:00.000Z"),
    ),
    Row("string", "2026-11-24T10:15:00", "{path: x, type: date}", "time_without_offset"),
    Row("string", "2026-11-24", "{path: x, type: date}", "time_without_offset"),
    Row("string", "24.11.2026", "{path: x, type: date}", "not_a_time"),
    Row("string", "2026-13-24T10:15:00Z", "{path: x, type: date}", "not_a_time"),
    Row("string", "0001-01-01T00:00:00+01:00", "{path: x, type: date}", "time_out_of_range"),
    Row(
        "string",
        "2026-07-01T12:00:00",
        "{path: x, type: date, zone: Europe/Berlin}",
        ("date", "2026-07-01T10:00:00.000Z"),
    ),
    Row(
        LOCAL,
        datetime(2026, 1, 1, 12),
        "{path: x, zone: Europe/Berlin}",
        ("date", "2026-01-01T11:00:00.000Z"),
    ),
]

PRIVACY = [
    Row(
        "string",
        "  Jo@Example.COM ",
        "{path: x, hash: sha256}",
        ("str", hashlib.sha256(b"jo@example.com").hexdigest()),
    ),
    Row(
        "string",
        "Jo",
        "{path: x, hash: hmac-sha256}",
        ("str", hmac.new(b"secret", b"jo", "sha256").hexdigest()),
    ),
    Row("int", 5, "{path: x, hash: sha256}", ("str", hashlib.sha256(b"5").hexdigest())),
    Row("bytes", b"A", "{path: x, hash: sha256}", ("str", hashlib.sha256(b"A").hexdigest())),
    Row("string", "4111111111111111", "{path: x, redact: last4}", ("str", "1111")),
    Row("string", "1111", "{path: x, redact: last4}", ("str", "***")),
    Row("string", "anything", "{path: x, redact: mask}", ("str", "***")),
    Row("string", "4111111111111111", "x", "card_number"),
    Row("string", "4111 1111 1111 1111", "x", "card_number"),
    Row("string", AMEX, "x", "card_number"),
    Row("string", "4111111111111112", "x", ("str", "4111111111111112")),
    Row("long", 4111111111111111, "x", "card_number"),
    Row("long", 1764000000123, "x", ("int", 1764000000123)),
    Row(array("string"), ["a", "5555-5555-5555-4444"], "x", "card_number"),
    Row("string", "4111111111111111", '{template: "{x}"}', "card_number"),
]

ROWS = [*TYPES, *MISSING, *CONVERTERS, *TIMES, *PRIVACY]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.rule} of {row.type} {row.value}")
def test_the_property_is_that_of_its_row(row: Row) -> None:
    """Its type and value, its absence, or the reason of the reject."""
    (outcome,) = outcomes(f"properties:\n  p: {row.rule}", row.type, row.value)

    if isinstance(row.expected, str):
        assert isinstance(outcome, MappingRejected)
        assert (outcome.reason, outcome.mapping) == (row.expected, "m")
    else:
        assert isinstance(outcome, Event)
        expected = () if row.expected is None else (Property("p", *row.expected),)  # type: ignore[arg-type]
        assert outcome.properties == expected
        kinds = [type(found.value) for found in outcome.properties]
        assert kinds == [type(found.value) for found in expected]


def test_a_reject_names_the_path_and_no_value() -> None:
    """A dead letter contains the field and the reason, but no data of the record."""
    (outcome,) = outcomes("properties:\n  p: {path: x, type: int}", "string", "personal")

    assert isinstance(outcome, MappingRejected)
    assert outcome.path == "x"
    assert "personal" not in repr(outcome)
