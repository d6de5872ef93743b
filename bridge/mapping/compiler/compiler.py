"""Compiles rules and one schema into a plan: resolves paths, determines types, builds closures.

Invariants: all mistakes in all mappings of the topic are reported together, each with its place. At
startup, a mapping that does not fit the schema halts the topic. While the bridge runs, only the
mapping that does not fit rejects its records.
"""

from collections.abc import Sequence
from dataclasses import replace

from bridge.documents.problems import Problem, Problems
from bridge.mapping.compiler.filters import FilterResult, compile_filter, equalities_of
from bridge.mapping.compiler.identity import (
    EventName,
    compile_event,
    compile_time,
    compile_uid,
)
from bridge.mapping.compiler.properties import compile_property
from bridge.mapping.compiler.scope import MappingScope, parsers_of
from bridge.mapping.compiler.session import compile_session
from bridge.mapping.compiler.type_conflicts import Types, conflicts
from bridge.mapping.language.diagnostics import Diagnostics, DocumentPath
from bridge.mapping.language.filters import matches_tombstones, proven_paths
from bridge.mapping.language.grammar.values import (
    SessionSource,
    long_timestamp,
    long_uid,
    long_value,
)
from bridge.mapping.language.loader import Rule
from bridge.mapping.language.options import NO_OPTIONS, Options
from bridge.mapping.language.property_names import objects_of
from bridge.mapping.runtime.functions import ReadProperty, ReadSession, ReadText, ReadUid
from bridge.mapping.runtime.json_text import JsonText
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

    `schema` None is for tombstones: every path into the value is missing.

    Raises:
        Problems: every mismatch between the mappings and the schema.
    """
    by_record, tombstones = _compile(rules, topic, schema, options)
    problems = [problem for one in tombstones for problem in one.diagnostics.problems]
    for name, compiled in by_record.items():
        problems += _problems_of(compiled, name)
    problems = list(dict.fromkeys(problems))
    if any(problem.severity == "error" for problem in problems):
        raise Problems(problems)
    return _plan(topic, by_record, tombstones, problems)


def fit_plan(
    rules: Sequence[Rule],
    topic: str,
    schema: Schema | None,
    options: Options = NO_OPTIONS,
    types: Types | None = None,
) -> Plan:
    """The plan for a schema that first appears at run time; mappings that do not fit it reject.

    `types` are the property types known so far: a mapping that would give one of them another type
    does not fit. The types of the mappings that fit are added to `types`.
    """
    by_record, tombstones = _compile(rules, topic, schema, options)
    types = {} if types is None else types
    for name, found in [*by_record.items(), (None, tombstones)]:
        for compiled in found:
            compiled.finish(types, name)
    return _plan(topic, by_record, tombstones, ())


_ByRecord = dict[str | None, list["_Compiled"]]
"""The compiled rules by record name; None if the schema is not a union of several records."""


def _compile(
    rules: Sequence[Rule], topic: str, schema: Schema | None, options: Options
) -> tuple[_ByRecord, list["_Compiled"]]:
    """The topic's mappings compiled for each record of the schema, and for tombstones."""
    active = [rule for rule in rules if rule.mode != "off" and rule.reads(topic)]
    for_tombstones = [rule for rule in active if matches_tombstones(rule.filter)]
    branches = {} if schema is None else _branches(schema)
    texts: dict[str, JsonText] = {}
    by_record = {
        name: [_Compiled(rule, topic, branch, options, texts) for rule in active]
        for name, branch in branches.items()
    }
    return by_record, [_Compiled(rule, topic, None, options, texts) for rule in for_tombstones]


def _plan(
    topic: str,
    by_record: _ByRecord,
    tombstones: list["_Compiled"],
    warnings: Sequence[Problem],
) -> Plan:
    every = [compiled for found in by_record.values() for compiled in found]
    return Plan(
        topic,
        WantedPaths(
            frozenset(path for compiled in every for path in compiled.wanted_filter),
            frozenset(path for compiled in every for path in compiled.wanted_all),
        ),
        filters_by_record=any(compiled.filters_by_record for compiled in every),
        steps={name: _steps(found) for name, found in by_record.items()},
        tombstones=_steps(tombstones),
        typed=[typed for compiled in every for typed in compiled.typed],
        warnings=warnings,
        avro_types={
            path: avro_types
            for compiled in every
            for path, avro_types in compiled.avro_types.items()
        },
        mismatches=[one.mismatch for one in (*every, *tombstones) if one.mismatch is not None],
    )


def _branches(schema: Schema) -> dict[str | None, Schema]:
    """The schema itself under None or, for a union of several records, a schema for each."""
    root = schema.resolve(schema.root)
    branches = root.branches if isinstance(root, Union) else ()
    records = [branch for branch in branches if isinstance(schema.resolve(branch), Record)]
    if len(records) < 2:
        return {None: schema}
    return {_name(schema, branch): Schema(branch, schema.names) for branch in records}


def _name(schema: Schema, type_: Type) -> str:
    type_ = schema.resolve(type_)
    return type_.name if isinstance(type_, Record) else ""


