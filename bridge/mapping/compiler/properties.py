"""Compiles a property for a schema into one closure that reads it from a record.

Invariants: the type is known before the first record. For a missing value the closure returns the
default as written, nothing (`optional`), or raises a mapping error for this record.
"""

from dataclasses import dataclass
from typing import Any

from bridge.mapping.compiler.converter_chain import representation_of_scalar
from bridge.mapping.compiler.scope import MappingScope
from bridge.mapping.compiler.sources import (
    PropertySource,
    compile_source,
    resolve,
    singular,
)
from bridge.mapping.language.codes import Code
from bridge.mapping.language.diagnostics import DocumentPath, MappingFault, Within
from bridge.mapping.language.grammar.values import LongValue
from bridge.mapping.runtime.functions import ReadProperty
from bridge.mapping.runtime.outcome import Atom, Property, PropertyType
from bridge.mapping.runtime.readers import Reader, converting_reader, first_found
from bridge.records import Record
from bridge.schema.avro_types import Kind
from bridge.schema.conversions import MappingError, time_of_text


@dataclass(frozen=True, slots=True)
class CompiledProperty:
    """A property's closure and type; `type` None if no record can have it (a tombstone)."""

    read: ReadProperty
    type: PropertyType | None


def compile_property(
    name: str, rule: LongValue, at: DocumentPath, scope: MappingScope
) -> CompiledProperty | None:
    """The closure of one property; None after a mistake, which is added to `scope.diagnostics`."""
    with scope.diagnostics.catch(*at):
        if rule.const is not None:
            return _constant(name, rule.const)
        resolved = resolve(rule, scope)
        sources = [compile_source(one, rule, at, scope) for one in resolved]
        return _property(name, rule, [source for source in sources if source], at, scope)
    return None


def _constant(name: str, value: Atom) -> CompiledProperty:
    property_ = Property(name, representation_of_scalar(value).kind or "str", value)
    return CompiledProperty(lambda _, __: property_, property_.type)


def _property(
    name: str, rule: LongValue, sources: list[PropertySource], at: DocumentPath, scope: MappingScope
) -> CompiledProperty:
    types = {_type(source) for source in sources}
    if len(types) > 1:
        listed = " and ".join(sorted(types))
        message = f"the values of `first_of` have different types: {listed}"
        raise MappingFault(Code.SEVERAL_TYPES, message, "use `type:` to convert them to one type")
    path = rule.text
    if all(source.missing for source in sources):
        refuse_unhandled_missing(rule, path, lossy=any(source.lossy for source in sources))
    if not sources:
        # A tombstone has no value: only literals from the file can be sent.
        return _without_source(name, rule)
    type_ = types.pop()
    default = None
    if rule.default is not None:
        with Within("default"):
            default = Property(name, type_, _default(rule, type_, path))
    read = _reader(name, type_, sources, path, default=default, optional=rule.optional)
    return CompiledProperty(read, type_)


def _without_source(name: str, rule: LongValue) -> CompiledProperty:
    value = rule.default
    if value is None or isinstance(value, tuple):
        return CompiledProperty(lambda _, __: None, None)
    return CompiledProperty(_constant(name, value).read, None)


def refuse_unhandled_missing(rule: LongValue, path: str, *, lossy: bool) -> None:
    """Refuse a value that can be missing if the rule does not handle that."""
    if rule.default is None and not rule.optional and lossy:
        message = f"`{path}` counts as missing if its value is not listed"
        raise MappingFault(
            Code.CAN_BE_MISSING, message, "add `else:`, `default:` or `optional: true`"
        )
    if rule.default is None and not rule.optional:
        message = f"`{path}` can be missing"
        if rule.min or rule.max:
            message = f"`{path}` can be missing or empty"
        fix = "add `default:` (sent instead) or `optional: true` (left out)"
        raise MappingFault(Code.CAN_BE_MISSING, message, fix)


def _type(source: PropertySource) -> PropertyType:
    plurals: dict[Kind, PropertyType] = {
        "str": "strs",
        "int": "ints",
        "real": "reals",
        "bool": "bools",
        "date": "dates",
    }
    return plurals[source.kind] if source.many else source.kind


def _default(rule: LongValue, type_: PropertyType, path: str) -> Atom | list[Atom]:
    """The default, converted to the property's type."""
    value = rule.default
    plural = type_.endswith("s")
    if plural:
        if not isinstance(value, tuple):
            raise _wrong_default(type_, path)
        return [_atom(item, singular(type_), path) for item in value]
    if value is None or isinstance(value, tuple):
        raise _wrong_default(type_, path)
    return _atom(value, singular(type_), path)


def _atom(value: Atom, kind: Kind, path: str) -> Atom:
    if kind == "date" and isinstance(value, str):
        try:
            return str(time_of_text(None)(value))
        except MappingError:
            raise _wrong_default(kind, path) from None
    if kind == "real" and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if representation_of_scalar(value).kind != kind:
        raise _wrong_default(kind, path)
    return value


def _wrong_default(type_: str, path: str) -> MappingFault:
    fixes = {
        "date": "write a time with an offset, such as 2026-11-24T10:15:00Z",
        "str": "put it in quotes if it is text",
    }
    fix = fixes.get(type_, "write a list" if type_.endswith("s") else None)
    return MappingFault(Code.DEFAULT_TYPE, f"the default of `{path}` must be `{type_}`", fix)


def _reader(
    name: str,
    type_: PropertyType,
    sources: list[PropertySource],
    path: str,
    *,
    default: Property | None,
    optional: bool,
) -> ReadProperty:
    """Reads the first source that is not missing; otherwise the default, nothing, or an error."""
    find = first_found([_source_reader(source) for source in sources])

    def read(record: Record, value: Any) -> Property | None:
        found = find(record, value)
        if found is not None:
            return Property(name, type_, found)
        if default is not None or optional:
            return default
        raise MappingError("missing_value", f"`{path}` is missing", path)

    return read


def _source_reader(source: PropertySource) -> Reader:
    return converting_reader(source.read, source.convert, source.text)
