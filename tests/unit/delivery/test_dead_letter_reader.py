"""Dead letters are parsed and selected."""

from typing import Any

import pytest

from bridge.delivery.dead_letter import DeadLetterContext, Failure, dead_letter
from bridge.delivery.dead_letter_reader import DeadLetterFilter, DeadLetterRecord, read_dead_letter
from bridge.records import Assignment, Record

NOW_S = 1_795_515_300.0
RECORD = Record("payments", 3, 42, 1_700, b"key", b"value", Assignment("payments", 3))


def stored(failure: Failure, *, group: str = "bridge", record: Record = RECORD) -> Record:
    """A dead letter of the record, as stored in the dead-letter topic."""
    written = dead_letter(record, failure, DeadLetterContext(group), NOW_S)
    assignment = Assignment("dead-letters", 0)
    stored_record = Record("dead-letters", 0, 7, 1_700, written.key, written.value, assignment)
    return stored_record._replace(read_headers=lambda: written.headers)


def parse(record: Record) -> DeadLetterRecord:
    """Parse a dead letter, which must be valid."""
    parsed = read_dead_letter(record)
    assert parsed is not None
    return parsed


DEAD_LETTER = parse(stored(Failure("map", "missing_uid", "no user", "paid", "user")))


def test_a_dead_letter_has_its_origin_and_reason() -> None:
    """The original record has the dead letter's assignment, bytes and timestamp."""
    assert DEAD_LETTER.origin.place == "payments/3/42"
    assert DEAD_LETTER.origin.assignment is DEAD_LETTER.record.assignment
    assert DEAD_LETTER.origin[3:6] == (1_700, b"key", b"value")
    assert DEAD_LETTER[2:] == ("bridge", "map", "missing_uid", "paid", 1, NOW_S)


def test_a_dead_letter_for_all_mappings_has_no_mapping() -> None:
    """Decoding failed before any mapping got the record."""
    assert parse(stored(Failure("decode", "truncated", "cut off"))).mapping is None


def test_a_dead_letter_that_fails_again_keeps_its_origin() -> None:
    """Wherever it was stored in between."""
    again = stored(Failure("send", "refused", "no", "paid"), record=DEAD_LETTER.record)
    assert parse(again).origin.place == "payments/3/42"
    assert parse(again).attempts == 2


@pytest.mark.parametrize(
    "changed",
    [
        {"fullstory_bridge.reason": None},
        {"__connect.errors.topic": None},
        {"__connect.errors.partition": b"-1"},
        {"__connect.errors.offset": b"many"},
        {"__connect.errors.offset": "٣".encode()},
        {"__connect.errors.offset": b"9" * 30},
    ],
)
def test_without_reason_and_origin_it_is_no_dead_letter(changed: dict[str, Any]) -> None:
    """Another program or a person wrote it: it is ignored."""
    headers = {**dict(DEAD_LETTER.record.headers), **changed}
    record = DEAD_LETTER.record._replace(
        read_headers=lambda: [(k, v) for k, v in headers.items() if v is not None]
    )
    assert read_dead_letter(record) is None


def test_without_failed_at_the_record_timestamp_counts() -> None:
    """It is the best time available."""
    kept = [one for one in DEAD_LETTER.record.headers if one[0] != "fullstory_bridge.failed_at"]
    assert parse(DEAD_LETTER.record._replace(read_headers=lambda: kept)).failed_at_s == 1.7


@pytest.mark.parametrize(
    ("given", "matches"),
    [
        ({}, True),
        ({"group": "other"}, False),
        ({"reasons": frozenset({"missing_uid", "truncated"})}, True),
        ({"reasons": frozenset({"truncated"})}, False),
        ({"mappings": frozenset({"paid"})}, True),
        ({"mappings": frozenset({"refunded"})}, False),
        ({"topics": frozenset({"payments"})}, True),
        ({"topics": frozenset({"dead-letters"})}, False),
        ({"since_s": NOW_S}, True),
        ({"since_s": NOW_S + 0.001}, False),
        ({"until_s": NOW_S}, False),
        ({"until_s": NOW_S + 0.001}, True),
        ({"mappings": frozenset({"paid"}), "reasons": frozenset({"truncated"})}, False),
    ],
)
def test_a_filter_combines_its_fields(given: dict[str, Any], matches: bool) -> None:
    """Values of one field are alternatives; other groups never match."""
    assert DeadLetterFilter(**{"group": "bridge", **given}).matches(DEAD_LETTER) is matches


def test_a_mapping_filter_excludes_dead_letters_without_mapping() -> None:
    """They can be selected by their own reasons."""
    parsed = parse(stored(Failure("decode", "truncated", "cut off")))
    assert not DeadLetterFilter("bridge", mappings=frozenset({"paid"})).matches(parsed)


def test_the_replay_group_identifies_the_filter() -> None:
    """The order of flags does not matter; any other filter is another replay."""
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


def test_the_replay_group_never_changes() -> None:
    """A release with another derivation would replay from the beginning."""
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
    "given", [DeadLetterFilter("bridge"), EACH, DeadLetterFilter("bridge", since_s=0.1)]
)
def test_the_replay_group_can_be_parsed(given: DeadLetterFilter) -> None:
    """So another replay of the same dead letters knows what this one selected."""
    assert DeadLetterFilter("bridge", frozenset({"x"})).of_replay(given.replay_group) == given


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
def test_other_group_names_are_no_replays(name: str) -> None:
    """They belong to another group, or no replay has such a name."""
    assert DeadLetterFilter("bridge").of_replay(name) is None
