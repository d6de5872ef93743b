"""Explains why a filter does not match a record: lists the conditions that do not hold.

Invariants: messages contain types and paths only, unless the caller asks for the record's values.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any as Unchecked

from bridge.mapping.compiler.filters import compile_filter
from bridge.mapping.compiler.path_resolver import ResolvedPath
from bridge.mapping.compiler.representation import representation_of
from bridge.mapping.compiler.scope import MappingScope, parsers_of
from bridge.mapping.language.diagnostics import Diagnostics, MappingFault
from bridge.mapping.language.filters import All, Any, Condition, Matcher, Not, Test
from bridge.mapping.language.loader import Rule
from bridge.mapping.language.options import Options
from bridge.records import Record
from bridge.schema.avro_types import RAW_OF
from bridge.schema.conversions import MappingError
from bridge.schema.types import Reference, Schema, Union

_BOUND_LABELS = {"above": "above", "at_least": "at least", "below": "below", "at_most": "at most"}
_INDENT = "  "


@dataclass(frozen=True, slots=True)
class ExplainedRecord:
    """A record with its decoded value and the schema that wrote it (None: a tombstone)."""

    record: Record
    value: object | None
    schema: Schema | None
    record_name: str | None = None


def unmet_conditions(
    rule: Rule, record_input: ExplainedRecord, options: Options, *, show_values: bool = False
) -> tuple[str, ...]:
    """The conditions that do not hold, one line each: path, expected value, actual value."""
    schema = _branch(record_input.schema, record_input.record_name)
    topic = record_input.record.topic
    diagnostics, parsers = Diagnostics(rule.document, rule.at), parsers_of(rule.form.parse)
    scope = MappingScope(topic, schema, options, diagnostics, parsers=parsers)
    lines = tuple(_FilterWalk(scope, record_input, show_values).failed(rule.filter))
    if record_input.value is None and not lines:
        return ("the record has no value, and the filter does not match such records",)
    return lines


def _branch(schema: Schema | None, name: str | None) -> Schema | None:
    """The schema of the written record, if the schema is a union."""
    if schema is None or name is None or name not in schema.names:
        return schema
    if isinstance(schema.resolve(schema.root), Union):
        return Schema(Reference(name), schema.names)
    return schema


class _FilterWalk:
    """Evaluates the conditions of a filter with one record."""

    def __init__(
        self, scope: MappingScope, record_input: ExplainedRecord, show_values: bool
    ) -> None:
        self._scope = scope
        self._record = record_input.record
        self._value = record_input.value
        self._show = show_values

    def failed(self, condition: Condition) -> Iterator[str]:
        """The lines for a condition that does not hold; none if it holds."""
        if self._holds(condition):
            return
        match condition:
            case Test():
                yield self._line(condition)
            case All(parts):
                static = [part for part in parts if _is_static(part) and not self._holds(part)]
                for part in static or parts:
                    yield from self.failed(part)
            case Any(parts):
                yield "none of these conditions holds:"
                for number, part in enumerate(parts, 1):
                    lines = list(self.failed(part))
                    for n, line in enumerate(lines):
                        yield f"{f'{number}.' if n == 0 else '  '} {line}"
            case Not(part):
                yield "this condition holds, but must not:"
                for line in _condition_lines(part):
                    yield _INDENT + line

    def _holds(self, condition: Condition) -> bool:
        predicate = compile_filter(condition, self._scope)
        if isinstance(predicate, bool):
            return predicate
        try:
            return predicate(self._record, self._value)
        except MappingError:
            return False

    def _line(self, test: Test) -> str:
        return f"{_expected(test)}; it is {self._actual(test)}"

    def _actual(self, test: Test) -> str:
        try:
            resolved = self._scope.resolve_path(test.path)
            raw = resolved.read(self._record, self._value)
        except MappingFault:
            return "not in this schema"
        except MappingError as error:
            return error.message
        if raw is None:
            return "missing"
        return _value_text(resolved, raw) if self._show else _type_text(resolved, raw)


def _is_static(condition: Condition) -> bool:
    return isinstance(condition, Test) and condition.path.root in ("topic", "record")


def _type_text(resolved: ResolvedPath, raw: object) -> str:
    """The type of a value, without the value."""
    avro_types = [
        avro_type for avro_type in resolved.avro_types if RAW_OF[avro_type.measure] is type(raw)
    ]
    what = " or ".join(avro_type.what for avro_type in avro_types or resolved.avro_types)
    return f"a list of {what}" if resolved.many else f"another {what}"


def _value_text(resolved: ResolvedPath, raw: Unchecked) -> str:
    items = raw if resolved.many else [raw]
    shown = [_item_text(resolved, item) for item in items]
    return f"[{', '.join(shown)}]" if resolved.many else shown[0]


def _item_text(resolved: ResolvedPath, raw: Unchecked) -> str:
    if isinstance(raw, bool | int | float | str) and not resolved.avro_types:
        return json.dumps(raw, ensure_ascii=False)
    try:
        text = representation_of(resolved.avro_types, resolved.path.text).text
        value = raw if text is None else text(raw)
    except (MappingFault, MappingError):
        value = raw
    plain = isinstance(raw, int | float) and value in (str(raw), str(raw).lower())
    unquoted = plain or any(
        avro_type.measure in ("decimal", "float") for avro_type in resolved.avro_types
    )
    return str(value) if unquoted else json.dumps(value, ensure_ascii=False, default=repr)


def _condition_lines(condition: Condition) -> Iterator[str]:
    match condition:
        case Test():
            yield _expected(condition)
        case All(parts):
            for part in parts:
                yield from _condition_lines(part)
        case Any(parts):
            yield "any of:"
            for part in parts:
                yield from (_INDENT + line for line in _condition_lines(part))
        case Not(part):
            yield "not:"
            yield from (_INDENT + line for line in _condition_lines(part))


def _expected(test: Test) -> str:
    """The expectation of a test, for example `status` must be "FAILED" or "DECLINED"."""
    return f"`{test.path.text}` must {_alternatives(test.matchers)}"


def _alternatives(matchers: Sequence[Matcher]) -> str:
    equal = [
        _literal(v) for matcher in matchers if matcher.word == "equals" for v in matcher.values
    ]
    parts = [f"be {' or '.join(equal)}"] if equal else []
    parts += [_operator(matcher) for matcher in matchers if matcher.word != "equals"]
    return " or ".join(parts)


def _operator(matcher: Matcher) -> str:
    match matcher.word:
        case "exists":
            return "exist" if matcher.values == (True,) else "be missing"
        case "bounds":
            bounds = [f"{_BOUND_LABELS[word]} {_literal(v)}" for word, v in matcher.bounds.items()]
            return f"be {' and '.join(bounds)}"
        case "prefix":
            return f"begin with {_literal(matcher.values[0])}"
        case "suffix":
            return f"end in {_literal(matcher.values[0])}"
        case "anything_but":
            return f"be anything but {' or '.join(map(_literal, matcher.values))}"
        case _:
            return f"be {_literal(matcher.values[0])} in any case"


def _literal(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
