"""A property of the file, against a schema: one closure that gives the property of a record.

Invariants: the type is known before the first record. A missing value gives the default (as it is
written), nothing (`optional`), or ends the mapping for this record.
"""

from dataclasses import dataclass
from typing import Any

from bridge.mapping.compiler.converter_chain import representation_of_scalar
from bridge.mapping.compiler.path_resolver import ResolvedPath
from bridge.mapping.compiler.scope import MappingScope
from bridge.mapping.compiler.sources import (
    PropertySource,
    compile_source,
    resolve_template,
    singular,
)
from bridge.mapping.language.codes import Code
from bridge.mapping.language.diagnostics import DocumentPath, MappingFault, Within
from bridge.mapping.language.grammar import LongValue
from bridge.mapping.runtime.functions import ReadProperty
from bridge.mapping.runtime.outcome import Atom, Property, PropertyType
from bridge.mapping.runtime.readers import Reader
from bridge.records import Record
from bridge.schema.avro_types import Kind
from bridge.schema.conversions import MappingError, time_of_text


@dataclass(frozen=True, slots=True)
class CompiledProperty:
    """A property's closure and type; `type` None when no record can have it (a tombstone)."""

    produce: ReadProperty
    type: PropertyType | None


def compile_property(
    name: str, rule: LongValue, at: DocumentPath, scope: MappingScope
) -> CompiledProperty | None:
    """The closure of one property; None when something is wrong, told to the scope's findings."""
    with scope.diagnostics.catch(*at):
        if rule.const is not None:
            return _constant(name, rule.const)
        places = _places(rule, scope)
        sources = [compile_source(place, rule, at, scope) for place in places]
        return _property(name, rule, [source for source in sources if source], at, scope)
    return None


def _places(rule: LongValue, scope: MappingScope) -> list[ResolvedPath]:
    if rule.template is not None:
        with Within("template"):
            return [resolve_template(rule.template, scope)]
    if rule.path is not None:
        with Within("path"):
            return [scope.resolve(rule.path)]
    return scope.resolve_all(rule.first_of or ())


def _constant(name: str, value: Atom) -> CompiledProperty:
    property_ = Property(name, representation_of_scalar(value).kind or "str", value)
    return CompiledProperty(lambda _, __: property_, property_.type)


def _property(
    name: str, rule: LongValue, sources: list[PropertySource], at: DocumentPath, scope: MappingScope
) -> CompiledProperty:
    types = {_type(source) for source in sources}
    if len(types) > 1:
        listed = " and ".join(sorted(types))
        message = f"the places of `first_of` are of several types: {listed}"
        raise MappingFault(Code.SEVERAL_TYPES, message, "`type:` makes them one")
    where = rule.template or rule.path or " or ".join(rule.first_of or ())
    if all(source.missing for source in sources):
        refuse_unhandled_missing(rule, where, lossy=any(source.lossy for source in sources))
    if not sources:
        # The value of a tombstone: only what the file itself says can be sent.
        return _without_source(name, rule)
    type_ = types.pop()
    default = None
    if rule.default is not None:
        with Within("default"):
            default = Property(name, type_, _default(rule, type_, where))
    produce = _producer(name, type_, sources, where, default=default, optional=rule.optional)
    return CompiledProperty(produce, type_)


def _without_source(name: str, rule: LongValue) -> CompiledProperty:
    value = rule.default
    if value is None or isinstance(value, tuple):
        return CompiledProperty(lambda _, __: None, None)
    return CompiledProperty(_constant(name, value).produce, None)


def refuse_unhandled_missing(rule: LongValue, where: str, *, lossy: bool) -> None:
    """A value that can be missing says what then."""
    if rule.default is None and not rule.optional and lossy:
        message = f"`{where}` counts as missing where its value is not listed"
        raise MappingFault(
            Code.CAN_BE_MISSING, message, "add `else:`, `default:` or `optional: true`"
        )
    if rule.default is None and not rule.optional:
        message = f"`{where}` can be missing"
        fix = "add `default:` (what is sent then) or `optional: true` (left out then)"
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


def _default(rule: LongValue, type_: PropertyType, where: str) -> Atom | list[Atom]:
    """The default as the property's type writes it."""
    value = rule.default
    plural = type_.endswith("s")
    if plural:
        if not isinstance(value, tuple):
            raise _wrong_default(type_, where)
        return [_atom(item, singular(type_), where) for item in value]
    if value is None or isinstance(value, tuple):
        raise _wrong_default(type_, where)
    return _atom(value, singular(type_), where)


def _atom(value: Atom, kind: Kind, where: str) -> Atom:
    if kind == "date" and isinstance(value, str):
        try:
            return str(time_of_text(None)(value))
        except MappingError:
            raise _wrong_default(kind, where) from None
    if kind == "real" and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if representation_of_scalar(value).kind != kind:
        raise _wrong_default(kind, where)
    return value


def _wrong_default(type_: str, where: str) -> MappingFault:
    fixes = {
        "date": "write a time with its offset, as 2026-11-24T10:15:00Z",
        "str": "put it in quotes, if it is text",
    }
    fix = fixes.get(type_, "write a list" if type_.endswith("s") else None)
    return MappingFault(Code.DEFAULT_TYPE, f"the default of `{where}` must be `{type_}`", fix)


def _producer(
    name: str,
    type_: PropertyType,
    sources: list[PropertySource],
    where: str,
    *,
    default: Property | None,
    optional: bool,
) -> ReadProperty:
    """The closure: the first source that is not missing, else the default, nothing, or an error."""
    if len(sources) == 1:
        find = _one(sources[0])
    else:
        finds = [_one(source) for source in sources]

        def find(record: Record, value: Any) -> Any:
            return next((found for one in finds if (found := one(record, value)) is not None), None)

    def produce(record: Record, value: Any) -> Property | None:
        found = find(record, value)
        if found is not None:
            return Property(name, type_, found)
        if default is not None or optional:
            return default
        raise MappingError("missing_value", f"`{where}` is missing", where)

    return produce


def _one(source: PropertySource) -> Reader:
    """Reads and converts; errors learn their path here."""
    read, convert, text = source.read, source.convert, source.text

    def find(record: Record, value: Any) -> Any:
        try:
            raw = read(record, value)
            return raw if raw is None or convert is None else convert(raw)
        except MappingError as error:
            error.path = text
            raise

    return find
