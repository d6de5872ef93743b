"""An event's user, name, timestamp and session."""

import hmac
from hashlib import sha256
from typing import Any, NamedTuple

import pytest

from bridge.mapping.language.options import Options
from bridge.mapping.runtime.outcome import (
    DeviceSession,
    Event,
    MappingRejected,
    NoSession,
    Recent,
    SessionId,
    SessionUrl,
)
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

V2 = Options(api="v2")


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


SESSIONS = [
    ("", "v1", "a", Recent()),
    ("session: recent", "v1", "a", Recent()),
    ("session: none", "v1", "a", NoSession()),
    ("session: {url: x, optional: true}", "v1", "a", SessionUrl("a")),
    ("session: {url: x, optional: true}", "v1", None, NoSession()),
    ("session: {device: x, optional: true}", "v1", "a", DeviceSession("a")),
    ("session: {id: x, optional: true}", "v2", "1:2", SessionId("1:2")),
    ("session: {id: x, optional: true}", "v2", None, NoSession()),
    ("session: {url: {path: x}, optional: true}", "v1", "a", SessionUrl("a")),
    ("session: {url: {first_of: [$headers.none, x]}, optional: true}", "v1", "a", SessionUrl("a")),
    ("session: {url: {first_of: [x, u]}}", "v1", None, SessionUrl("u1")),
    ("session: {url: {first_of: [x, u]}}", "v1", "undefined", SessionUrl("u1")),
    ("session: {device: {template: '{u}:{x}'}, optional: true}", "v1", "a", DeviceSession("u1:a")),
    ("session: {device: {template: '{u}:{x}'}, optional: true}", "v1", None, NoSession()),
    ("session: {device: {template: '{u}:{x}'}, optional: true}", "v1", "null", NoSession()),
    ("session: {id: {template: '{u}:{x}'}, optional: true}", "v2", "2", SessionId("u1:2")),
    ("session: {id: {first_of: [$headers.s, x]}, optional: true}", "v2", "1:2", SessionId("1:2")),
    *(
        ("session: {url: x, optional: true}", "v1", placeholder, NoSession())
        for placeholder in ("", "undefined", "null", "0")
    ),
]


@pytest.mark.parametrize(("body", "api", "value", "expected"), SESSIONS)
def test_the_session_is_that_of_its_row(body: str, api: Any, value: Any, expected: object) -> None:
    """Exactly one kind of session, or none."""
    (outcome,) = outcomes(body, nullable("string"), value, options=Options(api=api))

    assert isinstance(outcome, Event)
    assert outcome.session == expected


CLIENT_ID = "3e2bf53f-2ca0-4e05-9fa3-29c9276febf9:cef16b56-44b2-4535-b923-d955b1a50eb5"
PAGE = "https://app.fullstory.com/ui/o-1ABC-na1"
SESSION_IDS = [
    ("406214335320288249:3829143070270885557", "406214335320288249:3829143070270885557"),
    (CLIENT_ID, CLIENT_ID),
    ("1%3A2", "1:2"),
    ("1%3a2", "1:2"),
    (f"{PAGE}/session/1:2", "1:2"),
    (f"{PAGE}/session/1%3A2", "1:2"),
    (f"{PAGE}/client-session/{CLIENT_ID.replace(':', '%3A')}", CLIENT_ID),
    (f"{PAGE}/discover/session/1:2/", "1:2"),
    (f"{PAGE}/session/1:2?from=mail#top", "1:2"),
    (f"{PAGE}/session/1:2:1600000000000", "1:2"),
    (f"{PAGE}/session/1:2!1600000000000", "1:2"),
    ("https://app.eu1.fullstory.com/ui/o-1ABC-eu1/session/1:2", "1:2"),
    ("3829143070270885557", "invalid_session"),
    ("1:2:3", "invalid_session"),
    (":2", "invalid_session"),
    (" 1:2", "invalid_session"),
    ("a b:c", "invalid_session"),
    (f"1:{'2' * 255}", "invalid_session"),
    (f"{PAGE}/session/3829143070270885557", "invalid_session"),
    (f"{PAGE}/segments/1:2", "invalid_session"),
    ("https://app.fullstory.com/", "invalid_session"),
]


