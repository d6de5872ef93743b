"""Compiles a filter for a schema: closures that decide whether a record matches.

Invariants: a condition that the schema alone decides costs nothing per record. A missing value
passes no test but `{exists: false}`. In a list one match is enough, but `anything_but` applies to
all items.
"""

from collections.abc import Callable, Sequence
from typing import Any as Unchecked

from bridge.mapping.compiler.path_resolver import ResolvedPath
from bridge.mapping.compiler.predicates import Predicate, members_of, predicate_of
from bridge.mapping.compiler.scope import MappingScope
from bridge.mapping.language.codes import Code
from bridge.mapping.language.diagnostics import MappingFault
from bridge.mapping.language.filters import All, Any, Condition, Matcher, Not, Test
from bridge.mapping.language.paths import Name
from bridge.mapping.runtime.dispatch import Equality
from bridge.mapping.runtime.functions import FilterFunction
from bridge.mapping.runtime.readers import Reader
from bridge.records import Record
from bridge.schema.avro_types import RAW_OF, AvroType

FilterResult = FilterFunction | bool
"""A closure, or a constant if the result is the same for every record."""


def compile_filter(condition: Condition, scope: MappingScope) -> FilterResult:
    """The closure of a filter; mistakes are added to `scope.diagnostics`."""
    match condition:
        case Test():
            with scope.diagnostics.catch(*condition.at, key=True):
                return _test(condition, scope)
            return False
        case All(parts):
            return _all_parts(parts, scope)
        case Any(parts):
            return _any([compile_filter(part, scope) for part in parts])
        case Not(part):
            return _not(compile_filter(part, scope))


def equalities_of(condition: All, scope: MappingScope) -> tuple[Equality, ...]:
    """The values that single fields must have, for a filter that fits the schema."""
    equalities = []
    for part in condition.parts:
        if not isinstance(part, Test) or part.path.root != "value" or scope.schema is None:
            continue
        resolved = scope.resolve_path(part.path)
        if resolved.many or len(resolved.avro_types) != 1:
            continue
        members = members_of(resolved.avro_types[0], part.matchers)
        if members is not None:
            fields = tuple(step.name for step in part.path.steps if isinstance(step, Name))
            names = fields if fields == resolved.wanted else None
            equalities.append(Equality(part.path.names, resolved.read, members, names))
    return tuple(equalities)


def _all_parts(parts: Sequence[Condition], scope: MappingScope) -> FilterResult:
    """All parts must match. Parts about `$topic` and `$record` are decided first.

    If one of these is false, the fields in the other parts need not exist in this schema.
    """
    constant = [compile_filter(part, scope) for part in parts if _is_constant(part)]
    if False in constant:
        return False
    variable = [compile_filter(part, scope) for part in parts if not _is_constant(part)]
    return _all([*constant, *variable])


def _is_constant(condition: Condition) -> bool:
    return isinstance(condition, Test) and condition.path.root in ("topic", "record")


def _all(parts: Sequence[FilterResult]) -> FilterResult:
    if any(part is False for part in parts):
        return False
    variable = [part for part in parts if not isinstance(part, bool)]
    if len(variable) <= 1:
        return variable[0] if variable else True
    if len(variable) == 2:
        first, second = variable
        return lambda record, value: first(record, value) and second(record, value)

    def matches(record: Record, value: Unchecked) -> bool:
        for part in variable:  # noqa: SIM110 -- a generator costs twice as much
            if not part(record, value):
                return False
        return True

    return matches


def _any(parts: Sequence[FilterResult]) -> FilterResult:
    if any(part is True for part in parts):
        return True
    variable = [part for part in parts if not isinstance(part, bool)]
    if len(variable) <= 1:
        return variable[0] if variable else False
    return lambda record, value: any(part(record, value) for part in variable)


def _not(part: FilterResult) -> FilterResult:
    if isinstance(part, bool):
        return not part
    return lambda record, value: not part(record, value)


