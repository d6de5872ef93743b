"""Rules and one schema to a plan: paths are resolved, types are found, closures are made.

Laws: everything that is wrong with any mapping of the topic is told at once, at its place. What
does not fit keeps a bridge from starting; while it runs, it costs the mapping that does not fit.
"""

from collections.abc import Sequence
from dataclasses import replace

from bridge.documents.problems import Problem, Problems
from bridge.mapping.checks import Types, conflicts
from bridge.mapping.conditions import asks_for_tombstones, proven
from bridge.mapping.filters import Answer, compile_filter, equalities_of
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
from bridge.mapping.misfits import Misfit, Refusal, field_of
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
    live, empty = _compile(rules, topic, schema, options)
    problems = [problem for found in empty for problem in found.findings.problems]
    for name, found in live.items():
        problems += _told(found, name)
    problems = list(dict.fromkeys(problems))
    if any(problem.severity == "error" for problem in problems):
        raise Problems(problems)
    return _plan(topic, live, empty, problems)


def fit_plan(
    rules: Sequence[Rule],
    topic: str,
    schema: Schema | None,
    options: Options = NO_OPTIONS,
    types: Types | None = None,
) -> Plan:
    """The plan for a schema that is met while running: what fits works, all else rejects.

    `types` are the types that properties have had so far: a mapping that would give one of them
    another type does not fit. Those of the mappings that fit are added to it.
    """
    live, empty = _compile(rules, topic, schema, options)
    types = {} if types is None else types
    for name, found in [*live.items(), (None, empty)]:
        for compiled in found:
            compiled.settle(types, name)
    return _plan(topic, live, empty, ())


_Live = dict[str | None, list["_Compiled"]]


def _compile(
    rules: Sequence[Rule], topic: str, schema: Schema | None, options: Options
) -> tuple[_Live, list["_Compiled"]]:
    """The topic's mappings against each record of the schema, and against tombstones."""
    mine = [rule for rule in rules if rule.mode != "off" and rule.reads(topic)]
    asking = [rule for rule in mine if asks_for_tombstones(rule.filter)]
    branches = {} if schema is None else _branches(schema)
    live = {
        name: [_Compiled(rule, topic, branch, options) for rule in mine]
        for name, branch in branches.items()
    }
    return live, [_Compiled(rule, topic, None, options) for rule in asking]


def _plan(topic: str, live: _Live, empty: list["_Compiled"], warnings: Sequence[Problem]) -> Plan:
    every = [compiled for found in live.values() for compiled in found]
    return Plan(
        topic,
        Wanted(
            frozenset(path for compiled in every for path in compiled.wanted_filter),
            frozenset(path for compiled in every for path in compiled.wanted_all),
        ),
        filters_by_record=any(compiled.filters_by_record for compiled in every),
        steps={name: _steps(found) for name, found in live.items()},
        tombstones=_steps(empty),
        typed=[typed for compiled in every for typed in compiled.typed],
        warnings=warnings,
        taken={path: leaves for compiled in every for path, leaves in compiled.taken.items()},
        misfits=[one.misfit for one in (*every, *empty) if one.misfit is not None],
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
    return [_in(problem, name) for problem in problems]


def _in(problem: Problem, name: str | None) -> Problem:
    return problem if name is None else replace(problem, message=f"{problem.message} (in {name})")


def _steps(found: Sequence["_Compiled"]) -> list[Step | Refusal]:
    return [compiled.step for compiled in found if compiled.step is not None]


class _Compiled:
    """One rule against one schema. `step` None: no record of this schema can match.

    `answer` is the filter's, None where the filter itself does not fit.
    """

    def __init__(self, rule: Rule, topic: str, schema: Schema | None, options: Options) -> None:
        self.rule = rule
        self.findings = Findings(rule.document, rule.at, list(rule.warnings))
        self.misfit: Misfit | None = None
        self.typed: list[TypedProperty] = []
        self.wanted_filter: frozenset[WantedPath] = frozenset()
        self.wanted_all: frozenset[WantedPath] = frozenset()
        self.filters_by_record = False
        self.step: Step | Refusal | None = None
        scope = Scope(topic, schema, options, self.findings)
        self.taken = scope.taken
        answer = compile_filter(rule.filter, scope)
        self.answer = None if self.findings.errors else answer
        if self.answer is False:
            return
        self.wanted_filter = frozenset(scope.wanted)
        self.filters_by_record = scope.reads_record
        scope.present = proven(rule.filter)
        self.step = self._step(answer, scope)
        self.wanted_all = frozenset(scope.wanted)

    def settle(self, types: Types, record_name: str | None) -> None:
        """Make do with a refusal where the rule does not fit; its types become known if it does."""
        problems = self.findings.errors
        at = self.findings.wrong[0] if problems else ()
        if not problems:
            after = dict(types)
            problems = conflicts(self.typed, after)
            if not problems:
                types.update(after)
                return
            at = ("properties", self._named_at(problems[0]))
        path = field_of(self.rule.form, self.rule.session, at)
        self.misfit = Misfit(self.rule.name, _in(problems[0], record_name), path)
        matches = self.answer if callable(self.answer) else None
        self.step = Refusal(self.misfit, matches, self.rule.on_error == "halt")
        self.typed = []
        self.wanted_all = self.wanted_filter

    def _named_at(self, problem: Problem) -> str:
        """The property that stands at a problem's place."""
        return next(typed.property for typed in self.typed if typed.place == problem.place)

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
            equalities=equalities_of(rule.filter, scope) if callable(self.answer) else (),
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
