"""What a person is told, and how often."""

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from string import ascii_lowercase
from typing import Any, Literal

import pytest
import structlog

from bridge.delivery.pauses import REASONS_MAX, reason_for
from bridge.observer import (
    Answered,
    Assigned,
    CommitFailed,
    Committed,
    DeadLettered,
    Delivered,
    EventSkipped,
    Fact,
    HaltedScope,
    Info,
    Polled,
    PollLoopTick,
    RecordsFiltered,
    Resumed,
    Retrying,
    Revoked,
    SchemaMismatch,
    Waiting,
)
from bridge.status.log import KINDS_MAX, SAME_AGAIN_AFTER_S, LogObserver, configure_log


class Told:
    """A log at some time, and the lines that it wrote since the last look."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture
        self.level: Literal["info", "warning"] = "info"
        self.now_s = 100.0
        self.log = LogObserver(lambda: self.now_s)

    def lines(self, *facts: Fact) -> list[dict[str, Any]]:
        """Tell facts; returns what was written, without the time."""
        configure_log(self.level, "json")
        for fact in facts:
            self.log.notify(fact)
        found = [json.loads(line) for line in self._capture.readouterr().err.splitlines()]
        return [{key: line[key] for key in line if key != "timestamp"} for line in found]


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Iterator[Told]:
    """A log that writes JSON."""
    yield Told(capsys)
    structlog.reset_defaults()


@pytest.mark.parametrize(
    ("fact", "line"),
    [
        (Assigned([("t", 3)]), {"event": "assigned", "level": "info", "partitions": ["t/3"]}),
        (Revoked([("t", 3)], False), {"event": "revoked", "level": "info", "partitions": ["t/3"]}),
        (Revoked([("t", 3)], True), {"event": "lost", "level": "info", "partitions": ["t/3"]}),
        (
            Waiting("kafka", "down"),
            {
                "event": "paused",
                "level": "warning",
                "what": "kafka",
                "why": "down",
                "fix": reason_for("kafka", "down").fix,
            },
        ),
        (
            HaltedScope("t/0", "damaged", "look"),
            {"event": "halted", "level": "error", "scope": "t/0", "why": "damaged", "fix": "look"},
        ),
        (
            SchemaMismatch("t", "m", "`a` can be missing"),
            {
                "event": "mapping does not fit a new schema",
                "level": "warning",
                "topic": "t",
                "mapping": "m",
                "why": "`a` can be missing",
            },
        ),
        (Info("no subject yet"), {"event": "no subject yet", "level": "info"}),
    ],
)
def test_each_fact_for_a_person_is_one_line(
    told: Told, fact: Fact, line: dict[str, object]
) -> None:
    """JSON, one object a line, with its level."""
    assert told.lines(fact) == [line]


@pytest.mark.parametrize(
    "fact",
    [
        PollLoopTick(),
        Polled(1),
        RecordsFiltered("t"),
        EventSkipped("m", "no_uid"),
        Delivered("m", 1),
        Answered(200),
        Retrying("m", "status_503", 1.0),
        Committed([("t", 0)]),
    ],
)
def test_what_happens_for_every_record_is_not_logged(told: Told, fact: Fact) -> None:
    """It is counted; a log of it would cost more than the work."""
    assert told.lines(fact) == []


def test_the_same_trouble_is_told_once_in_ten_seconds_with_how_often_it_came(told: Told) -> None:
    """Different places are the same trouble; different reasons are not."""
    letters = [DeadLettered("m", "decode", "truncated", f"t/0/{offset}") for offset in range(500)]
    [first] = told.lines(*letters)
    assert (first["reason"], first["newest"]) == ("truncated", "t/0/0")
    assert "more_before" not in first
    assert len(told.lines(DeadLettered("m", "decode", "bad_magic_byte", "t/0/7"))) == 1

    told.now_s += SAME_AGAIN_AFTER_S - 0.1
    assert told.lines(letters[0]) == []
    told.now_s += 0.1
    [again] = told.lines(letters[9])
    assert (again["newest"], again["more_before"]) == ("t/0/9", 500)


def test_troubles_that_differ_in_numbers_only_are_the_same(told: Told) -> None:
    """A port or a duration changes from one to the next, and tells nothing new."""
    for trouble in (Waiting("kafka", "{} after {} ms"), CommitFailed("{} after {} ms")):
        first, second = (
            replace(trouble, why=trouble.why.format(*numbers)) for numbers in ((4711, 3), (1147, 9))
        )
        assert len(told.lines(first)) == 1
        assert told.lines(second) == []


def test_a_pause_is_told_once_with_its_cure_and_its_end_with_how_long_it_stood(told: Told) -> None:
    """However often, and however long; the next one is told anew."""
    assert len(told.lines(*[Waiting("fullstory", "status_503")] * 3)) == 1
    told.now_s += 3_600
    assert told.lines(Waiting("fullstory", "status_503")) == []
    [line] = told.lines(Waiting("fullstory", "key_refused"))
    assert line["fix"] == reason_for("fullstory", "key_refused").fix
    assert line["fix"] != reason_for("fullstory", "status_503").fix
    told.now_s += 12.34
    assert told.lines(Resumed("fullstory"), Resumed("fullstory"), Resumed("kafka")) == [
        {"event": "resumed", "level": "info", "what": "fullstory", "stood_s": 3612.3}
    ]
    assert len(told.lines(Waiting("fullstory", "status_503"))) == 1


def test_reasons_without_end_of_one_pause_are_not_all_told(told: Told) -> None:
    """What comes after so many is more of the same."""
    reasons = [Waiting("kafka", "".join(name)) for name in product(ascii_lowercase, repeat=2)]
    assert len(told.lines(*reasons)) == REASONS_MAX


def test_a_trouble_of_a_commit_says_that_it_is_tried_again(told: Told) -> None:
    """A person need not act."""
    [line] = told.lines(CommitFailed("illegal generation"))
    assert line["event"] == "commit failed, trying again"
    assert line["level"] == "warning"


def test_troubles_without_end_do_not_fill_the_memory(told: Told) -> None:
    """They are forgotten all at once, and told anew."""
    troubles = [CommitFailed("".join(name)) for name in product(ascii_lowercase, repeat=3)]
    assert len(told.lines(*troubles[: KINDS_MAX + 1])) == KINDS_MAX + 1
    assert len(told.lines(troubles[0])) == 1
    assert len(told.log._told) <= KINDS_MAX


def test_a_halt_names_whom_to_ask_where_the_mappings_file_says_it(told: Told) -> None:
    """Else there is nobody to name."""
    [line] = told.lines(HaltedScope("the topic t", "why", "fix", "payments team"))
    assert line["owner"] == "payments team"
    [line] = told.lines(HaltedScope("the topic t", "why", "fix"))
    assert "owner" not in line


def test_below_the_level_nothing_is_written(told: Told) -> None:
    """`warning` leaves out what is only of interest."""
    told.level = "warning"
    assert told.lines(Assigned([("t", 0)])) == []
    assert len(told.lines(Waiting("kafka", "down"))) == 1


def test_text_is_for_people_and_json_for_all_else(capsys: pytest.CaptureFixture[str]) -> None:
    """`auto` is JSON when nobody looks at a terminal."""
    for form, is_json in (("text", False), ("json", True), ("auto", True)):
        configure_log("info", form)  # type: ignore[arg-type]
        LogObserver().notify(Info("hello"))
        written = capsys.readouterr().err
        assert "hello" in written
        assert written.startswith("{") is is_json
    structlog.reset_defaults()
