"""Properties that do not fit the schema."""

import pytest

from tests.unit.mapping.project import (
    CARD,
    DURATION,
    ENUM,
    FIXED,
    LOCAL,
    MAP,
    MILLIS,
    Wrong,
    array,
    assert_reported,
    logical,
    nullable,
)

ROWS = [
    Wrong(
        "properties:\n  p: {path: x, type: strs}",
        "int",
        "M039",
        "`strs` is for lists, but `x` is not a list",
        "strs}",
    ),
    Wrong("properties:\n  p: xx", "int", "M030", "the schema has no field `xx`", "xx"),
    Wrong("properties:\n  p: a", CARD, "M030", "the schema has no field `a`", "a"),
    Wrong("properties:\n  p: x.b", CARD, "M030", "the schema has no field `x.b`", "x.b"),
    Wrong("properties:\n  p: x.a.b", CARD, "M031", "`x.a` is an int: it has no `b`", "x.a.b"),
    Wrong("properties:\n  p: x.a", array(CARD), "M031", "`x` is an array: it has no `a`", "x.a"),
    Wrong("properties:\n  p: x", nullable("int"), "M032", "`x` can be missing", "x"),
    Wrong("properties:\n  p: x[0].a", array(CARD), "M032", "`x[0].a` can be missing", "x[0].a"),
    Wrong(
        "properties:\n  p: {path: x, values: {RED: r}}",
        ENUM,
        "M032",
        "`x` counts as missing if its value is not listed",
        "{path: x, values: {RED: r}}",
    ),
    Wrong(
        "properties:\n  p: {path: x, values: {RED: r, GREEN: g}}",
        ENUM,
        "M035",
        "enum n.Color has no symbol `GREEN`",
        "GREEN: g}}",
    ),
    Wrong(
        "properties:\n  p: x",
        CARD,
        "M033",
        "`x` is record n.Inner: it cannot be sent as it is",
        "x",
    ),
    Wrong(
        "properties:\n  p: x",
        array(CARD),
        "M033",
        "`x` is an array of record n.Inner: it cannot be sent as it is",
        "x",
    ),
    Wrong("properties:\n  p: x", "bytes", "M033", "`x` is bytes: it cannot be sent as it is", "x"),
    Wrong(
        "properties:\n  p: x",
        FIXED,
        "M033",
        "`x` is fixed(2) n.F2: it cannot be sent as it is",
        "x",
    ),
    Wrong("properties:\n  p: x", MAP, "M033", "`x` is map: it cannot be sent as it is", "x"),
    Wrong(
        "properties:\n  p: x",
        logical("int", "time-millis"),
        "M033",
        "`x` is time-millis: it cannot be sent as it is",
        "x",
    ),
    Wrong(
        "properties:\n  p: x", DURATION, "M033", "`x` is duration: it cannot be sent as it is", "x"
    ),
    Wrong(
        "properties:\n  p: x",
        LOCAL,
        "M041",
        "`x` is local-timestamp-millis: it cannot be sent as it is",
        "x",
    ),
    Wrong(
        "properties:\n  p: x",
        ["string", "int"],
        "M033",
        "`x` is string or int: it cannot be sent as it is",
        "x",
    ),
    Wrong(
        "properties:\n  p: x",
        [MILLIS, "int"],
        "M038",
        "`x` can be timestamp-millis or int, but the values do not show which",
        "x",
    ),
    Wrong("properties:\n  p: x", "null", "M033", "`x` is always null in this schema", "x"),
    Wrong(
        "properties:\n  p: {path: x, scale: 2}",
        "string",
        "M039",
        "`scale` multiplies numbers, but `x` is string",
        "2}",
    ),
    Wrong(
        "properties:\n  p: {path: x, case: upper}",
        "int",
        "M039",
        "`case` works on text, but `x` is int",
        "upper}",
    ),
    Wrong(
        "properties:\n  p: {path: x, type: bool}",
        "int",
        "M039",
        "`x` is int: it cannot be converted to `bool`",
        "bool}",
    ),
    Wrong(
        "properties:\n  p: {path: x, type: date}",
        "int",
        "M041",
        "`x` is a bare number without a unit",
        "date}",
    ),
    Wrong(
        "properties:\n  p: {path: x, count: true}",
        "int",
        "M039",
        "`count` counts the items of a list or map, but `x` is int",
        "true}",
    ),
    Wrong(
        "properties:\n  p: {path: x, max_items: 2}",
        "int",
        "M039",
        "`max_items` works on lists, but `x` is int",
        "2}",
    ),
    Wrong(
        "properties:\n  p: {path: x, default: a}",
        nullable("int"),
        "M040",
        "the default of `x` must be `int`",
        "a}",
    ),
    Wrong(
        "properties:\n  p: {path: x, default: 5}",
        nullable("string"),
        "M040",
        "the default of `x` must be `str`",
        "5}",
    ),
    Wrong(
        "properties:\n  p: {path: x, default: [a]}",
        nullable("string"),
        "M040",
        "the default of `x` must be `str`",
        "[a]}",
    ),
    Wrong(
        "properties:\n  p: {first_of: [u, x]}",
        "int",
        "M038",
        "the values of `first_of` have different types: int and str",
        "{first_of: [u, x]}",
    ),
    Wrong(
        "properties:\n  p: {path: x, hash: sha256}",
        CARD,
        "M039",
        "`hash` works on text, but `x` is record n.Inner",
        "sha256}",
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_wrong_property_is_reported_with_code_message_and_place(row: Wrong) -> None:
    """One problem each, with the caret at the mistake."""
    assert_reported(row)
