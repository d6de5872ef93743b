"""Events as requests of API v1."""

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


def test_a_request_holds_the_event_in_one_fixed_order() -> None:
    """Byte for byte, with the types as suffixes."""
    made = build_v1(event(Property("b", "int", 1), Property("a", "strs", ["x", "é"])))

    body = (
        '{"event":{"event_name":"E","event_data":{"b_int":1,"a_strs":["x","é"]},'
        '"timestamp":"2026-11-24T10:15:00.000Z","use_recent_session":true}}'
    )
    assert made == Request("POST", "/users/v1/individual/u1/customevent", body.encode())


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
    """`use_recent_session: false` would count as true, so it is never written."""
    body = build_v1(event(session=session)).body

    assert body.endswith(field)
    assert body.count(b"session") <= 1


def test_a_session_of_v2_cannot_be_said() -> None:
    """`check` refuses it; should it come all the same, it is no request."""
    with pytest.raises(PoisonRecord) as raised:
        build_v1(event(session=SessionId("1:2")))

    assert (raised.value.stage, raised.value.reason) == ("build", "session_not_in_v1")


def test_the_optional_fields_are_passed_on() -> None:
    """Only where the mapping sets them, false included."""
    made = build_v1(Event("m", "u", "E", "2026-11-24T10:15:00.000Z", NoSession(), (), False, "bus"))

    assert made.body.endswith(b',"user_initiated":false,"integration":"bus"}}')


@pytest.mark.parametrize("uid", ["a/b", "a?b", "a%b", "a b", "ż", "a:b", "..x", "a#b", "a\nb"])
def test_a_uid_is_one_segment_of_the_path(uid: str) -> None:
    """Nothing in it can end the segment or begin another part of the address."""
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
    """FullStory would drop the property without a word."""
    made = event(Property("long", type_, value))
    if fits:
        assert build_v1(made).method == "POST"
        return
    with pytest.raises(PoisonRecord) as raised:
        build_v1(made)
    assert (raised.value.stage, raised.value.reason) == ("build", "value_too_large")
    assert raised.value.path == "long"


def test_a_name_has_at_most_512_characters_with_its_suffix() -> None:
    """`check` refuses longer ones; should one come all the same, it is no request."""
    build_v1(event(Property("n" * 508, "int", 1)))
    with pytest.raises(PoisonRecord) as raised:
        build_v1(event(Property("n" * 509, "int", 1)))
    assert raised.value.reason == "name_too_long"
