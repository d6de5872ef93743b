"""An event's user, name and timestamp."""

import hmac
from hashlib import sha256
from typing import Any, NamedTuple

import pytest

from bridge.mapping.runtime.outcome import Event
from tests.unit.mapping.project import (
    DATE,
    ENUM,
    ID,
    LOCAL,
    MICROS,
    MILLIS,
    nullable,
    outcomes,
    uid_or_reason,
)


class User(NamedTuple):
    """The rule of the uid, the user in the record, and the expected uid or reason."""

    rule: str
    user: str
    expected: str


PLACEHOLDERS = (
    *("", " ", "null", "NULL", "(null)", "<null>", "nil", "none", "None", "undefined", " unknown "),
    *("guest", "ANONYMOUS", "N/A", "(not set)", "0", "-1", "NaN", "true", "False"),
    *("[object Object]", "00000000-0000-0000-0000-000000000000", "0" * 32),
)
USERS = [
    User("u", "cus_42", "cus_42"),
    User("u", " cus 42 ", " cus 42 "),
    User("u", "u" * 256, "u" * 256),
    User("u", "u" * 257, "invalid_uid"),
    User("u", ".", "invalid_uid"),
    User("u", "..", "invalid_uid"),
    User("u", "...", "..."),
    *(User("u", placeholder, "missing_uid") for placeholder in PLACEHOLDERS),
    *(User("u", uid, uid) for uid in ("00", "-10", "nonesuch", "null-1", "x n/a")),
    User("{path: u, optional: true}", "guest", "no_uid"),
    User("{path: u, optional: true}", "..", "invalid_uid"),
    User("{first_of: [u, $headers.x-user, $key], optional: true}", "", "from header"),
    User("{first_of: [$headers.none, u]}", "a", "a"),
    User("{first_of: [$headers.none, $key], optional: true}", "a", "from key"),
    User("$partition", "a", "missing_uid"),
    User("$offset", "a", "7"),
    User("x", "a", "5"),
    User("{template: 'shop-{x}:{u}'}", "a", "shop-5:a"),
    User("{template: 'shop:{u}'}", "guest", "missing_uid"),
    User("{template: '{x}:{u}', optional: true}", "null", "no_uid"),
    User("{template: '{$headers.none}:{u}', optional: true}", "a", "no_uid"),
    User("{template: '{u}{u}'}", "u" * 129, "invalid_uid"),
    User("{path: u, case: lower}", "Cus_İ", "cus_i̇"),
    User("{path: u, case: upper}", "cus_42", "CUS_42"),
    User("{path: u, case: upper}", "Guest", "missing_uid"),
    User("{template: '{x}:{u}', case: lower}", "A", "5:a"),
    User("{path: u, hash: sha256}", " Jo@Example.com ", sha256(b"jo@example.com").hexdigest()),
    User("{path: x, hash: sha256}", "a", sha256(b"5").hexdigest()),
    User("{path: u, hash: sha256}", "u" * 257, sha256(b"u" * 257).hexdigest()),
    User("{template: '{x}:{u}', hash: sha256}", "a", sha256(b"5:a").hexdigest()),
    User("{path: u, hash: hmac-sha256}", "a", hmac.digest(b"secret", b"a", "sha256").hex()),
    User("{path: u, hash: sha256}", "N/A", "missing_uid"),
    User("{first_of: [$headers.none, u], hash: sha256}", "a", sha256(b"a").hexdigest()),
]


@pytest.mark.parametrize("row", USERS, ids=lambda row: f"{row.rule} of {row.user!r}"[:60])
def test_the_uid_is_that_of_its_row(row: User) -> None:
    """The uid exactly as in the record, or the reason for none."""
    headers = (("x-user", b"wrong"), ("x-user", b"from header"), ("none", None))
    body = f"uid: {row.rule}"
    (outcome,) = outcomes(body, "int", 5, user=row.user, key=b"from key", headers=headers)

    assert uid_or_reason(outcome) == row.expected


def test_a_uuid_of_16_bytes_is_a_uid() -> None:
    """In its canonical text form."""
    (outcome,) = outcomes("uid: x", ID, bytes(range(16)))

    assert uid_or_reason(outcome) == "00010203-0405-0607-0809-0a0b0c0d0e0f"


PLACEHOLDER_VALUES = [
    (ID, bytes(16)),
    ({"type": "string", "logicalType": "uuid"}, "00000000-0000-0000-0000-000000000000"),
    ("int", 0),
    ("long", -1),
    ({"type": "enum", "name": "Who", "symbols": ["GUEST"]}, "GUEST"),
]


@pytest.mark.parametrize(("type_", "value"), PLACEHOLDER_VALUES)
def test_a_placeholder_of_any_type_is_no_user(type_: Any, value: Any) -> None:
    """Numbers, UUIDs and symbols are judged as the text that would be sent."""
    (outcome,) = outcomes("uid: x", type_, value)

    assert uid_or_reason(outcome) == "missing_uid"


