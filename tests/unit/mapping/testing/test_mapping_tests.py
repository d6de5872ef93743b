"""The tests beside the mappings: what they compare, and what they say when something differs."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from bridge.documents.document import parse
from bridge.mapping.language.loader import Rule, load_rules
from bridge.mapping.runtime.outcome import (
    DeviceSession,
    Event,
    MappingRejected,
    MappingSkipped,
    NoSession,
    Outcome,
    Property,
    Recent,
    SessionId,
    SessionUrl,
)
from bridge.mapping.testing.tests import (
    CannotRun,
    MappingTestResult,
    mapping_tests_of,
    run_mapping_test,
    untested,
)
from bridge.records import Record

FILE = """\
format: 1
mappings:
  - {name: m, topics: [t], uid: $key, event: E}
  - {name: other, topics: [t], uid: $key, event: E, mode: off}
tests:
  - name: it
    input: {topic: t}
    expect:
"""
EVENT = Event(
    "m",
    "u-1",
    "E",
    "2026-01-01T00:00:00.000Z",
    Recent(),
    (
        Property("n", "int", 5),
        Property("r", "real", 0.5),
        Property("s", "str", "abc"),
        Property("b", "bool", True),
        Property("d", "date", "2026-11-24T10:15:00.000Z"),
        Property("l", "strs", ["a", "b"]),
    ),
)


class Bench:
    """Gives outcomes that are set beforehand; notes what it was asked."""

    def __init__(self, *outcomes: Outcome) -> None:
        self._outcomes = outcomes
        self.rules: list[str] = []
        self.record: Record | None = None

    def outcomes(self, rules: Sequence[Rule], record: Record, value: object) -> Sequence[Outcome]:
        """What was set."""
        self.rules = [rule.name for rule in rules if rule.mode != "off"]
        self.record = record
        return self._outcomes

    def reasons(self, rule: Rule, record: Record, value: object) -> Sequence[str]:
        """One line."""
        return (f"because of {rule.name}",)


def result_of(expect: str, *outcomes: Outcome, bench: Bench | None = None) -> MappingTestResult:
    """One test with these expectations, in YAML, against these outcomes."""
    document = parse(f"{FILE}      {expect}\n", "m.yaml")
    (example,) = mapping_tests_of(document)
    return run_mapping_test(example, load_rules([document]), bench or Bench(*outcomes))


def told(result: MappingTestResult) -> list[tuple[str, str, str, str]]:
    """The differences, short."""
    return [(one.mapping, one.field, one.wanted, one.got) for one in result.differences]


@pytest.mark.parametrize(
    "expect",
    [
        "- {mapping: m}",
        "- {mapping: m, uid: u-1, event: E, session: recent}",
        "- {mapping: m, timestamp: 2026-01-01T00:00:00Z}",
        "- {mapping: m, timestamp: '2026-01-01T01:00:00+01:00'}",
        "- {mapping: m, properties: {n: 5, r: 0.5, s: abc, b: true}}",
        "- {mapping: m, properties: {n: 5.0, l: [a, b], absent: ~}}",
        "- {mapping: m, properties: {d: 2026-11-24T10:15:00Z}}",
        "- {mapping: m, properties: {s: {matches: ^a}, n: {matches: '5'}, l: [a, {matches: b}]}}",
        (
            "- {mapping: m, exact: true, properties: {n: 5, r: 0.5, s: abc, b: true,"
            " d: 2026-11-24T10:15:00Z, l: [a, b]}}"
        ),
    ],
)
def test_an_event_as_expected_passes(expect: str) -> None:
    """Named things only; times as moments, numbers as numbers."""
    assert result_of(expect, EVENT).passed


@pytest.mark.parametrize(
    ("expect", "field", "wanted", "got"),
    [
        ("uid: u-2", "uid", '"u-2"', '"u-1"'),
        ("event: F", "event", '"F"', '"E"'),
        ("session: none", "session", '"none"', '"recent"'),
        ("session: {url: x}", "session", '{"url": "x"}', '"recent"'),
        ("timestamp: '2026-01-01T00:00:00'", "timestamp", "2026-01-01T00:00:00", EVENT.timestamp),
        ("properties: {n: 6}", "properties.n", "6", "5"),
        ("properties: {n: '5'}", "properties.n", '"5"', "5"),
        ("properties: {b: 1}", "properties.b", "1", "true"),
        ("properties: {n: true}", "properties.n", "true", "5"),
        ("properties: {x: 1}", "properties.x", "1", "nothing"),
        ("properties: {s: ~}", "properties.s", "nothing", '"abc"'),
        ("properties: {s: {matches: ^b}}", "properties.s", "text that matches ^b", '"abc"'),
        ("properties: {l: [b, a]}", "properties.l", '["b", "a"]', '["a", "b"]'),
        ("properties: {l: [a]}", "properties.l", '["a"]', '["a", "b"]'),
        ("dead_letter: x", "", "a dead letter, x", 'the event "E"'),
        ("skipped: x", "", "a skip, x", 'the event "E"'),
    ],
)
def test_an_event_that_differs_is_told_by_its_field(
    expect: str, field: str, wanted: str, got: str
) -> None:
    """What is wanted, and what came, as they would be written."""
    result = result_of(f"- {{mapping: m, {expect}}}", EVENT)

    assert told(result) == [("m", field, wanted, got)]
    assert not result.passed


def test_exact_tells_every_property_that_is_not_expected() -> None:
    """An empty list of properties with `exact` means none at all."""
    result = result_of("- {mapping: m, exact: true, properties: {n: 5, r: 0.5, s: abc}}", EVENT)

    assert told(result) == [
        ("m", "properties.b", "nothing", "true"),
        ("m", "properties.d", "nothing", '"2026-11-24T10:15:00.000Z"'),
        ("m", "properties.l", "nothing", '["a", "b"]'),
    ]


@pytest.mark.parametrize(
    ("session", "form"),
    [
        (NoSession(), "none"),
        (SessionUrl("u"), "{url: u}"),
        (DeviceSession("d"), "{device: d}"),
        (SessionId("i"), "{id: i}"),
    ],
)
def test_a_session_is_expected_with_its_value(session: Any, form: str) -> None:
    """As in a mapping, with the session itself in place of its path."""
    event = Event("m", "u", "E", "2026-01-01T00:00:00.000Z", session, ())

    assert result_of(f"- {{mapping: m, session: {form}}}", event).passed
    assert not result_of("- {mapping: m, session: recent}", event).passed


def test_rejects_and_skips_are_expected_by_their_reason() -> None:
    """Another reason is a difference, told with the message."""
    rejected = MappingRejected("m", "missing_uid", "`a` names no user")
    skipped = MappingSkipped("m", "no_uid")

    assert result_of("- {mapping: m, dead_letter: missing_uid}", rejected).passed
    halting = replace(rejected, halt=True)
    assert result_of("- {mapping: m, halted: missing_uid}", halting).passed
    assert not result_of("- {mapping: m, dead_letter: missing_uid}", halting).passed
    assert not result_of("- {mapping: m, halted: missing_uid}", rejected).passed
    assert result_of("- {mapping: m, skipped: no_uid}", skipped).passed
    assert told(result_of("- {mapping: m, skipped: no_uid}", rejected)) == [
        ("m", "", "a skip, no_uid", "a dead letter, missing_uid: `a` names no user")
    ]
    assert told(result_of("- {mapping: m}", skipped)) == [("m", "", "an event", "a skip, no_uid")]


def test_an_outcome_that_nobody_expects_fails_the_test() -> None:
    """`expect` lists all of them."""
    assert told(result_of("[]", EVENT)) == [("m", "", "nothing", 'the event "E"')]
    assert result_of("[]").passed


def test_a_filter_that_does_not_match_brings_its_reasons() -> None:
    """From whoever can tell."""
    (difference,) = result_of("- {mapping: m}").differences

    assert difference.got == "nothing: its filter does not match"
    assert difference.reasons == ("because of m",)


@pytest.mark.parametrize(
    ("expect", "fault"),
    [
        ("[{mapping: oter}]", "there is no mapping `oter` here; did you mean `other`?"),
        ("[{mapping: m}, {mapping: m}]", "`m` stands twice in `expect`: a mapping has one outcome"),
        (
            "[{mapping: m, dead_letter: x, uid: u}]",
            "`dead_letter` and `uid` contradict each other for `m`",
        ),
        (
            "[{mapping: m, dead_letter: x, skipped: y}]",
            "`dead_letter` and `skipped` contradict each other for `m`",
        ),
        (
            "[{mapping: m, properties: {s: {matches: '('}}}]",
            "`properties.s`: no pattern: missing ), unterminated subpattern at position 0",
        ),
    ],
)
def test_an_expectation_that_means_nothing_is_a_fault(expect: str, fault: str) -> None:
    """Told before anything runs."""
    assert result_of(expect).fault == fault


def test_what_the_bench_cannot_run_is_a_fault() -> None:
    """As an input that does not fit the schema."""

    class Broken(Bench):
        def outcomes(
            self, rules: Sequence[Rule], record: Record, value: object
        ) -> Sequence[Outcome]:
            raise CannotRun("no schema")

    assert result_of("[]", bench=Broken()).fault == "no schema"


def test_a_mapping_that_is_off_is_tested_all_the_same() -> None:
    """The switch is not what a test is about."""
    bench = Bench()

    result_of("[]", bench=bench)

    assert bench.rules == ["m", "other"]


def test_the_record_has_what_the_input_says() -> None:
    """Key and headers as bytes; a time by default, as Kafka's records have one."""
    text = FILE.replace(
        "{topic: t}",
        "{topic: t, key: k, headers: {h: v}, timestamp: '1970-01-01T00:00:01Z', offset: 7}",
    )
    document = parse(f"{text}      []\n", "m.yaml")
    (example,) = mapping_tests_of(document)
    bench = Bench()

    run_mapping_test(example, load_rules([document]), bench)
    result_of("[]", bench=(plain := Bench()))

    assert bench.record is not None
    assert plain.record is not None
    assert (bench.record.key, bench.record.timestamp_ms, bench.record.offset) == (b"k", 1000, 7)
    assert list(bench.record.headers) == [("h", b"v")]
    assert plain.record.timestamp_ms == 1_767_225_600_000


def test_a_test_sees_the_mappings_of_its_own_file_only() -> None:
    """Another team's file on the same topic breaks nothing here."""
    mine = parse(f"{FILE}      []\n", "m.yaml")
    theirs = parse("format: 1\nmappings: [{name: x, topics: [t], uid: $key, event: E}]\n", "x.yaml")
    (example,) = mapping_tests_of(mine)
    bench = Bench()

    run_mapping_test(example, load_rules([mine, theirs]), bench)

    assert bench.rules == ["m", "other"]


def test_a_mapping_that_no_test_names_is_a_warning() -> None:
    """At its name; one that is switched off needs none."""
    document = parse(f"{FILE}      []\n", "m.yaml")

    (problem,) = untested(load_rules([document]), mapping_tests_of(document))

    assert (problem.code, problem.severity) == ("T001", "warning")
    assert problem.message == "nobody tests the mapping `m`"
    assert str(problem.place) == "m.yaml:3:12"
    named = parse(f"{FILE}      - {{mapping: m}}\n", "m.yaml")
    assert untested(load_rules([named]), mapping_tests_of(named)) == ()
