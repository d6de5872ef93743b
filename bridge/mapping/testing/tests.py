"""The tests beside the mappings: a record as people write it, and what must become of it.

Invariants: a test sees the mappings of its own file only, so that another team's file never breaks
it. A mapping that is switched off is tested all the same. Values may be shown: they are made up.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, Protocol

from bridge.documents.document import Document
from bridge.documents.problems import Problem, Problems, suggest
from bridge.documents.validate import validate
from bridge.mapping.language.diagnostics import DocumentPath
from bridge.mapping.language.grammar import Expectation, FileTest, InputRecord, MappingFile
from bridge.mapping.language.loader import KIND_CODES, Rule
from bridge.mapping.runtime.outcome import Outcome
from bridge.mapping.testing.expectations import Difference, differences, what_of
from bridge.records import Assignment, Record
from bridge.schema.conversions import MappingError, parse_time

UNTESTED: Final = "T001"
FAILED: Final = "T002"

TIMESTAMP: Final = "2026-01-01T00:00:00Z"
"""Kafka's time of a test's record that says none: records of Kafka nearly always have one."""

_EPOCH: Final = parse_time("1970-01-01T00:00:00Z")
_EVENT_FIELDS: Final = ("uid", "event", "timestamp", "session", "properties")
_ENDS: Final = ("dead_letter", "skipped", "halted")


@dataclass(frozen=True, slots=True)
class MappingTest:
    """One test of a file. `mapping` is set for one that stands under a mapping."""

    form: FileTest
    document: Document
    at: DocumentPath
    mapping: str | None = None

    def problem(self, code: str, message: str, fix: str | None = None) -> Problem:
        """A problem at the test's name."""
        return self.document.problem(code, message, (*self.at, "name"), fix=fix)


@dataclass(frozen=True, slots=True)
class MappingTestResult:
    """What came of one test: it passed when there is neither a difference nor a fault."""

    example: MappingTest
    differences: tuple[Difference, ...] = ()
    fault: str | None = None

    @property
    def passed(self) -> bool:
        """Whether all is as the test wants it."""
        return not self.differences and self.fault is None


class CannotRun(Exception):
    """A test that says nothing about its mapping: its record cannot be made."""


class MappingTestEnvironment(Protocol):
    """What a test needs from elsewhere: the real encoder, decoder, compiler and builder."""

    def outcomes(self, rules: Sequence[Rule], record: Record, value: object) -> Sequence[Outcome]:
        """Encode, decode, map and build; raises CannotRun, or Problems of the mappings."""
        ...

    def reasons(self, rule: Rule, record: Record, value: object) -> Sequence[str]:
        """Why the mapping's filter does not match, a line each."""
        ...


def mapping_tests_of(document: Document) -> tuple[MappingTest, ...]:
    """The tests of a file, in its order; none where the file itself is wrong."""
    try:
        file = validate(MappingFile, document, codes=KIND_CODES)
    except Problems:
        return ()
    beside = [
        MappingTest(test, document, ("mappings", number, "tests", n), mapping.name)
        for number, mapping in enumerate(file.mappings)
        for n, test in enumerate(mapping.tests)
    ]
    below = [MappingTest(test, document, ("tests", n)) for n, test in enumerate(file.tests)]
    return (*beside, *below)


def untested(rules: Sequence[Rule], examples: Sequence[MappingTest]) -> tuple[Problem, ...]:
    """A warning for every mapping whose outcome no test of its file names."""
    tested = {
        (example.document.file, expected.mapping)
        for example in examples
        for expected in example.form.expect
    }
    tested |= {(e.document.file, e.mapping) for e in examples if e.mapping is not None}
    return tuple(
        rule.document.problem(
            UNTESTED,
            f"nobody tests the mapping `{rule.name}`",
            (*rule.at, "name"),
            fix="add a test with `expect: [{mapping: " + rule.name + ", …}]` below `tests:`",
            severity="warning",
        )
        for rule in rules
        if rule.mode != "off" and (rule.document.file, rule.name) not in tested
    )


def run_mapping_test(
    example: MappingTest, rules: Sequence[Rule], bench: MappingTestEnvironment
) -> MappingTestResult:
    """One test against the mappings of its file.

    Raises:
        Problems: the mappings do not fit the schema.
    """
    mine = [
        replace(rule, mode="live") if rule.mode == "off" else rule
        for rule in rules
        if rule.document.file == example.document.file and example.mapping in (None, rule.name)
    ]
    try:
        _refuse_odd(example, mine)
        record = _record(example.form.input)
        value = example.form.input.value
        outcomes = {one.mapping: one for one in bench.outcomes(mine, record, value)}
    except CannotRun as cannot:
        return MappingTestResult(example, fault=str(cannot))
    wrong: list[Difference] = []
    for expected in example.form.expect:
        outcome = outcomes.pop(expected.mapping, None)
        found = list(differences(expected, outcome))
        if outcome is None:
            rule = next(rule for rule in mine if rule.name == expected.mapping)
            reasons = tuple(bench.reasons(rule, record, value))
            found = [replace(one, reasons=reasons) for one in found]
        wrong += found
    for outcome in outcomes.values():
        wrong.append(Difference(outcome.mapping, "", "nothing", what_of(outcome)))
    return MappingTestResult(example, tuple(wrong))


def _refuse_odd(example: MappingTest, rules: Sequence[Rule]) -> None:
    names = [rule.name for rule in rules]
    seen: set[str] = set()
    for expected in example.form.expect:
        name = expected.mapping
        if name not in names:
            fix = suggest(name, names)
            raise CannotRun(f"there is no mapping `{name}` here" + (f"; {fix}" if fix else ""))
        if name in seen:
            raise CannotRun(f"`{name}` stands twice in `expect`: a mapping has one outcome")
        seen.add(name)
        events = [key for key in _EVENT_FIELDS if getattr(expected, key) is not None]
        ends = [key for key in _ENDS if getattr(expected, key) is not None]
        if len(ends) > 1 or (ends and events):
            both = " and ".join(f"`{key}`" for key in [*ends, *events])
            raise CannotRun(f"{both} contradict each other for `{name}`")
        _refuse_patterns(expected)


def _refuse_patterns(expected: Expectation) -> None:
    for name, value in (expected.properties or {}).items():
        if isinstance(value, Mapping) and set(value) == {"matches"}:
            try:
                re.compile(str(value["matches"]))
            except re.error as error:
                raise CannotRun(f"`properties.{name}`: no pattern: {error}") from None


def _record(given: InputRecord) -> Record:
    headers = tuple((name, text.encode()) for name, text in given.headers.items())
    return Record(
        given.topic,
        given.partition,
        given.offset,
        _ms(given.timestamp or TIMESTAMP),
        None if given.key is None else given.key.encode(),
        None,
        Assignment(given.topic, given.partition),
        read_headers=lambda: headers,
    )


def _ms(text: str) -> int:
    try:
        return (parse_time(text) - _EPOCH) // timedelta(milliseconds=1)
    except (MappingError, TypeError):
        raise CannotRun("the input's `timestamp` is no time: write 2026-11-24T10:15:00Z") from None
