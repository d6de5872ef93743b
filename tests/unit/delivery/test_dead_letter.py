"""What stands in the dead-letter topic."""

from bridge.delivery.dead_letter import Failure, dead_letter
from bridge.records import Assignment, Record

RECORD = Record(
    "payments",
    3,
    42,
    1_700,
    b"key",
    b"\x00value",
    Assignment("payments", 3),
    lambda: [("a", b"\xff")],
)


def test_key_value_headers_and_time_stay_as_they_are() -> None:
    """Bytes are bytes, whatever they hold."""
    letter = dead_letter(RECORD, Failure("decode", "truncated", "cut off"), "group")
    assert (letter.key, letter.value, letter.timestamp_ms) == (b"key", b"\x00value", 1_700)
    assert letter.headers[0] == ("a", b"\xff")


def test_the_headers_tell_where_it_came_from_and_why() -> None:
    """Kafka Connect's names for what Connect knows, ours for the rest; all of it text."""
    failure = Failure("decode", "truncated", "cut off", None, "a.b", 17)
    headers = dict(dead_letter(RECORD, failure, "group").headers)
    assert headers == {
        "a": b"\xff",
        "__connect.errors.topic": b"payments",
        "__connect.errors.partition": b"3",
        "__connect.errors.offset": b"42",
        "__connect.errors.stage": b"VALUE_CONVERTER",
        "__connect.errors.connector.name": b"group",
        "__connect.errors.exception.class.name": b"fullstory_bridge.truncated",
        "__connect.errors.exception.message": b"cut off",
        "fullstory_bridge.stage": b"decode",
        "fullstory_bridge.reason": b"truncated",
        "fullstory_bridge.path": b"a.b",
        "fullstory_bridge.byte_offset": b"17",
    }


def test_a_letter_that_fails_again_keeps_its_first_origin() -> None:
    """Where the record was first is what a person looks for; why it failed is the newest."""
    first = dead_letter(RECORD, Failure("decode", "truncated", "cut off"), "group")
    again = Record("letters", 0, 7, 1, b"key", b"", Assignment("letters", 0), lambda: first.headers)
    headers = dead_letter(
        again, Failure("send", "refused", "no", "m", status=400), "replay"
    ).headers
    told = dict(headers)
    assert len(told) == len(headers)
    assert told["__connect.errors.topic"] == b"payments"
    assert told["__connect.errors.offset"] == b"42"
    assert told["fullstory_bridge.reason"] == b"refused"
    assert told["fullstory_bridge.http.status"] == b"400"
