"""The tests in mapping files: comparisons and the descriptions of differences."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from bridge.documents.document import parse
from bridge.mapping.language.loader import Rule, load_rules
from bridge.mapping.runtime.event_age import AgeLimits
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
        Property("o.p", "int", 5),
    ),
)


class FakeEnvironment:
    """Returns given outcomes, and records its calls."""

    ages = AgeLimits(1800, 604_800)

    def __init__(self, *outcomes: Outcome) -> None:
        self._outcomes = outcomes
        self.rules: list[str] = []
        self.record: Record | None = None

    def outcomes(self, rules: Sequence[Rule], record: Record, value: object) -> Sequence[Outcome]:
        """The given outcomes."""
        self.rules = [rule.name for rule in rules if rule.mode != "off"]
        self.record = record
        return self._outcomes

    def reasons(self, rule: Rule, record: Record, value: object) -> Sequence[str]:
        """One line."""
        return (f"because of {rule.name}",)


def result_of(
    expect: str, *outcomes: Outcome, environment: FakeEnvironment | None = None
) -> MappingTestResult:
    """Run one test with these expectations (YAML) and these outcomes."""
    document = parse(f"{FILE}      {expect}\n", "m.yaml")
    (example,) = mapping_tests_of(document)
    return run_mapping_test(
        example, load_rules([document]), environment or FakeEnvironment(*outcomes)
    )


def summary(result: MappingTestResult) -> list[tuple[str, str, str, str]]:
    """The differences as tuples."""
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
            " d: 2026-11-24T10:15:00Z, l: [a, b], o.p: 5}}"
        ),
    ],
)
def test_an_event_that_meets_the_expectation_passes(expect: str) -> None:
    """Only expected fields count; times are compared as instants, numbers as numbers."""
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
        ("dead_letter: x", "", "a dead letter (x)", 'the event "E"'),
        ("skipped: x", "", "a skip (x)", 'the event "E"'),
    ],
)
def test_a_difference_has_its_field_and_both_values(
    expect: str, field: str, wanted: str, got: str
) -> None:
    """As they are written in a mapping file."""
    result = result_of(f"- {{mapping: m, {expect}}}", EVENT)

    assert summary(result) == [("m", field, wanted, got)]
    assert not result.passed


def test_exact_reports_every_unexpected_property() -> None:
    """Each of them is a difference."""
    result = result_of("- {mapping: m, exact: true, properties: {n: 5, r: 0.5, s: abc}}", EVENT)

    assert summary(result) == [
        ("m", "properties.b", "nothing", "true"),
        ("m", "properties.d", "nothing", '"2026-11-24T10:15:00.000Z"'),
        ("m", "properties.l", "nothing", '["a", "b"]'),
        ("m", "properties.o.p", "nothing", "5"),
    ]


@pytest.mark.parametrize("wanted", ["~", "{p: 5}", "5"])
def test_an_expected_object_names_its_properties_one_by_one(wanted: str) -> None:
    """`o: ~` would pass although `o.p` is sent."""
    (difference,) = result_of(f"- {{mapping: m, properties: {{o: {wanted}}}}}", EVENT).differences

    assert difference.field == "properties.o"
    assert difference.got == "an object: its properties are compared one by one, such as `o.p`"


@pytest.mark.parametrize(
    ("session", "form"),
    [
        (NoSession(), "none"),
        (SessionUrl("u"), "{url: u}"),
        (DeviceSession("d"), "{device: d}"),
        (SessionId("i"), "{id: i}"),
    ],
)
def test_a_session_is_compared_by_value(session: Any, form: str) -> None:
    """Written as in a mapping, with the value instead of the path."""
    event = Event("m", "u", "E", "2026-01-01T00:00:00.000Z", session, ())

    assert result_of(f"- {{mapping: m, session: {form}}}", event).passed
    assert not result_of("- {mapping: m, session: recent}", event).passed


def test_rejects_and_skips_are_compared_by_reason() -> None:
    """A difference also shows the message."""
    rejected = MappingRejected("m", "missing_uid", "`a` has no user id")
    skipped = MappingSkipped("m", "no_uid")

    assert result_of("- {mapping: m, dead_letter: missing_uid}", rejected).passed
    halting = replace(rejected, halt=True)
    assert result_of("- {mapping: m, halted: missing_uid}", halting).passed
    assert not result_of("- {mapping: m, dead_letter: missing_uid}", halting).passed
    assert not result_of("- {mapping: m, halted: missing_uid}", rejected).passed
    assert result_of("- {mapping: m, skipped: no_uid}", skipped).passed
    assert summary(result_of("- {mapping: m, skipped: no_uid}", rejected)) == [
        ("m", "", "a skip (no_uid)", "a dead letter (missing_uid): `a` has no user id")
    ]
    assert summary(result_of("- {mapping: m}", skipped)) == [
        ("m", "", "an event", "a skip (no_uid)")
    ]


def test_an_unexpected_outcome_fails_the_test() -> None:
    """`expect` must list all outcomes."""
    assert summary(result_of("[]", EVENT)) == [("m", "", "nothing", 'the event "E"')]
    assert result_of("[]").passed


def test_the_reasons_of_a_filter_that_does_not_match_are_shown() -> None:
    """They come from the environment."""
    (difference,) = result_of("- {mapping: m}").differences

    assert difference.got == "nothing: its filter does not match"
    assert difference.reasons == ("because of m",)


@pytest.mark.parametrize(
    ("expect", "fault"),
    [
        ("[{mapping: oter}]", "there is no mapping `oter` here; did you mean `other`?"),
        (
            "[{mapping: m}, {mapping: m}]",
            "`m` is listed twice in `expect`: a mapping has one outcome",
        ),
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
            "`properties.s`: invalid pattern: missing ), unterminated subpattern at position 0",
        ),
    ],
)
def test_an_invalid_expectation_is_a_fault(expect: str, fault: str) -> None:
    """It is found before the test runs."""
    assert result_of(expect).fault == fault


def test_an_input_that_cannot_run_is_a_fault() -> None:
    """For example an input that does not fit the schema."""

    class BrokenEnvironment(FakeEnvironment):
        def outcomes(
            self, rules: Sequence[Rule], record: Record, value: object
        ) -> Sequence[Outcome]:
            raise CannotRun("no schema")

    assert result_of("[]", environment=BrokenEnvironment()).fault == "no schema"


def test_a_mapping_that_is_off_is_tested() -> None:
    """Tests ignore `mode: off`."""
    environment = FakeEnvironment()

    result_of("[]", environment=environment)

    assert environment.rules == ["m", "other"]


def test_the_record_is_built_from_the_input() -> None:
    """Key and headers as bytes; there is a default timestamp, as in Kafka's records."""
    text = FILE.replace(
        "{topic: t}",
        "{topic: t, key: k, headers: {h: v}, timestamp: '1970-01-01T00:00:01Z', offset: 7}",
    )
    document = parse(f"{text}      []\n", "m.yaml")
    (example,) = mapping_tests_of(document)
    environment = FakeEnvironment()

    run_mapping_test(example, load_rules([document]), environment)
    result_of("[]", environment=(plain := FakeEnvironment()))

    assert environment.record is not None
    assert plain.record is not None
    assert (environment.record.key, environment.record.timestamp_ms, environment.record.offset) == (
        b"k",
        1000,
        7,
    )
    assert list(environment.record.headers) == [("h", b"v")]
    assert plain.record.timestamp_ms == 1_767_225_600_000


def test_a_test_uses_only_the_mappings_in_its_own_file() -> None:
    """Another team's file for the same topic cannot break them."""
    own_file = parse(f"{FILE}      []\n", "m.yaml")
    other_file = parse(
        "format: 1\nmappings: [{name: x, topics: [t], uid: $key, event: E}]\n", "x.yaml"
    )
    (example,) = mapping_tests_of(own_file)
    environment = FakeEnvironment()

    run_mapping_test(example, load_rules([own_file, other_file]), environment)

    assert environment.rules == ["m", "other"]


def test_a_mapping_without_a_test_is_a_warning() -> None:
    """At the mapping's name; mappings with `mode: off` need no test."""
    document = parse(f"{FILE}      []\n", "m.yaml")

    (problem,) = untested(load_rules([document]), mapping_tests_of(document))

    assert (problem.code, problem.severity) == ("T001", "warning")
    assert problem.message == "no test covers the mapping `m`"
    assert str(problem.place) == "m.yaml:3:12"
    named = parse(f"{FILE}      - {{mapping: m}}\n", "m.yaml")
    assert untested(load_rules([named]), mapping_tests_of(named)) == ()
