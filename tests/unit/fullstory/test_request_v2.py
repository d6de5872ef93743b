"""Events as requests of API v2."""

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


def key(made: Event, record: Record = RECORD, cluster: str = CLUSTER) -> str | None:
    """The key of an event's request."""
    return build_v2(made, record, cluster).idempotency_key


def test_a_request_holds_the_event_in_one_fixed_order() -> None:
    """Byte for byte: names without suffix, types beside them, the uid as it is."""
    made = build_v2(event(Property("b", "int", 1), Property("a", "strs", ["x", "é"])), RECORD, "c")

    assert (made.method, made.path) == ("POST", "/v2/events")
    assert made.body.decode() == (
        '{"name":"E","user":{"uid":"u/1"},"session":{"use_most_recent":true},'
        '"timestamp":"2026-11-24T10:15:00.000Z","properties":{"b":1,"a":["x","é"]},'
        '"schema":{"properties":{"b":"int","a":"strs"}}}'
    )


@pytest.mark.parametrize(
    ("session", "whose"),
    [
        (Recent(), {"user": {"uid": "u/1"}, "session": {"use_most_recent": True}}),
        (NoSession(), {"user": {"uid": "u/1"}}),
        (SessionId("1:2"), {"session": {"id": "1:2"}}),
    ],
)
def test_the_user_is_identified_in_one_form_only(
    session: Session, whose: dict[str, object]
) -> None:
    """With two forms FullStory answers 400."""
    body = orjson.loads(build_v2(event(session=session), RECORD, CLUSTER).body)
    assert {name: body[name] for name in ("user", "session") if name in body} == whose


@pytest.mark.parametrize("session", [SessionUrl("https://s"), DeviceSession("1:2")])
def test_a_session_of_v1_cannot_be_said(session: Session) -> None:
    """`check` refuses it; should it come all the same, it is no request."""
    with pytest.raises(PoisonRecord) as raised:
        build_v2(event(session=session), RECORD, CLUSTER)
    assert (raised.value.stage, raised.value.reason) == ("build", "session_not_in_v2")


def test_the_limits_are_those_of_v1() -> None:
    """8,192 bytes a value; a name's 512 characters are all its own."""
    build_v2(event(Property("n" * 512, "int", 1), Property("v", "str", "x" * 8192)), RECORD, "c")
    for name, value, reason in [("n" * 513, "", "name_too_long"), ("v", "x" * 8193, "too_large")]:
        with pytest.raises(PoisonRecord, match=r"most|more than") as raised:
            build_v2(event(Property(name, "str", value)), RECORD, CLUSTER)
        assert raised.value.reason.endswith(reason)


def test_the_key_stays_the_same_for_ever() -> None:
    """Another release that derived it otherwise would send what was under way a second time."""
    assert key(event()) == "0e95b0e4-0ed9-8263-888d-347abd64ea13"
    assert UUID(key(event())).version == 8


@pytest.mark.parametrize(
    ("made", "record", "cluster"),
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
def test_another_place_mapping_or_body_is_another_key(
    made: Event, record: Record, cluster: str
) -> None:
    """The body too: what a mended mapping makes of the record must not meet the old key."""
    assert key(made, record, cluster) != key(event())


@given(st.text(max_size=20), st.integers(0, 99), st.integers(0, 2**62))
def test_the_key_of_an_event_is_its_own(uid: str, partition: int, offset: int) -> None:
    """Equal events of one place have equal keys, whatever else the record carries."""
    record = RECORD._replace(partition=partition, offset=offset)
    again = record._replace(key=b"other", value=b"", timestamp_ms=9)
    made = Event("m", uid, "E", "2026-11-24T10:15:00.000Z", Recent(), ())
    assert build_v2(made, record, "c") == build_v2(made, again, "c")


def test_the_builder_is_chosen_by_the_api() -> None:
    """v1 has no key: there a repeated request is a repeated event."""
    v1, v2 = (builder(api, CLUSTER)(event(), RECORD) for api in ("v1", "v2"))
    assert (v1.path, v1.idempotency_key) == ("/users/v1/individual/u%2F1/customevent", None)
    assert (v2.path, v2.idempotency_key) == ("/v2/events", key(event()))
