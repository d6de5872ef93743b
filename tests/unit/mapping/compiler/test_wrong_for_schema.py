"""Filters, uids, names, timestamps and sessions that do not fit the schema."""

import pytest

from tests.unit.mapping.project import (
    CARD,
    ENUM,
    LOCAL,
    MILLIS,
    MONEY,
    Wrong,
    array,
    assert_reported,
    nullable,
)

ROWS = [
    Wrong("uid: x", "double", "M042", "`x` is double: a uid is text or a whole number", "x"),
    Wrong("uid: x", nullable("string"), "M032", "`x` can be missing", "x"),
    Wrong(
        "uid: {first_of: [x, $key]}",
        nullable("string"),
        "M032",
        "`x or $key` can be missing",
        "{first_of: [x, $key]}",
    ),
    Wrong(
        "uid: x",
        array("string"),
        "M042",
        "`x` is an array of string: a uid is text or a whole number",
        "x",
    ),
    Wrong("uid: usr", "int", "M030", "the schema has no field `usr`", "usr"),
    Wrong(
        "event: {path: x, values: {GREEN: Green}}",
        ENUM,
        "M035",
        "enum n.Color has no symbol `GREEN`",
        "GREEN: Green}}",
    ),
    Wrong(
        "event: {path: x, values: {RED: Red}}",
        nullable(ENUM),
        "M032",
        "`x` can be missing, and then the event has no name",
        "x, values: {RED: Red}}",
    ),
    Wrong(
        "event: {path: x, values: {a: A}}",
        "int",
        "M034",
        "`a` is not a whole number, but `x` is int",
        "a: A}}",
    ),
    Wrong("timestamp: x", "long", "M041", "`x` is a bare number without a unit", "x"),
    Wrong(
        "timestamp: x",
        LOCAL,
        "M041",
        "`x` is a local-timestamp-millis without a time zone",
        "x",
    ),
    Wrong("timestamp: x", nullable(MILLIS), "M032", "`x` can be missing", "x"),
    Wrong(
        "timestamp: x", "boolean", "M039", "`x` is boolean: it cannot be converted to `date`", "x"
    ),
    Wrong(
        "timestamp: x",
        array(MILLIS),
        "M033",
        "`x` is an array of timestamp-millis: an event has one time",
        "x",
    ),
    Wrong("session: {url: x}", nullable("string"), "M032", "`x` can be missing", "{url: x}"),
    Wrong(
        "session: {url: x}",
        "int",
        "M033",
        "`x` is int: a session is identified by text",
        "x}",
    ),
    Wrong(
        "session: {url: {first_of: [u, x]}}",
        array("string"),
        "M033",
        "`x` is an array of string: a session is identified by text",
        "{first_of: [u, x]}}",
    ),
    Wrong("session: {url: {first_of: [u, y]}}", "int", "M030", "the schema has no field `y`", "y]"),
    Wrong(
        "session: {device: {template: '{u}:{x}'}}",
        nullable("string"),
        "M032",
        "`{u}:{x}` can be missing",
        "{device: {template: '{u}:{x}'}}",
    ),
    Wrong(
        "uid: {template: '{u}:{x}'}",
        nullable("string"),
        "M032",
        "`{u}:{x}` can be missing",
        "{template: '{u}:{x}'}",
    ),
    Wrong(
        "uid: {template: '{u}:{x}'}",
        array("string"),
        "M020",
        "`x` is an array of string: a template takes text",
        "'{u}:{x}'}",
    ),
    Wrong(
        "uid: {path: x, case: lower}",
        "int",
        "M039",
        "`case` works on text, but `x` is int",
        "lower}",
    ),
    Wrong(
        "timestamp: {first_of: [x, $timestamp], format: unix}",
        MILLIS,
        "M021",
        "`x` is a timestamp-millis, which already has a unit and a zone",
        "unix}",
    ),
    Wrong(
        "timestamp: {first_of: [x, $headers.at]}",
        nullable(MILLIS),
        "M032",
        "`x or $headers.at` can be missing",
        "{first_of",
    ),
    Wrong(
        "timestamp: {first_of: [$timestamp, x]}",
        "long",
        "M041",
        "`x` is a bare number without a unit",
        "{first_of",
    ),
    Wrong("filter: {x: '5'}", "int", "M034", "text cannot be compared with int", "'5'}"),
    Wrong("filter: {x: 5}", "string", "M034", "a number cannot be compared with string", "5}"),
    Wrong("filter: {x: GREEN}", ENUM, "M035", "enum n.Color has no symbol `GREEN`", "GREEN}"),
    Wrong("filter: {x: [RED, BLEU]}", ENUM, "M035", "enum n.Color has no symbol `BLEU`", "BLEU]}"),
    Wrong(
        "filter: {x: '24.11.2026'}",
        MILLIS,
        "M034",
        "text cannot be compared with timestamp-millis",
        "'24.11.2026'}",
    ),
    Wrong(
        "filter: {x: [{above: '2026-11-24T10:00:00'}]}",
        MILLIS,
        "M034",
        "this time has no offset from UTC",
        "{above: '2026-11-24T10:00:00'}]}",
    ),
    Wrong("filter: {x: 5}", CARD, "M034", "record n.Inner cannot be compared", "5}"),
    Wrong(
        "filter: {x: [{prefix: a}]}",
        "int",
        "M034",
        "`prefix` compares text, but this is int",
        "{prefix: a}]}",
    ),
    Wrong(
        "filter: {x: [{exists: false}]}",
        "int",
        "M036",
        "`x` can never match this",
        "[{exists: false}]}",
    ),
    Wrong("filter: {x: 0.001}", MONEY, "M036", "`x` can never match this", "0.001}"),
    Wrong("filter: {y: 1}", "int", "M030", "the schema has no field `y`", "y: 1}"),
]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_schema_mismatch_is_reported_with_code_message_and_place(row: Wrong) -> None:
    """One problem each, with the caret at the mistake."""
    assert_reported(row)
