"""Runs the tests in mapping files: each has an input record and the expected outcomes.

Invariants: a test uses only the mappings in its own file, so that another team's file cannot break
it. Mappings with `mode: off` are tested too. Messages may show values, because they are invented.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from bridge.documents.document import Document
from bridge.documents.problems import Problem, Problems, suggest
from bridge.documents.validate import validate
from bridge.mapping.language.diagnostics import DocumentPath
from bridge.mapping.language.grammar.file import MappingFile
from bridge.mapping.language.grammar.tests import Expectation, FileTest, InputRecord
from bridge.mapping.language.loader import KIND_CODES, Rule
from bridge.mapping.runtime.event_age import AgeLimits, check_age
from bridge.mapping.runtime.outcome import Event, Outcome
from bridge.mapping.testing.expectations import Difference, describe_outcome, differences
from bridge.records import Assignment, Record
from bridge.schema.conversions import MappingError, parse_time

UNTESTED: Final = "T001"
FAILED: Final = "T002"

TIMESTAMP: Final = "2026-01-01T00:00:00Z"
"""The default timestamp of a test's record; records in Kafka nearly always have one."""

_EPOCH: Final = parse_time("1970-01-01T00:00:00Z")
_EVENT_FIELDS: Final = ("uid", "event", "timestamp", "session", "properties")
_OUTCOME_FIELDS: Final = ("dead_letter", "skipped", "halted")


@dataclass(frozen=True, slots=True)
class MappingTest:
    """One test in a file; `mapping` is set if the test belongs to a single mapping."""

    form: FileTest
    document: Document
    at: DocumentPath
    mapping: str | None = None

    def problem(self, code: str, message: str, fix: str | None = None) -> Problem:
        """A problem at the position of the test's name."""
        return self.document.problem(code, message, (*self.at, "name"), fix=fix)


@dataclass(frozen=True, slots=True)
class MappingTestResult:
    """The result of one test; it passed if there are no differences and no fault."""

    example: MappingTest
    differences: tuple[Difference, ...] = ()
    fault: str | None = None

    @property
    def passed(self) -> bool:
        """Whether the test passed."""
        return not self.differences and self.fault is None


class CannotRun(Exception):
    """A test that cannot run, for example because its record does not fit the schema."""


class MappingTestEnvironment(Protocol):
    """What a test needs from other packages: encoder, decoder, compiler and request builder."""

    @property
    def ages(self) -> AgeLimits:
        """The limits beyond which an event is late or too old."""
        ...

    def outcomes(self, rules: Sequence[Rule], record: Record, value: object) -> Sequence[Outcome]:
        """Encode, decode, map and build; raises CannotRun, or Problems of the mappings."""
        ...

    def reasons(self, rule: Rule, record: Record, value: object) -> Sequence[str]:
        """The reasons why the mapping's filter does not match, one line each."""
        ...


def mapping_tests_of(document: Document) -> tuple[MappingTest, ...]:
    """The tests in a file, in order; none if the file is invalid."""
    try:
        file = validate(MappingFile, document, codes=KIND_CODES)
    except Problems:
        return ()
    of_mappings = [
        MappingTest(test, document, ("mappings", number, "tests", n), mapping.name)
        for number, mapping in enumerate(file.mappings)
        for n, test in enumerate(mapping.tests)
    ]
    of_file = [MappingTest(test, document, ("tests", n)) for n, test in enumerate(file.tests)]
    return (*of_mappings, *of_file)


def untested(rules: Sequence[Rule], examples: Sequence[MappingTest]) -> tuple[Problem, ...]:
    """A warning for every mapping that no test in its file covers."""
    tested = {
        (example.document.file, expected.mapping)
        for example in examples
        for expected in example.form.expect
    }
    tested |= {(e.document.file, e.mapping) for e in examples if e.mapping is not None}
    return tuple(
        rule.document.problem(
            UNTESTED,
            f"no test covers the mapping `{rule.name}`",
            (*rule.at, "name"),
            fix="add a test with `expect: [{mapping: " + rule.name + ", …}]` under `tests:`",
            severity="warning",
        )
        for rule in rules
        if rule.mode != "off" and (rule.document.file, rule.name) not in tested
    )