def _test(test: Test, scope: MappingScope) -> FilterResult:
    resolved = scope.resolve_path(test.path)
    missing = any(matcher.matches_missing for matcher in test.matchers)
    if scope.schema is None and test.path.root == "value":
        return missing
    comparable = _check_comparable(test, resolved.avro_types, scope)
    predicate = _predicate(test, resolved)
    if resolved.constant is not None:
        return predicate is not None and predicate(resolved.constant)
    at_root = test.path.root == "value" and not test.path.steps
    if predicate is None and not (missing and resolved.missing):
        if not at_root and comparable:
            message = f"`{test.path.text}` can never match this"
            fix = "use a value that its type can have, or remove the condition"
            scope.diagnostics.add(MappingFault(Code.NEVER_MATCHES, message, fix), test.at)
        return False
    if _always(predicate, resolved, missing=missing):
        if not at_root:
            message = f"`{test.path.text}` always matches this"
            fault = MappingFault(Code.ALWAYS_MATCHES, message, "remove it")
            scope.diagnostics.add(fault, test.at, warning=True)
        return True
    return _closure(resolved, predicate, missing=missing)


def _predicate(test: Test, resolved: ResolvedPath) -> Predicate | None:
    """The predicate for all types that the value can have; None if no value can match."""
    found: dict[type, Predicate] = {}
    for avro_type in resolved.avro_types:
        matchers = [matcher for matcher in test.matchers if _fault(avro_type, matcher) is None]
        predicate = predicate_of(avro_type, matchers) if matchers else None
        if predicate is None or _matches_no_symbol(avro_type, predicate):
            continue
        if RAW_OF[avro_type.measure] in found:
            what = " or ".join(avro_type.what for avro_type in resolved.avro_types)
            message = f"`{test.path.text}` can be {what}, but the values do not show which"
            raise MappingFault(Code.SEVERAL_TYPES, message)
        found[RAW_OF[avro_type.measure]] = predicate
    if len(resolved.avro_types) == 1 or not found:
        return next(iter(found.values()), None)
    return Predicate(lambda raw: (p := found.get(type(raw))) is not None and p(raw), frozenset())


def _check_comparable(test: Test, avro_types: Sequence[AvroType], scope: MappingScope) -> bool:
    """Whether each matcher fits at least one of the types; reports those that do not."""
    comparable = True
    for matcher in test.matchers:
        faults = [_fault(avro_type, matcher) for avro_type in avro_types]
        if faults and all(fault is not None for fault in faults) and faults[0] is not None:
            scope.diagnostics.add(faults[0], matcher.at)
            comparable = False
    return comparable


def _fault(avro_type: AvroType, matcher: Matcher) -> MappingFault | None:
    try:
        predicate_of(avro_type, [matcher])
    except MappingFault as fault:
        return fault
    return None


def _matches_no_symbol(avro_type: AvroType, predicate: Predicate) -> bool:
    return avro_type.measure == "enum" and not any(map(predicate, avro_type.symbols))


def _always(predicate: Predicate | None, resolved: ResolvedPath, *, missing: bool) -> bool:
    """Whether every record matches, by the schema alone."""
    if predicate is None or (resolved.missing and not missing):
        return False
    if predicate.check is None and not predicate.none_of:
        return True
    avro_type = resolved.avro_types[0]
    if resolved.many or len(resolved.avro_types) > 1:
        return False
    if avro_type.measure == "enum":
        return all(map(predicate, avro_type.symbols))
    return avro_type.measure == "bool" and predicate(True) and predicate(False)


def _closure(
    resolved: ResolvedPath, predicate: Predicate | None, *, missing: bool
) -> FilterFunction:
    read: Reader = resolved.read
    if predicate is None:
        return lambda record, value: read(record, value) is None
    if predicate.check is None and not predicate.none_of:
        return lambda record, value: read(record, value) is not None
    passes = _in_list(predicate) if resolved.many else _of_one(predicate)

    def matches(record: Record, value: Unchecked) -> bool:
        raw = read(record, value)
        return missing if raw is None else passes(raw)

    return matches


def _of_one(predicate: Predicate) -> Callable[[Unchecked], bool]:
    """The cheapest closure for one value."""
    if predicate.check is not None and not predicate.none_of and predicate.normalize is None:
        return predicate.check
    return predicate


def _in_list(predicate: Predicate) -> Callable[[Unchecked], bool]:
    if predicate.check is None:
        return lambda items: all(predicate(item) for item in items if item is not None)
    return lambda items: any(predicate(item) for item in items if item is not None)
