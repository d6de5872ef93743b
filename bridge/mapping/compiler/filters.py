"""A filter's conditions against a schema: closures that say yes or no to a record.

Invariants: a condition whose answer the schema already tells costs nothing per record. A missing
value passes `{exists: false}` only. In a list one item is enough, but `anything_but` speaks of
all of them.
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
"""A closure, or the answer itself where it is the same for every record."""


def compile_filter(condition: Condition, scope: MappingScope) -> FilterResult:
    """The closure of a filter; mistakes go to the scope's findings."""
    match condition:
        case Test():
            with scope.diagnostics.catch(*condition.at, key=True):
                return _test(condition, scope)
            return False
        case All(parts):
            return _in_scope(parts, scope)
        case Any(parts):
            return _any([compile_filter(part, scope) for part in parts])
        case Not(part):
            return _not(compile_filter(part, scope))


def equalities_of(condition: All, scope: MappingScope) -> tuple[Equality, ...]:
    """The values that single fields must have, in a filter that fits the schema."""
    found = []
    for part in condition.parts:
        if not isinstance(part, Test) or part.path.root != "value" or scope.schema is None:
            continue
        located = scope.resolve_path(part.path)
        if located.many or len(located.avro_types) != 1:
            continue
        members = members_of(located.avro_types[0], part.matchers)
        if members is not None:
            fields = tuple(step.name for step in part.path.steps if isinstance(step, Name))
            names = fields if fields == located.wanted else None
            found.append(Equality(part.path.names, located.read, members, names))
    return tuple(found)


def _in_scope(parts: Sequence[Condition], scope: MappingScope) -> FilterResult:
    """All parts, unless one says that the filter is for other topics or other records.

    What the rest of it names need not exist in this schema then.
    """
    fixed = [part for part in parts if _is_fixed(part)]
    answers = [compile_filter(part, scope) for part in fixed]
    if False in answers:
        return False
    open_ = [compile_filter(part, scope) for part in parts if not _is_fixed(part)]
    return _all([*answers, *open_])


def _is_fixed(condition: Condition) -> bool:
    return isinstance(condition, Test) and condition.path.root in ("topic", "record")


def _all(parts: Sequence[FilterResult]) -> FilterResult:
    if any(part is False for part in parts):
        return False
    open_ = [part for part in parts if not isinstance(part, bool)]
    if len(open_) <= 1:
        return open_[0] if open_ else True
    if len(open_) == 2:
        first, second = open_
        return lambda record, value: first(record, value) and second(record, value)

    def matches(record: Record, value: Unchecked) -> bool:
        for part in open_:  # noqa: SIM110 -- a generator costs twice as much
            if not part(record, value):
                return False
        return True

    return matches


def _any(parts: Sequence[FilterResult]) -> FilterResult:
    if any(part is True for part in parts):
        return True
    open_ = [part for part in parts if not isinstance(part, bool)]
    if len(open_) <= 1:
        return open_[0] if open_ else False
    return lambda record, value: any(part(record, value) for part in open_)


def _not(part: FilterResult) -> FilterResult:
    if isinstance(part, bool):
        return not part
    return lambda record, value: not part(record, value)


def _test(test: Test, scope: MappingScope) -> FilterResult:
    located = scope.resolve_path(test.path)
    missing = any(matcher.asks_for_missing for matcher in test.matchers)
    if scope.schema is None and test.path.root == "value":
        return missing
    comparable = _refuse_strangers(test, located.avro_types, scope)
    predicate = _predicate(test, located)
    if located.constant is not None:
        return predicate is not None and predicate(located.constant)
    at_root = test.path.root == "value" and not test.path.steps
    if predicate is None and not (missing and located.missing):
        if not at_root and comparable:
            message = f"`{test.path.text}` can never be this"
            scope.diagnostics.add(MappingFault(Code.NEVER_MATCHES, message), test.at)
        return False
    if _always(predicate, located, missing=missing):
        if not at_root:
            message = f"`{test.path.text}` is always this"
            fault = MappingFault(Code.ALWAYS_MATCHES, message, "take it out")
            scope.diagnostics.add(fault, test.at, warning=True)
        return True
    return _closure(located, predicate, missing=missing)


def _predicate(test: Test, located: ResolvedPath) -> Predicate | None:
    """The predicate over all the types that the value can have."""
    found: dict[type, Predicate] = {}
    for avro_type in located.avro_types:
        matchers = [matcher for matcher in test.matchers if _fault(avro_type, matcher) is None]
        predicate = predicate_of(avro_type, matchers) if matchers else None
        if predicate is None or _passes_no_symbol(avro_type, predicate):
            continue
        if RAW_OF[avro_type.measure] in found:
            what = " or ".join(avro_type.what for avro_type in located.avro_types)
            message = f"`{test.path.text}` can be {what}, and its values do not say which"
            raise MappingFault(Code.SEVERAL_TYPES, message)
        found[RAW_OF[avro_type.measure]] = predicate
    if len(located.avro_types) == 1 or not found:
        return next(iter(found.values()), None)
    return Predicate(lambda raw: (p := found.get(type(raw))) is not None and p(raw), frozenset())


def _refuse_strangers(test: Test, avro_types: Sequence[AvroType], scope: MappingScope) -> bool:
    """Whether each matcher fits one of the types at least; tells those that do not."""
    fit = True
    for matcher in test.matchers:
        faults = [_fault(avro_type, matcher) for avro_type in avro_types]
        if faults and all(fault is not None for fault in faults) and faults[0] is not None:
            scope.diagnostics.add(faults[0], matcher.at)
            fit = False
    return fit


def _fault(avro_type: AvroType, matcher: Matcher) -> MappingFault | None:
    try:
        predicate_of(avro_type, [matcher])
    except MappingFault as fault:
        return fault
    return None


def _passes_no_symbol(avro_type: AvroType, predicate: Predicate) -> bool:
    return avro_type.measure == "enum" and not any(map(predicate, avro_type.symbols))


def _always(predicate: Predicate | None, located: ResolvedPath, *, missing: bool) -> bool:
    """Whether the schema alone says that every record passes."""
    if predicate is None or (located.missing and not missing):
        return False
    if predicate.check is None and not predicate.none_of:
        return True
    avro_type = located.avro_types[0]
    if located.many or len(located.avro_types) > 1:
        return False
    if avro_type.measure == "enum":
        return all(map(predicate, avro_type.symbols))
    return avro_type.measure == "bool" and predicate(True) and predicate(False)


def _closure(
    located: ResolvedPath, predicate: Predicate | None, *, missing: bool
) -> FilterFunction:
    read: Reader = located.read
    if predicate is None:
        return lambda record, value: read(record, value) is None
    if predicate.check is None and not predicate.none_of:
        return lambda record, value: read(record, value) is not None
    passes = _in_list(predicate) if located.many else _of_one(predicate)

    def matches(record: Record, value: Unchecked) -> bool:
        raw = read(record, value)
        return missing if raw is None else passes(raw)

    return matches


def _of_one(predicate: Predicate) -> Callable[[Unchecked], bool]:
    """The cheapest closure for one value."""
    if predicate.check is not None and not predicate.none_of and predicate.carry is None:
        return predicate.check
    return predicate


def _in_list(predicate: Predicate) -> Callable[[Unchecked], bool]:
    if predicate.check is None:
        return lambda items: all(predicate(item) for item in items if item is not None)
    return lambda items: any(predicate(item) for item in items if item is not None)