def run_mapping_test(
    example: MappingTest, rules: Sequence[Rule], environment: MappingTestEnvironment
) -> MappingTestResult:
    """Run one test with the mappings in its file.

    Raises:
        Problems: the mappings do not fit the schema.
    """
    own_rules = [
        replace(rule, mode="live") if rule.mode == "off" else rule
        for rule in rules
        if rule.document.file == example.document.file and example.mapping in (None, rule.name)
    ]
    try:
        _check_expectations(example, own_rules)
        record = _record(example.form.input)
        value = example.form.input.value
        outcomes = {
            one.mapping: _judge_age(one, example.form.input, record, environment.ages)
            for one in environment.outcomes(own_rules, record, value)
        }
    except CannotRun as cannot:
        return MappingTestResult(example, fault=str(cannot))
    failures: list[Difference] = []
    for expected in example.form.expect:
        outcome = outcomes.pop(expected.mapping, None)
        mismatches = list(differences(expected, outcome))
        if outcome is None:
            rule = next(rule for rule in own_rules if rule.name == expected.mapping)
            reasons = tuple(environment.reasons(rule, record, value))
            mismatches = [replace(difference, reasons=reasons) for difference in mismatches]
        failures += mismatches
    for outcome in outcomes.values():
        failures.append(Difference(outcome.mapping, "", "nothing", describe_outcome(outcome)))
    return MappingTestResult(example, tuple(failures))


def _judge_age(outcome: Outcome, given: InputRecord, record: Record, ages: AgeLimits) -> Outcome:
    """The outcome at the time of the record; without one, at the time of the event itself.

    The present time does not matter, so that a test passes next year too.
    """
    if not isinstance(outcome, Event):
        return outcome
    now_s = record.timestamp_ms / 1000
    if given.timestamp is None:
        now_s = datetime.fromisoformat(outcome.timestamp).timestamp()
    return check_age(outcome, now_s, ages)


def _check_expectations(example: MappingTest, rules: Sequence[Rule]) -> None:
    names = [rule.name for rule in rules]
    seen: set[str] = set()
    for expected in example.form.expect:
        name = expected.mapping
        if name not in names:
            fix = suggest(name, names)
            raise CannotRun(f"there is no mapping `{name}` here" + (f"; {fix}" if fix else ""))
        if name in seen:
            raise CannotRun(f"`{name}` is listed twice in `expect`: a mapping has one outcome")
        seen.add(name)
        events = [key for key in _EVENT_FIELDS if getattr(expected, key) is not None]
        ends = [key for key in _OUTCOME_FIELDS if getattr(expected, key) is not None]
        if len(ends) > 1 or (ends and events):
            both = " and ".join(f"`{key}`" for key in [*ends, *events])
            raise CannotRun(f"{both} contradict each other for `{name}`")
        _check_patterns(expected)


def _check_patterns(expected: Expectation) -> None:
    for name, value in (expected.properties or {}).items():
        if isinstance(value, Mapping) and set(value) == {"matches"}:
            try:
                re.compile(str(value["matches"]))
            except re.error as error:
                raise CannotRun(f"`properties.{name}`: invalid pattern: {error}") from None


def _record(given: InputRecord) -> Record:
    headers = tuple((name, text.encode()) for name, text in given.headers.items())
    return Record(
        given.topic,
        given.partition,
        given.offset,
        _timestamp_ms(given.timestamp or TIMESTAMP),
        None if given.key is None else given.key.encode(),
        None,
        Assignment(given.topic, given.partition),
        read_headers=lambda: headers,
    )


def _timestamp_ms(text: str) -> int:
    try:
        return (parse_time(text) - _EPOCH) // timedelta(milliseconds=1)
    except (MappingError, TypeError):
        raise CannotRun(
            "the input's `timestamp` is not a time: write it as 2026-11-24T10:15:00Z"
        ) from None