NAMES = [
    ("event: Payment Failed", ENUM, "RED", "Payment Failed"),
    ("event: 'Color {x}!'", ENUM, "RED", "Color RED!"),
    ("event: 'Topic {$topic} {{x}}'", ENUM, "RED", "Topic t {x}"),
    ("event: {path: x, values: {RED: Stop, BLUE: Go}}", ENUM, "BLUE", "Go"),
    ("event: {path: x, values: {RED: Stop}}", ENUM, "BLUE", "unlisted_event"),
    ("event: {path: x, values: {a: A}}", "string", "b", "unlisted_event"),
    ('event: {path: x, values: {"1": One}}', "int", 1, "One"),
    ("filter: {x: [1]}\nevent: {path: x, values: {'1': One}}", nullable("int"), 1, "One"),
]


@pytest.mark.parametrize(("body", "type_", "value", "expected"), NAMES)
def test_the_event_name_is_that_of_its_row(
    body: str, type_: Any, value: Any, expected: str
) -> None:
    """A literal, a template over enums, or a closed table."""
    (outcome,) = outcomes(body, type_, value)

    assert (outcome.name if isinstance(outcome, Event) else uid_or_reason(outcome)) == expected


TIMES = [
    ("$timestamp", "int", 1, "1970-01-01T00:00:00.001Z"),
    ("x", MILLIS, 1764000000123, "2025-11-24T16:00:00.123Z"),
    ("x", MICROS, 1764000000123999, "2025-11-24T16:00:00.123Z"),
    ("x", DATE, 1, "1970-01-02T00:00:00.000Z"),
    ("x", "string", "2026-11-24T11:15:00+01:00", "2026-11-24T10:15:00.000Z"),
    ("x", "string", "2026-11-24T11:15:00", "time_without_offset"),
    ("{path: x, zone: America/New_York}", "string", "2026-07-01", "2026-07-01T04:00:00.000Z"),
    ("{path: x, format: unix}", "long", 1764000000, "2025-11-24T16:00:00.000Z"),
    ("{path: x, zone: UTC}", LOCAL, 1, "1970-01-01T00:00:00.001Z"),
    ("{path: x, optional: true}", nullable(MILLIS), None, "1970-01-01T00:00:00.001Z"),
    ("{path: x, optional: true}", nullable(MILLIS), 2, "1970-01-01T00:00:00.002Z"),
    ("x", MILLIS, 10**17, "time_out_of_range"),
    ("{first_of: [x, $timestamp]}", nullable(MILLIS), None, "1970-01-01T00:00:00.001Z"),
    ("{first_of: [x, $timestamp]}", nullable(MILLIS), 2, "1970-01-01T00:00:00.002Z"),
    ("{first_of: [$headers.at, x], format: unix}", "long", 1764000000, "2025-11-24T16:00:00.000Z"),
    ("{first_of: [$headers.at, x], zone: UTC}", MILLIS, 2, "1970-01-01T00:00:00.002Z"),
    ("{first_of: [x, $timestamp], zone: UTC}", "string", "2026-07-01", "2026-07-01T00:00:00.000Z"),
    (
        "{first_of: [$headers.at, x], optional: true}",
        nullable(MILLIS),
        None,
        "1970-01-01T00:00:00.001Z",
    ),
    ("{template: '{x}T10:00:00Z'}", "string", "2026-07-01", "2026-07-01T10:00:00.000Z"),
    ("{template: '{x}', format: unix_ms}", "long", 2, "1970-01-01T00:00:00.002Z"),
    (
        "{template: '{x}T10:00', zone: Asia/Tokyo}",
        "string",
        "2026-07-01",
        "2026-07-01T01:00:00.000Z",
    ),
    (
        "{template: '{x}T10:00Z', optional: true}",
        nullable("string"),
        None,
        "1970-01-01T00:00:00.001Z",
    ),
    ("{template: '{x}T25:00:00Z'}", "string", "2026-07-01", "not_a_time"),
]


@pytest.mark.parametrize(("rule", "type_", "value", "expected"), TIMES)
def test_the_timestamp_is_that_of_its_row(rule: str, type_: Any, value: Any, expected: str) -> None:
    """RFC 3339 in UTC with milliseconds, or the reason of the reject."""
    (outcome,) = outcomes(f"timestamp: {rule}", type_, value)

    assert (outcome.timestamp if isinstance(outcome, Event) else uid_or_reason(outcome)) == expected


def test_a_record_without_a_timestamp_is_a_mapping_error() -> None:
    """The record has no Kafka timestamp, and the current time is never used."""
    (outcome,) = outcomes("", "int", 1, timestamp_ms=-1)

    assert uid_or_reason(outcome) == "missing_timestamp"


def test_a_binary_key_in_a_template_is_an_invalid_uid() -> None:
    """As it is without the template."""
    body = "uid: {template: 'u-{$key}', optional: true}"
    (outcome,) = outcomes(body, "int", 1, key=b"\x00\x01")

    assert uid_or_reason(outcome) == "invalid_uid"
