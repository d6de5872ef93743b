"""Dead letters as they are read again, and which of them are meant."""

from typing import Any

import pytest

from bridge.delivery.dead_letter import DeadLetterContext, Failure, dead_letter
from bridge.delivery.dead_letter_reader import DeadLetterFilter, DeadLetterRecord, read_dead_letter
from bridge.records import Assignment, Record

NOW_S = 1_795_515_300.0
RECORD = Record("payments", 3, 42, 1_700, b"key", b"value", Assignment("payments", 3))


def lying(failure: Failure, *, group: str = "bridge", record: Record = RECORD) -> Record:
    """A letter of the record, as it lies in the dead-letter topic."""
    letter = dead_letter(record, failure, DeadLetterContext(group), NOW_S)
    place = Record("letters", 0, 7, 1_700, letter.key, letter.value, Assignment("letters", 0))
    return place._replace(read_headers=lambda: letter.headers)


def letter_of(record: Record) -> DeadLetterRecord:
    """The letter; there must be one."""
    letter = read_dead_letter(record)
    assert letter is not None
    return letter


LETTER = letter_of(lying(Failure("map", "missing_uid", "no user", "paid", "user")))


def test_a_letter_tells_what_it_was_and_why_it_failed() -> None:
    """Its record as it was first has the letter's own assignment, bytes and time."""
    assert LETTER.origin.place == "payments/3/42"
    assert LETTER.origin.assignment is LETTER.record.assignment
    assert LETTER.origin[3:6] == (1_700, b"key", b"value")
    assert LETTER[2:] == ("bridge", "map", "missing_uid", "paid", 1, NOW_S)


def test_a_letter_for_all_mappings_names_none() -> None:
    """Decoding failed before any mapping saw the record."""
    assert letter_of(lying(Failure("decode", "truncated", "cut off"))).mapping is None


def test_a_letter_given_up_again_is_a_letter_of_its_first_place() -> None:
    """Wherever it lay in between."""
    again = lying(Failure("send", "refused", "no", "paid"), record=LETTER.record)
    assert letter_of(again).origin.place == "payments/3/42"
    assert letter_of(again).attempts == 2


@pytest.mark.parametrize(
    "broken",
    [
        {"fullstory_bridge.reason": None},
        {"__connect.errors.topic": None},
        {"__connect.errors.partition": b"-1"},
        {"__connect.errors.offset": b"many"},
        {"__connect.errors.offset": "٣".encode()},
        {"__connect.errors.offset": b"9" * 30},
    ],
)
def test_what_does_not_say_why_and_where_from_is_no_letter(broken: dict[str, Any]) -> None:
    """Somebody else's, or written by hand: it is left alone."""
    headers = {**dict(LETTER.record.headers), **broken}
    record = LETTER.record._replace(
        read_headers=lambda: [(k, v) for k, v in headers.items() if v is not None]
    )
    assert read_dead_letter(record) is None


def test_a_letter_that_does_not_say_when_failed_when_its_record_was_made() -> None:
    """As far as anybody knows."""
    kept = [one for one in LETTER.record.headers if one[0] != "fullstory_bridge.failed_at"]
    assert letter_of(LETTER.record._replace(read_headers=lambda: kept)).failed_at_s == 1.7


@pytest.mark.parametrize(
    ("meant", "matches"),
    [
        ({}, True),
        ({"group": "other"}, False),
        ({"reasons": frozenset({"missing_uid", "truncated"})}, True),
        ({"reasons": frozenset({"truncated"})}, False),
        ({"mappings": frozenset({"paid"})}, True),
        ({"mappings": frozenset({"refunded"})}, False),
        ({"topics": frozenset({"payments"})}, True),
        ({"topics": frozenset({"letters"})}, False),
        ({"since_s": NOW_S}, True),
        ({"since_s": NOW_S + 0.001}, False),
        ({"until_s": NOW_S}, False),
        ({"until_s": NOW_S + 0.001}, True),
        ({"mappings": frozenset({"paid"}), "reasons": frozenset({"truncated"})}, False),
    ],
)
def test_a_filter_means_what_all_of_its_parts_mean(meant: dict[str, Any], matches: bool) -> None:
    """Values of one part are alternatives; another group's letters are never meant."""
    assert DeadLetterFilter(**{"group": "bridge", **meant}).matches(LETTER) is matches


def test_a_mapping_that_is_asked_for_is_not_that_of_a_letter_for_all_of_them() -> None:
    """Such letters have a reason of their own to be chosen by."""
    letter = letter_of(lying(Failure("decode", "truncated", "cut off")))
    assert not DeadLetterFilter("bridge", mappings=frozenset({"paid"})).matches(letter)


def test_the_group_of_a_replay_is_that_of_its_filter() -> None:
    """In whatever order the flags were given; any other filter is another replay."""
    one = DeadLetterFilter("bridge", frozenset({"a", "b"}), since_s=1.0)
    same = DeadLetterFilter("bridge", frozenset({"b", "a"}), since_s=1.0)
    others = [
        DeadLetterFilter("bridge"),
        DeadLetterFilter("bridge", frozenset({"a", "b"})),
        DeadLetterFilter("bridge", frozenset({"a", "b"}), until_s=1.0),
        DeadLetterFilter("bridge", mappings=frozenset({"a", "b"}), since_s=1.0),
        DeadLetterFilter("bridge", topics=frozenset({"a", "b"}), since_s=1.0),
    ]
    assert one.replay_group == same.replay_group
    assert len({one.replay_group, *(other.replay_group for other in others)}) == 6


def test_the_group_of_a_replay_stays_the_same_for_ever() -> None:
    """Another release that derived it otherwise would replay from the beginning."""
    assert DeadLetterFilter("bridge").replay_group == "bridge.replay?"
    assert EACH.replay_group == (
        "bridge.replay?reason=a%26b&reason=c&mapping=d&topic=e%3D&since=1.5&until=1795515300.25"
    )


EACH = DeadLetterFilter(
    "bridge",
    frozenset({"c", "a&b"}),
    frozenset({"d"}),
    frozenset({"e="}),
    since_s=1.5,
    until_s=1_795_515_300.25,
)


@pytest.mark.parametrize(
    "meant", [DeadLetterFilter("bridge"), EACH, DeadLetterFilter("bridge", since_s=0.1)]
)
def test_the_group_of_a_replay_tells_its_filter(meant: DeadLetterFilter) -> None:
    """So that another replay of the same letters knows what this one was about."""
    assert DeadLetterFilter("bridge", frozenset({"x"})).of_replay(meant.replay_group) == meant


@pytest.mark.parametrize(
    "name",
    [
        "bridge",
        "bridge.replay",
        "bridge.replay.28ff5a877a3a",
        "other.replay?reason=a",
        "reason=a",
        "bridge.replay?reason=c&reason=a",
        "bridge.replay?since=soon",
        "bridge.replay?since=1.5&since=2.5",
        "bridge.replay?reason=a&colour=red",
        "",
    ],
)
def test_any_other_group_is_no_replay(name: str) -> None:
    """Of another group's letters, or of a name that no replay of ours has."""
    assert DeadLetterFilter("bridge").of_replay(name) is None
