"""What is logged, and how often."""

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from string import ascii_lowercase
from typing import Any, Literal

import pytest
import structlog

from bridge.delivery.pauses import REASONS_MAX, effect_of
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
from bridge.status.log import KINDS_MAX, REPEAT_AFTER_S, LogObserver, configure_log


class CapturedLog:
    """A log with a manual clock, and the lines that it writes."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture
        self.level: Literal["info", "warning"] = "info"
        self.now_s = 100.0
        self.log = LogObserver(lambda: self.now_s)

    def lines(self, *facts: Fact) -> list[dict[str, Any]]:
        """Log facts; return the lines written, without their timestamps."""
        configure_log(self.level, "json")
        for fact in facts:
            self.log.notify(fact)
        lines = [json.loads(line) for line in self._capture.readouterr().err.splitlines()]
        return [{key: line[key] for key in line if key != "timestamp"} for line in lines]


@pytest.fixture
def captured(capsys: pytest.CaptureFixture[str]) -> Iterator[CapturedLog]:
    """A log that writes JSON."""
    yield CapturedLog(capsys)
    structlog.reset_defaults()


@pytest.fixture(autouse=True)
def client_log() -> Iterator[logging.Logger]:
    """The logger of librdkafka, restored after the test."""
    client = logging.getLogger("librdkafka")
    handlers, level = client.handlers, client.level
    yield client
    client.handlers = handlers
    client.setLevel(level)


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
                "component": "kafka",
                "why": "down",
                "fix": effect_of("kafka", "down").fix,
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
def test_each_fact_for_an_operator_is_one_line(
    captured: CapturedLog, fact: Fact, line: dict[str, object]
) -> None:
    """One JSON object per line, with its level."""
    assert captured.lines(fact) == [line]


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
def test_facts_of_single_records_are_not_logged(captured: CapturedLog, fact: Fact) -> None:
    """They are counted; logging them would cost more than processing the record."""
    assert captured.lines(fact) == []


def test_equal_warnings_are_logged_once_in_ten_seconds_with_the_number_suppressed(
    captured: CapturedLog,
) -> None:
    """Warnings with different places are equal; those with different reasons are not."""
    facts = [DeadLettered("m", "decode", "truncated", f"t/0/{offset}") for offset in range(500)]
    [first] = captured.lines(*facts)
    assert (first["reason"], first["newest"]) == ("truncated", "t/0/0")
    assert "suppressed" not in first
    assert len(captured.lines(DeadLettered("m", "decode", "bad_magic_byte", "t/0/7"))) == 1

    captured.now_s += REPEAT_AFTER_S - 0.1
    assert captured.lines(facts[0]) == []
    captured.now_s += 0.1
    [again] = captured.lines(facts[9])
    assert (again["newest"], again["suppressed"]) == ("t/0/9", 500)


def test_warnings_that_differ_only_in_numbers_are_equal(captured: CapturedLog) -> None:
    """A different port or duration is no new information."""
    for fact in (Waiting("kafka", "{} after {} ms"), CommitFailed("{} after {} ms")):
        first, second = (
            replace(fact, why=fact.why.format(*numbers)) for numbers in ((4711, 3), (1147, 9))
        )
        assert len(captured.lines(first)) == 1
        assert captured.lines(second) == []


def test_a_pause_is_logged_once_with_its_fix_and_its_end_with_the_duration(
    captured: CapturedLog,
) -> None:
    """However many facts there are; the next pause is logged again."""
    assert len(captured.lines(*[Waiting("fullstory", "status_503")] * 3)) == 1
    captured.now_s += 3_600
    assert captured.lines(Waiting("fullstory", "status_503")) == []
    [line] = captured.lines(Waiting("fullstory", "key_refused"))
    assert line["fix"] == effect_of("fullstory", "key_refused").fix
    assert line["fix"] != effect_of("fullstory", "status_503").fix
    captured.now_s += 12.34
    assert captured.lines(Resumed("fullstory"), Resumed("fullstory"), Resumed("kafka")) == [
        {"event": "resumed", "level": "info", "component": "fullstory", "duration_s": 3612.3}
    ]
    assert len(captured.lines(Waiting("fullstory", "status_503"))) == 1


def test_the_number_of_logged_reasons_of_one_pause_is_limited(captured: CapturedLog) -> None:
    """More reasons add no information."""
    reasons = [Waiting("kafka", "".join(name)) for name in product(ascii_lowercase, repeat=2)]
    assert len(captured.lines(*reasons)) == REASONS_MAX


def test_the_log_of_a_failed_commit_says_that_it_is_retried(captured: CapturedLog) -> None:
    """The operator need not act."""
    [line] = captured.lines(CommitFailed("illegal generation"))
    assert line["event"] == "commit failed, retrying"
    assert line["level"] == "warning"


def test_the_number_of_remembered_warnings_is_limited(captured: CapturedLog) -> None:
    """Beyond the limit, all are forgotten and logged again."""
    warnings = [CommitFailed("".join(name)) for name in product(ascii_lowercase, repeat=3)]
    assert len(captured.lines(*warnings[: KINDS_MAX + 1])) == KINDS_MAX + 1
    assert len(captured.lines(warnings[0])) == 1
    assert len(captured.log._repeats._logged) <= KINDS_MAX


def test_a_halt_names_the_owner_of_the_mapping_file(captured: CapturedLog) -> None:
    """Without an owner the key is left out."""
    [line] = captured.lines(HaltedScope("the topic t", "why", "fix", "payments team"))
    assert line["owner"] == "payments team"
    [line] = captured.lines(HaltedScope("the topic t", "why", "fix"))
    assert "owner" not in line


def test_lines_below_the_level_are_not_written(captured: CapturedLog) -> None:
    """`warning` leaves out info lines."""
    captured.level = "warning"
    assert captured.lines(Assigned([("t", 0)])) == []
    assert len(captured.lines(Waiting("kafka", "down"))) == 1


def test_the_format_is_text_or_json(capsys: pytest.CaptureFixture[str]) -> None:
    """`auto` is JSON if standard error is not a terminal."""
    for form, is_json in (("text", False), ("json", True), ("auto", True)):
        configure_log("info", form)  # type: ignore[arg-type]
        LogObserver().notify(Info("hello"))
        written = capsys.readouterr().err
        assert "hello" in written
        assert written.startswith("{") is is_json
    structlog.reset_defaults()


def test_librdkafka_lines_are_logged_at_their_level_and_repeats_are_suppressed(
    capsys: pytest.CaptureFixture[str], client_log: logging.Logger
) -> None:
    """Lines that differ in numbers only are repeats."""
    configure_log("info", "json")
    for port in (9092, 9093):
        client_log.error("%s [%s] %s", "FAIL", "c#consumer-1", f"kafka:{port}: Connection refused")
    client_log.info("Disconnected")
    client_log.debug("below the level")

    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["event"], line["level"], line["message"]) for line in lines] == [
        ("librdkafka", "error", "FAIL [c#consumer-1] kafka:9092: Connection refused"),
        ("librdkafka", "info", "Disconnected"),
    ]
    structlog.reset_defaults()