def _problems_of(found: Sequence["_Compiled"], name: str | None) -> list[Problem]:
    """The problems with one schema, with the record's name if there are several records."""
    problems = [problem for compiled in found for problem in compiled.diagnostics.problems]
    return [_with_record_name(problem, name) for problem in problems]


def _with_record_name(problem: Problem, name: str | None) -> Problem:
    return problem if name is None else replace(problem, message=f"{problem.message} (in {name})")


def _steps(found: Sequence["_Compiled"]) -> list[CompiledMapping | MismatchedMapping]:
    return [compiled.step for compiled in found if compiled.step is not None]


class _Compiled:
    """One rule compiled for one schema. `step` None: no record can match, or the rule does not fit.

    `filter_result` is the compiled filter; None if the filter itself does not fit the schema.
    `texts` are the parsers of fields with JSON, shared by all mappings of a plan.
    """

    def __init__(
        self,
        rule: Rule,
        topic: str,
        schema: Schema | None,
        options: Options,
        texts: dict[str, JsonText],
    ) -> None:
        self.rule = rule
        self.diagnostics = Diagnostics(rule.document, rule.at, list(rule.warnings))
        self.mismatch: MappingMismatch | None = None
        self.typed: list[TypedProperty] = []
        self.wanted_filter: frozenset[WantedPath] = frozenset()
        self.wanted_all: frozenset[WantedPath] = frozenset()
        self.filters_by_record = False
        self.step: CompiledMapping | MismatchedMapping | None = None
        parsers = parsers_of(rule.form.parse, texts)
        scope = MappingScope(topic, schema, options, self.diagnostics, parsers=parsers)
        self.avro_types = scope.avro_types
        result = compile_filter(rule.filter, scope)
        self.filter_result = None if self.diagnostics.errors else result
        if self.filter_result is False:
            return
        scope.check_parsed()
        self.wanted_filter = frozenset(scope.wanted)
        self.filters_by_record = scope.reads_metadata
        scope.present = proven_paths(rule.filter)
        self.step = self._step(result, scope)
        self.wanted_all = frozenset(scope.wanted)

    def finish(self, types: Types, record_name: str | None) -> None:
        """Add the rule's types to `types`, or replace its step by a reject if it does not fit."""
        problems = self.diagnostics.errors
        at = self.diagnostics.error_paths[0] if problems else ()
        if not problems:
            merged = dict(types)
            problems = conflicts(self.typed, merged)
            if not problems:
                types.update(merged)
                return
            at = ("properties", self._property_at(problems[0]))
        path = field_of(self.rule.form, self.rule.session, at)
        problem = _with_record_name(problems[0], record_name)
        self.mismatch = MappingMismatch(self.rule.name, problem, path)
        matches = self.filter_result if callable(self.filter_result) else None
        self.step = MismatchedMapping(self.mismatch, matches, self.rule.on_error == "halt")
        self.typed = []
        self.wanted_all = self.wanted_filter

    def _property_at(self, problem: Problem) -> str:
        """The property at a problem's place."""
        return next(typed.property for typed in self.typed if typed.place == problem.place)

    def _step(self, result: FilterResult, scope: MappingScope) -> CompiledMapping | None:
        rule, form, diagnostics = self.rule, self.rule.form, self.diagnostics
        uid_form = long_uid(form.uid)
        uid: ReadUid | None = None
        event: EventName | None = None
        timestamp: ReadText | None = None
        session: ReadSession | None = None
        with diagnostics.catch("uid"):
            uid = compile_uid(uid_form, scope)
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
            matches=None if isinstance(result, bool) else result,
            equalities=equalities_of(rule.filter, scope) if callable(self.filter_result) else (),
            uid=uid,
            uid_optional=uid_form.optional,
            uid_path=uid_form.text,
            event=event.read,
            timestamp=timestamp,
            session=session,
            user_by_session=isinstance(rule.session, SessionSource)
            and rule.session.identifies_user,
            properties=properties,
            user_initiated=form.user_initiated,
            integration=form.integration,
            shadow=rule.mode == "shadow",
            late=rule.late,
            on_error=rule.on_error,
            keep=form.sample.keep if form.sample else 1,
            has_objects=any(map(objects_of, form.properties)),
        )

    def _properties(self, event: EventName | None, scope: MappingScope) -> tuple[ReadProperty, ...]:
        readers: list[ReadProperty] = []
        for name, value in self.rule.form.properties.items():
            at = ("properties", name)
            compiled = compile_property(name, long_value(value), at, scope)
            if compiled is None:
                continue
            readers.append(compiled.read)
            if compiled.type is not None and event is not None:
                self._note_type(name, compiled.type, event, at)
        return tuple(readers)

    def _note_type(
        self, name: str, type_: PropertyType, event: EventName, at: DocumentPath
    ) -> None:
        location: Problem = self.rule.document.problem("", "", self.rule.at + at, key=True)
        if location.place is None:
            return
        self.typed += [
            TypedProperty(
                event_name, name, type_, self.rule.name, location.place, location.source_line
            )
            for event_name in event.names
        ]
