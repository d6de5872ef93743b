"""An event's session, and what it says about the user."""

from typing import Any

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
from tests.unit.mapping.project import ID, nullable, outcomes, uid_or_reason

V2 = Options(api="v2")

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
