"""The contents of dead letters."""

import pytest

from bridge.delivery.dead_letter import DeadLetterContext, Failure, dead_letter
from bridge.records import Assignment, Record

CONTEXT = DeadLetterContext("group", {"m": "payments team"})
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


def test_key_value_headers_and_timestamp_are_unchanged() -> None:
    """Including arbitrary bytes."""
    written = dead_letter(RECORD, Failure("decode", "truncated", "cut off"), CONTEXT, NOW_S)
    assert (written.key, written.value, written.timestamp_ms) == (b"key", b"\x00value", 1_700)
    assert written.headers[0] == ("a", b"\xff")


def test_the_headers_have_origin_and_reason() -> None:
    """Kafka Connect's names where they exist, the bridge's own otherwise; all values are text."""
    failure = Failure("decode", "truncated", "cut off", None, "a.b", 17)
    headers = dict(dead_letter(RECORD, failure, CONTEXT, NOW_S).headers)
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


def test_a_dead_letter_that_fails_again_keeps_its_first_origin() -> None:
    """Its reason is that of the latest failure."""
    first = dead_letter(RECORD, Failure("decode", "truncated", "cut off"), CONTEXT, NOW_S)
    again = Record(
        "dead-letters", 0, 7, 1, b"key", b"", Assignment("dead-letters", 0), lambda: first.headers
    )
    failure = Failure("send", "refused", "no", "m", status=400, code="invalid_argument")
    pairs = dead_letter(again, failure, CONTEXT, NOW_S + 60).headers
    headers = dict(pairs)
    assert len(headers) == len(pairs)
    assert headers["__connect.errors.topic"] == b"payments"
    assert headers["__connect.errors.offset"] == b"42"
    assert headers["fullstory_bridge.reason"] == b"refused"
    assert headers["fullstory_bridge.http.status"] == b"400"
    assert headers["fullstory_bridge.http.code"] == b"invalid_argument"
    assert headers["fullstory_bridge.mapping"] == b"m"
    assert headers["fullstory_bridge.owner"] == b"payments team"
    assert headers["fullstory_bridge.attempts"] == b"2"
    assert headers["fullstory_bridge.failed_at"] == b"2026-11-24T10:16:00.000Z"
    assert "fullstory_bridge.path" not in headers


def test_dead_letter_headers_of_other_programs_are_replaced() -> None:
    """A topic with Kafka Connect's dead letters is read like any other topic."""
    theirs = [("__connect.errors.topic", b"elsewhere"), ("__connect.errors.offset", b"9")]
    record = RECORD._replace(read_headers=lambda: theirs)
    headers = dict(
        dead_letter(record, Failure("map", "missing_uid", "no user", "m"), CONTEXT, 0).headers
    )
    assert headers["__connect.errors.topic"] == b"payments"
    assert headers["__connect.errors.offset"] == b"42"
    assert headers["fullstory_bridge.attempts"] == b"1"


@pytest.mark.parametrize("code", ["cus_42 is unknown", "x" * 65, "", "naïve"])
def test_an_invalid_code_gets_no_header(code: str) -> None:
    """A proxy could echo the request."""
    written = dead_letter(RECORD, Failure("send", "r", "m", "m", status=400, code=code), CONTEXT, 0)
    assert "fullstory_bridge.http.code" not in dict(written.headers)


@pytest.mark.parametrize(("written", "attempts"), [(b"4", 5), (b"x", 2), (None, 2), (b"", 2)])
def test_attempts_continue_from_the_dead_letter(written: bytes | None, attempts: int) -> None:
    """Without a valid number, it counts as one attempt."""
    stored = [("fullstory_bridge.reason", b"r"), ("fullstory_bridge.attempts", written)]
    record = RECORD._replace(read_headers=lambda: stored)
    headers = dict(dead_letter(record, Failure("map", "r", "m", "m"), CONTEXT, 0).headers)
    assert headers["fullstory_bridge.attempts"] == str(attempts).encode()
