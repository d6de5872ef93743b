"""Builds events as requests of API v2."""

from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import PoisonRecord
from bridge.fullstory.requests.builder import builder
from bridge.fullstory.requests.v2 import build_v2
from bridge.mapping.runtime.outcome import (
    DeviceSession,
    Event,
    NoSession,
    Property,
    Recent,
    Session,
    SessionId,
    SessionUrl,
)
from bridge.records import Assignment, Record

CLUSTER = "4L6g3nShT-eMCtK--X86sw"
RECORD = Record("payments", 3, 42, 1, b"k", b"v", Assignment("payments", 3))


def event(*properties: Property, session: Session = Recent(), mapping: str = "m") -> Event:  # noqa: B008
    """An event with these properties."""
    return Event(mapping, "u/1", "E", "2026-11-24T10:15:00.000Z", session, properties)


def key(built_event: Event, record: Record = RECORD, cluster: str = CLUSTER) -> str | None:
    """The idempotency key of an event's request."""
    return build_v2(built_event, record, cluster).idempotency_key


def test_a_request_has_a_fixed_key_order() -> None:
    """Byte for byte: names without suffix, types in `schema`, the uid unchanged."""
    request = build_v2(
        event(Property("b", "int", 1), Property("a", "strs", ["x", "é"])), RECORD, "c"
    )

    assert (request.method, request.path) == ("POST", "/v2/events")
    assert request.body.decode() == (
        '{"name":"E","user":{"uid":"u/1"},"session":{"use_most_recent":true},'
        '"timestamp":"2026-11-24T10:15:00.000Z","properties":{"b":1,"a":["x","é"]},'
        '"schema":{"properties":{"b":"int","a":"strs"}}}'
    )


@pytest.mark.parametrize(
    ("session", "identity"),
    [
        (Recent(), {"user": {"uid": "u/1"}, "session": {"use_most_recent": True}}),
        (NoSession(), {"user": {"uid": "u/1"}}),
        (SessionId("1:2"), {"session": {"id": "1:2"}}),
    ],
)
def test_the_user_is_identified_in_one_form_only(
    session: Session, identity: dict[str, object]
) -> None:
    """FullStory responds to two forms with 400."""
    body = orjson.loads(build_v2(event(session=session), RECORD, CLUSTER).body)
    assert {name: body[name] for name in ("user", "session") if name in body} == identity


@pytest.mark.parametrize("session", [SessionUrl("https://s"), DeviceSession("1:2")])
def test_a_session_of_v1_is_rejected(session: Session) -> None:
    """`check` rejects it; if one gets here nevertheless, no request is built."""
    with pytest.raises(PoisonRecord) as raised:
        build_v2(event(session=session), RECORD, CLUSTER)
    assert (raised.value.stage, raised.value.reason) == ("build", "session_not_in_v2")


def test_a_session_needs_no_user() -> None:
    """A guest's event is sent as that of a user."""
    guest = event(session=SessionId("1:2"))._replace(uid="")
    assert build_v2(guest, RECORD, CLUSTER) == build_v2(
        event(session=SessionId("1:2")), RECORD, CLUSTER
    )


def test_an_integration_is_a_header_and_not_in_the_body() -> None:
    """FullStory's other integrations name themselves there; the key stays the same."""
    plain = build_v2(event(), RECORD, CLUSTER)
    named = build_v2(event()._replace(integration="kafka"), RECORD, CLUSTER)

    assert plain.integration_source is None
    assert named == plain._replace(integration_source="kafka")


def test_the_limits_are_those_of_v1() -> None:
    """8,192 bytes per value; 512 characters per name, without a suffix."""
    build_v2(event(Property("n" * 512, "int", 1), Property("v", "str", "x" * 8192)), RECORD, "c")
    for name, value, reason in [("n" * 513, "", "name_too_long"), ("v", "x" * 8193, "too_large")]:
        with pytest.raises(PoisonRecord, match=r"the limit is|more than") as raised:
            build_v2(event(Property(name, "str", value)), RECORD, CLUSTER)
        assert raised.value.reason.endswith(reason)


def test_the_key_never_changes() -> None:
    """With another derivation, a new release would resend events that were in flight."""
    assert key(event()) == "0e95b0e4-0ed9-8263-888d-347abd64ea13"
    assert UUID(key(event())).version == 8


@pytest.mark.parametrize(
    ("built_event", "record", "cluster"),
    [
        (event(), RECORD, "another"),
        (event(), RECORD._replace(topic="orders"), CLUSTER),
        (event(), RECORD._replace(partition=4), CLUSTER),
        (event(), RECORD._replace(offset=43), CLUSTER),
        (event(mapping="n"), RECORD, CLUSTER),
        (event(Property("a", "int", 1)), RECORD, CLUSTER),
        (event(session=NoSession()), RECORD, CLUSTER),
    ],
)
def test_another_position_mapping_or_body_has_another_key(
    built_event: Event, record: Record, cluster: str
) -> None:
    """Also the body: the result of a fixed mapping must not reuse the old key."""
    assert key(built_event, record, cluster) != key(event())


@given(st.text(max_size=20), st.integers(0, 99), st.integers(0, 2**62))
def test_the_key_depends_on_nothing_else(uid: str, partition: int, offset: int) -> None:
    """Equal events of one position have equal keys, whatever else the record contains."""
    record = RECORD._replace(partition=partition, offset=offset)
    again = record._replace(key=b"other", value=b"", timestamp_ms=9)
    built_event = Event("m", uid, "E", "2026-11-24T10:15:00.000Z", Recent(), ())
    assert build_v2(built_event, record, "c") == build_v2(built_event, again, "c")


def test_the_builder_is_chosen_by_the_api() -> None:
    """v1 has no key: there a repeated request is a duplicate event."""
    v1, v2 = (builder(api, CLUSTER)(event(), RECORD) for api in ("v1", "v2"))
    assert (v1.path, v1.idempotency_key) == ("/users/v1/individual/u%2F1/customevent", None)
    assert (v2.path, v2.idempotency_key) == ("/v2/events", key(event()))
