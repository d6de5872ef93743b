"""Rules and one schema to a plan: paths are resolved, types are found, closures are made.

Invariants: everything that is wrong with any mapping of the topic is told at once, at its place.
What does not fit keeps a bridge from starting; while it runs, it costs the mapping that does not
fit.
"""

from collections.abc import Sequence
from dataclasses import replace

from bridge.documents.problems import Problem, Problems
from bridge.mapping.compiler.filters import FilterResult, compile_filter, equalities_of
from bridge.mapping.compiler.identity import (
    EventName,
    compile_event,
    compile_session,
    compile_time,
    compile_uid,
)
from bridge.mapping.compiler.properties import compile_property
from bridge.mapping.compiler.scope import MappingScope
from bridge.mapping.compiler.type_conflicts import Types, conflicts
from bridge.mapping.language.diagnostics import Diagnostics, DocumentPath
from bridge.mapping.language.filters import asks_for_tombstones, proven
from bridge.mapping.language.grammar import long_timestamp, long_uid, long_value
from bridge.mapping.language.loader import Rule
from bridge.mapping.language.options import NO_OPTIONS, Options
from bridge.mapping.runtime.functions import ReadProperty, ReadSession, ReadText, ReadUid
from bridge.mapping.runtime.outcome import PropertyType
from bridge.mapping.runtime.plan import (
    CompiledMapping,
    Plan,
    TypedProperty,
    WantedPath,
    WantedPaths,
)
from bridge.mapping.runtime.schema_mismatch import MappingMismatch, MismatchedMapping, field_of
from bridge.schema.types import Record, Schema, Type, Union


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
    problems = [problem for found in empty for problem in found.diagnostics.problems]
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
        WantedPaths(
            frozenset(path for compiled in every for path in compiled.wanted_filter),
            frozenset(path for compiled in every for path in compiled.wanted_all),
        ),
        filters_by_record=any(compiled.filters_by_record for compiled in every),
        steps={name: _steps(found) for name, found in live.items()},
        tombstones=_steps(empty),
        typed=[typed for compiled in every for typed in compiled.typed],
        warnings=warnings,
        taken={
            path: avro_types for compiled in every for path, avro_types in compiled.taken.items()
        },
        mismatches=[one.mismatch for one in (*every, *empty) if one.mismatch is not None],
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
    problems = [problem for compiled in found for problem in compiled.diagnostics.problems]
    return [_in(problem, name) for problem in problems]


def _in(problem: Problem, name: str | None) -> Problem:
    return problem if name is None else replace(problem, message=f"{problem.message} (in {name})")


def _steps(found: Sequence["_Compiled"]) -> list[CompiledMapping | MismatchedMapping]:
    return [compiled.step for compiled in found if compiled.step is not None]


class _Compiled:
    """One rule against one schema. `step` None: no record of this schema can match.

    `answer` is the filter's, None where the filter itself does not fit.
    """

    def __init__(self, rule: Rule, topic: str, schema: Schema | None, options: Options) -> None:
        self.rule = rule
        self.diagnostics = Diagnostics(rule.document, rule.at, list(rule.warnings))
        self.mismatch: MappingMismatch | None = None
        self.typed: list[TypedProperty] = []
        self.wanted_filter: frozenset[WantedPath] = frozenset()
        self.wanted_all: frozenset[WantedPath] = frozenset()
        self.filters_by_record = False
        self.step: CompiledMapping | MismatchedMapping | None = None
        scope = MappingScope(topic, schema, options, self.diagnostics)
        self.taken = scope.taken
        answer = compile_filter(rule.filter, scope)
        self.answer = None if self.diagnostics.errors else answer
        if self.answer is False:
            return
        self.wanted_filter = frozenset(scope.wanted)
        self.filters_by_record = scope.reads_record
        scope.present = proven(rule.filter)
        self.step = self._step(answer, scope)
        self.wanted_all = frozenset(scope.wanted)

    def settle(self, types: Types, record_name: str | None) -> None:
        """Make do with a refusal where the rule does not fit; its types become known if it does."""
        problems = self.diagnostics.errors
        at = self.diagnostics.wrong[0] if problems else ()
        if not problems:
            after = dict(types)
            problems = conflicts(self.typed, after)
            if not problems:
                types.update(after)
                return
            at = ("properties", self._named_at(problems[0]))
        path = field_of(self.rule.form, self.rule.session, at)
        self.mismatch = MappingMismatch(self.rule.name, _in(problems[0], record_name), path)
        matches = self.answer if callable(self.answer) else None
        self.step = MismatchedMapping(self.mismatch, matches, self.rule.on_error == "halt")
        self.typed = []
        self.wanted_all = self.wanted_filter

    def _named_at(self, problem: Problem) -> str:
        """The property that stands at a problem's place."""
        return next(typed.property for typed in self.typed if typed.place == problem.place)

    def _step(self, answer: FilterResult, scope: MappingScope) -> CompiledMapping | None:
        rule, form, diagnostics = self.rule, self.rule.form, self.diagnostics
        long = long_uid(form.uid)
        uid: ReadUid | None = None
        event: EventName | None = None
        timestamp: ReadText | None = None
        session: ReadSession | None = None
        with diagnostics.catch("uid"):
            uid = compile_uid(long, scope)
        with diagnostics.catch("event"):
            event = compile_event(form.event, scope)
        with diagnostics.catch("timestamp"):
            timestamp = compile_time(long_timestamp(form.timestamp), scope)
        with diagnostics.catch("session"):
            session = compile_session(rule.session, scope)
        properties = self._properties(event, scope)
        if uid is None or event is None or timestamp is None or session is None:
            return None
        return CompiledMapping(
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

    def _properties(self, event: EventName | None, scope: MappingScope) -> tuple[ReadProperty, ...]:
        produced: list[ReadProperty] = []
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
