"""Rules and one schema to a plan: paths are resolved, types are found, closures are made.

Laws: everything that is wrong with any mapping of the topic is told at once, at its place.
"""

from collections.abc import Sequence
from dataclasses import replace

from bridge.documents.problems import Problem, Problems
from bridge.mapping.conditions import asks_for_tombstones, proven
from bridge.mapping.filters import Answer, compile_filter
from bridge.mapping.findings import DocumentPath, Findings
from bridge.mapping.identity import (
    EventName,
    ReadSession,
    ReadText,
    ReadUid,
    compile_event,
    compile_session,
    compile_time,
    compile_uid,
)
from bridge.mapping.load import Rule
from bridge.mapping.options import NO_OPTIONS, Options
from bridge.mapping.outcome import PropertyType
from bridge.mapping.plan import Plan, Step, TypedProperty, Wanted, WantedPath
from bridge.mapping.rules import long_timestamp, long_uid, long_value
from bridge.mapping.schema import Record, Schema, Type, Union
from bridge.mapping.scope import Scope
from bridge.mapping.values import Produce, compile_property


def compile_plan(
    rules: Sequence[Rule],
    topic: str,
    schema: Schema | None,
    options: Options = NO_OPTIONS,
) -> Plan:
    """The plan for records of `topic` (as the mapping files name it) that have `schema`.

    `schema` None is for records without a value, where every path into the value is missing.

    Raises:
        Problems: everything in which the mappings do not fit the schema.
    """
    mine = [rule for rule in rules if rule.mode != "off" and rule.reads(topic)]
    asking = [rule for rule in mine if asks_for_tombstones(rule.filter)]
    branches = {} if schema is None else _branches(schema)
    live = {
        name: [_Compiled(rule, topic, branch, options) for rule in mine]
        for name, branch in branches.items()
    }
    empty = [_Compiled(rule, topic, None, options) for rule in asking]
    problems = [problem for found in empty for problem in found.findings.problems]
    for name, found in live.items():
        problems += _told(found, name)
    problems = list(dict.fromkeys(problems))
    if any(problem.severity == "error" for problem in problems):
        raise Problems(problems)
    every = [compiled for found in live.values() for compiled in found]
    return Plan(
        topic,
        Wanted(
            frozenset(path for compiled in every for path in compiled.wanted_filter),
            frozenset(path for compiled in every for path in compiled.wanted_all),
        ),
        steps={name: _steps(found) for name, found in live.items()},
        tombstones=_steps(empty),
        typed=[typed for compiled in every for typed in compiled.typed],
        warnings=problems,
    )


def _branches(schema: Schema) -> dict[str | None, Schema]:
    """The schema itself under None, or, of a union of several records, one for each of them."""
    root = schema.resolve(schema.root)
    branches = root.branches if isinstance(root, Union) else ()
    records = [branch for branch in branches if isinstance(schema.resolve(branch), Record)]
    if len(records) < 2:
        return {None: schema}
    return {_name(schema, branch): Schema(branch, schema.names) for branch in records}


def _name(schema: Schema, type_: Type) -> str:
    type_ = schema.resolve(type_)
    return type_.name if isinstance(type_, Record) else ""


def _told(found: Sequence["_Compiled"], name: str | None) -> list[Problem]:
    """The problems with one schema, with the record's name where there are several."""
    problems = [problem for compiled in found for problem in compiled.findings.problems]
    if name is None:
        return problems
    return [replace(one, message=f"{one.message} (in {name})") for one in problems]


def _steps(found: Sequence["_Compiled"]) -> list[Step]:
    return [compiled.step for compiled in found if compiled.step is not None]


class _Compiled:
    """One rule against one schema. `step` None: no record of this schema can match."""

    def __init__(self, rule: Rule, topic: str, schema: Schema | None, options: Options) -> None:
        self.rule = rule
        self.findings = Findings(rule.document, rule.at)
        self.typed: list[TypedProperty] = []
        self.wanted_filter: frozenset[WantedPath] = frozenset()
        self.wanted_all: frozenset[WantedPath] = frozenset()
        self.step: Step | None = None
        scope = Scope(topic, schema, options, self.findings)
        answer = compile_filter(rule.filter, scope)
        if answer is False and not self.findings.errors:
            return
        self.wanted_filter = frozenset(scope.wanted)
        scope.present = proven(rule.filter)
        self.step = self._step(answer, scope)
        self.wanted_all = frozenset(scope.wanted)

    def _step(self, answer: Answer, scope: Scope) -> Step | None:
        rule, form, findings = self.rule, self.rule.form, self.findings
        long = long_uid(form.uid)
        uid: ReadUid | None = None
        event: EventName | None = None
        timestamp: ReadText | None = None
        session: ReadSession | None = None
        with findings.catch("uid"):
            uid = compile_uid(long, scope)
        with findings.catch("event"):
            event = compile_event(form.event, scope)
        with findings.catch("timestamp"):
            timestamp = compile_time(long_timestamp(form.timestamp), scope)
        with findings.catch("session"):
            session = compile_session(rule.session, scope)
        properties = self._properties(event, scope)
        if uid is None or event is None or timestamp is None or session is None:
            return None
        return Step(
            name=rule.name,
            matches=None if isinstance(answer, bool) else answer,
            uid=uid,
            uid_optional=long.optional,
            uid_path=" or ".join(long.first_of or (long.path or "",)),
            event=event.read,
            timestamp=timestamp,
            session=session,
            properties=properties,
            user_initiated=form.user_initiated,
            integration=form.integration,
            shadow=rule.mode == "shadow",
            late=rule.late,
            on_error=rule.on_error,
            keep=form.sample.keep if form.sample else 1,
        )

    def _properties(self, event: EventName | None, scope: Scope) -> tuple[Produce, ...]:
        produced: list[Produce] = []
        for name, value in self.rule.form.properties.items():
            at = ("properties", name)
            compiled = compile_property(name, long_value(value), at, scope)
            if compiled is None:
                continue
            produced.append(compiled.produce)
            if compiled.type is not None and event is not None:
                self._note_type(name, compiled.type, event, at)
        return tuple(produced)

    def _note_type(
        self, name: str, type_: PropertyType, event: EventName, at: DocumentPath
    ) -> None:
        mark: Problem = self.rule.document.problem("", "", self.rule.at + at, key=True)
        if mark.place is None:
            return
        self.typed += [
            TypedProperty(called, name, type_, self.rule.name, mark.place, mark.source_line)
            for called in event.names
        ]
