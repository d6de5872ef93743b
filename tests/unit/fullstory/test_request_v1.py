"""Builds events as requests of API v1."""

import pytest

from bridge.errors import PoisonRecord
from bridge.fullstory.requests.request import Request
from bridge.fullstory.requests.v1 import build_v1
from bridge.mapping.runtime.outcome import (
    Atom,
    DeviceSession,
    Event,
    NoSession,
    Property,
    PropertyType,
    Recent,
    Session,
    SessionId,
    SessionUrl,
)


def event(*properties: Property, session: Session = Recent(), uid: str = "u1") -> Event:  # noqa: B008
    """An event with these properties."""
    return Event("m", uid, "E", "2026-11-24T10:15:00.000Z", session, properties)


def test_a_request_has_a_fixed_key_order() -> None:
    """Byte for byte, with the types as suffixes."""
    request = build_v1(event(Property("b", "int", 1), Property("a", "strs", ["x", "é"])))

    body = (
        '{"event":{"event_name":"E","event_data":{"b_int":1,"a_strs":["x","é"]},'
        '"timestamp":"2026-11-24T10:15:00.000Z","use_recent_session":true}}'
    )
    assert request == Request("POST", "/users/v1/individual/u1/customevent", body.encode())


@pytest.mark.parametrize(
    ("session", "field"),
    [
        (Recent(), b',"use_recent_session":true}}'),
        (NoSession(), b'Z"}}'),
        (SessionUrl("https://s"), b',"session_url":"https://s"}}'),
        (DeviceSession("1:2"), b',"device_session":"1:2"}}'),
    ],
)
def test_at_most_one_session_field_is_sent(session: Session, field: bytes) -> None:
    """`use_recent_session: false` would count as true, so it is never sent."""
    body = build_v1(event(session=session)).body

    assert body.endswith(field)
    assert body.count(b"session") <= 1


def test_a_session_of_v2_is_rejected() -> None:
    """`check` rejects it; if one gets here nevertheless, no request is built."""
    with pytest.raises(PoisonRecord) as raised:
        build_v1(event(session=SessionId("1:2")))

    assert (raised.value.stage, raised.value.reason) == ("build", "session_not_in_v1")


def test_optional_fields_are_sent() -> None:
    """Only if the mapping sets them, including false."""
    request = build_v1(
        Event("m", "u", "E", "2026-11-24T10:15:00.000Z", NoSession(), (), False, "bus")
    )

    assert request.body.endswith(b',"user_initiated":false,"integration":"bus"}}')


@pytest.mark.parametrize("uid", ["a/b", "a?b", "a%b", "a b", "ż", "a:b", "..x", "a#b", "a\nb"])
def test_a_uid_is_one_segment_of_the_path(uid: str) -> None:
    """It cannot end the segment or start another part of the URL."""
    path = build_v1(event(uid=uid)).path

    segment = path.removeprefix("/users/v1/individual/").removesuffix("/customevent")
    assert not set(segment) & set("/?#: \n")
    assert path.count("/") == 5


@pytest.mark.parametrize(
    ("type_", "value", "fits"),
    [
        ("str", "x" * 8192, True),
        ("str", "x" * 8193, False),
        ("str", "é" * 4096, True),
        ("str", "é" * 4097, False),
        ("strs", ["x" * 4000, "y" * 4000], True),
        ("strs", ["x" * 4000, "y" * 5000], False),
        ("ints", list(range(5000)), False),
    ],
)
def test_a_value_has_at_most_8192_bytes(
    type_: PropertyType, value: Atom | list[Atom], fits: bool
) -> None:
    """FullStory would drop the property silently."""
    long_event = event(Property("long", type_, value))
    if fits:
        assert build_v1(long_event).method == "POST"
        return
    with pytest.raises(PoisonRecord) as raised:
        build_v1(long_event)
    assert (raised.value.stage, raised.value.reason) == ("build", "value_too_large")
    assert raised.value.path == "long"


def test_a_value_in_an_object_is_named_by_its_dotted_name() -> None:
    """In a dead letter and its message."""
    too_long = event(Property("a.b.c", "str", "x" * 8193))._replace(has_objects=True)
    with pytest.raises(PoisonRecord, match=r"a value of `a\.b\.c` has more than") as raised:
        build_v1(too_long)
    assert raised.value.path == "a.b.c"


def test_a_name_has_at_most_512_characters_with_its_suffix() -> None:
    """`check` rejects longer ones; if one gets here nevertheless, no request is built."""
    build_v1(event(Property("n" * 508, "int", 1)))
    with pytest.raises(PoisonRecord) as raised:
        build_v1(event(Property("n" * 509, "int", 1)))
    assert raised.value.reason == "name_too_long"