@pytest.mark.parametrize(("text", "expected"), SESSION_IDS)
def test_a_session_id_of_v2_is_a_device_and_a_session(text: str, expected: str) -> None:
    """As text, or in the URL of the session; FullStory refuses anything else."""
    (outcome,) = outcomes("session: {id: x}", "string", text, options=V2)

    if isinstance(outcome, Event):
        assert outcome.session == SessionId(expected)
    else:
        assert uid_or_reason(outcome) == expected


def test_a_wrong_session_id_is_reported_without_its_value() -> None:
    """The message names the field and what it should contain."""
    (outcome,) = outcomes("session: {id: x}", "string", "3829143070270885557", options=V2)

    message = "this is neither a session id, `device:session`, nor the URL of a session"
    assert outcome == MappingRejected("m", "invalid_session", message, "x")


BY_SESSION = "session: {id: x, optional: true}"
WITHOUT_USER = [
    (f"uid: ~\n{BY_SESSION}", "a", "1:2", ("", SessionId("1:2"))),
    (f"uid: ~\n{BY_SESSION}", "a", None, "no_uid"),
    (f"uid: u\n{BY_SESSION}", "a", "1:2", ("a", SessionId("1:2"))),
    (f"uid: u\n{BY_SESSION}", "a", None, ("a", NoSession())),
    (f"uid: u\n{BY_SESSION}", "guest", "1:2", ("", SessionId("1:2"))),
    (f"uid: u\n{BY_SESSION}", "guest", None, "missing_uid"),
    (f"uid: u\n{BY_SESSION}", "guest", "bare", "invalid_session"),
    (f"uid: {{path: u, optional: true}}\n{BY_SESSION}", "guest", "1:2", ("", SessionId("1:2"))),
    (f"uid: {{path: u, optional: true}}\n{BY_SESSION}", "guest", "null", "no_uid"),
    ("uid: {path: u, optional: true}", "guest", "1:2", "no_uid"),
    ("uid: {path: u, optional: true}\nsession: none", "guest", "1:2", "no_uid"),
]


@pytest.mark.parametrize(("body", "user", "session", "expected"), WITHOUT_USER)
def test_a_session_of_v2_identifies_the_user(
    body: str, user: str, session: str | None, expected: object
) -> None:
    """A guest with a known session is not skipped, and no id is needed."""
    (outcome,) = outcomes(body, nullable("string"), session, user=user, options=V2)

    if isinstance(outcome, Event):
        assert (outcome.uid, outcome.session) == expected
    else:
        assert uid_or_reason(outcome) == expected


def test_a_session_of_v1_does_not_identify_the_user() -> None:
    """The path of its requests contains the id."""
    body = "uid: {path: u, optional: true}\nsession: {url: x}"
    (outcome,) = outcomes(body, "string", "https://s", user="guest")

    assert uid_or_reason(outcome) == "no_uid"


def test_a_sample_of_guests_is_drawn_by_their_sessions() -> None:
    """Always the same sessions, about as many as asked for."""
    body = "uid: ~\nsample: {keep: 0.5, by: uid}\nsession: {id: x}"
    sessions = [f"1:{number}" for number in range(200)]
    kept = [
        isinstance(outcome, Event)
        for session in sessions
        for outcome in outcomes(body, "string", session, options=V2)
    ]

    assert 60 < sum(kept) < 140


def test_a_session_that_is_a_uuid_of_16_bytes_is_its_text() -> None:
    """As a user id is."""
    (outcome,) = outcomes("session: {device: x}", ID, bytes(range(16)))

    assert isinstance(outcome, Event)
    assert outcome.session == DeviceSession("00010203-0405-0607-0809-0a0b0c0d0e0f")


def test_a_binary_key_in_a_template_is_an_invalid_uid() -> None:
    """As it is without the template."""
    body = "uid: {template: 'u-{$key}', optional: true}"
    (outcome,) = outcomes(body, "int", 1, key=b"\x00\x01")

    assert uid_or_reason(outcome) == "invalid_uid"
