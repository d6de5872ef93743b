"""What stands in the dead-letter topic."""

import pytest

from bridge.delivery.dead_letter import DeadLetterContext, Failure, dead_letter
from bridge.records import Assignment, Record

US = DeadLetterContext("group", {"m": "payments team"})
NOW_S = 1_795_515_300.0
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
    letter = dead_letter(RECORD, Failure("decode", "truncated", "cut off"), US, NOW_S)
    assert (letter.key, letter.value, letter.timestamp_ms) == (b"key", b"\x00value", 1_700)
    assert letter.headers[0] == ("a", b"\xff")


def test_the_headers_tell_where_it_came_from_and_why() -> None:
    """Kafka Connect's names for what Connect knows, ours for the rest; all of it text."""
    failure = Failure("decode", "truncated", "cut off", None, "a.b", 17)
    headers = dict(dead_letter(RECORD, failure, US, NOW_S).headers)
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
        "fullstory_bridge.failed_at": b"2026-11-24T10:15:00.000Z",
        "fullstory_bridge.attempts": b"1",
    }


def test_a_letter_that_fails_again_keeps_its_first_origin() -> None:
    """Where the record was first is what a person looks for; why it failed is the newest."""
    first = dead_letter(RECORD, Failure("decode", "truncated", "cut off"), US, NOW_S)
    again = Record("letters", 0, 7, 1, b"key", b"", Assignment("letters", 0), lambda: first.headers)
    failure = Failure("send", "refused", "no", "m", status=400, code="invalid_argument")
    headers = dead_letter(again, failure, US, NOW_S + 60).headers
    told = dict(headers)
    assert len(told) == len(headers)
    assert told["__connect.errors.topic"] == b"payments"
    assert told["__connect.errors.offset"] == b"42"
    assert told["fullstory_bridge.reason"] == b"refused"
    assert told["fullstory_bridge.http.status"] == b"400"
    assert told["fullstory_bridge.http.code"] == b"invalid_argument"
    assert told["fullstory_bridge.mapping"] == b"m"
    assert told["fullstory_bridge.owner"] == b"payments team"
    assert told["fullstory_bridge.attempts"] == b"2"
    assert told["fullstory_bridge.failed_at"] == b"2026-11-24T10:16:00.000Z"
    assert "fullstory_bridge.path" not in told


def test_the_headers_of_another_programs_failure_are_no_origin_of_ours() -> None:
    """A topic that Kafka Connect's dead letters fill is a topic like any other."""
    theirs = [("__connect.errors.topic", b"elsewhere"), ("__connect.errors.offset", b"9")]
    record = RECORD._replace(read_headers=lambda: theirs)
    told = dict(dead_letter(record, Failure("map", "missing_uid", "no user", "m"), US, 0).headers)
    assert told["__connect.errors.topic"] == b"payments"
    assert told["__connect.errors.offset"] == b"42"
    assert told["fullstory_bridge.attempts"] == b"1"


@pytest.mark.parametrize("code", ["cus_42 is unknown", "x" * 65, "", "naïve"])
def test_what_is_no_code_of_fullstorys_is_no_header(code: str) -> None:
    """A proxy could answer with an echo of the request."""
    letter = dead_letter(RECORD, Failure("send", "r", "m", "m", status=400, code=code), US, 0)
    assert "fullstory_bridge.http.code" not in dict(letter.headers)


@pytest.mark.parametrize(("written", "attempts"), [(b"4", 5), (b"x", 2), (None, 2), (b"", 2)])
def test_attempts_go_on_from_what_the_letter_says(written: bytes | None, attempts: int) -> None:
    """A letter without a number was given up once."""
    headers = [("fullstory_bridge.reason", b"r"), ("fullstory_bridge.attempts", written)]
    letter = RECORD._replace(read_headers=lambda: headers)
    told = dict(dead_letter(letter, Failure("map", "r", "m", "m"), US, 0).headers)
    assert told["fullstory_bridge.attempts"] == str(attempts).encode()
