"""A filter's conditions against a schema: closures that say yes or no to a record.

Laws: a condition whose answer the schema already tells costs nothing per record. A missing
value passes `{exists: false}` only. In a list one item is enough, but `anything_but` speaks of
all of them.
"""

from collections.abc import Callable, Sequence
from typing import Any as Unchecked

from bridge.mapping.codes import Code
from bridge.mapping.conditions import All, Any, Condition, Matcher, Not, Test
from bridge.mapping.dispatch import Equality
from bridge.mapping.findings import Fault
from bridge.mapping.leaves import RAW_OF, Leaf
from bridge.mapping.locate import Located
from bridge.mapping.paths import Name
from bridge.mapping.predicates import Predicate, members_of, predicate_of
from bridge.mapping.readers import Reader
from bridge.mapping.scope import Scope
from bridge.records import Record

Matches = Callable[[Record, Unchecked], bool]
Answer = Matches | bool
"""A closure, or the answer itself where it is the same for every record."""


def compile_filter(condition: Condition, scope: Scope) -> Answer:
    """The closure of a filter; mistakes go to the scope's findings."""
    match condition:
        case Test():
            with scope.findings.catch(*condition.at, key=True):
                return _test(condition, scope)
            return False
        case All(parts):
            return _in_scope(parts, scope)
        case Any(parts):
            return _any([compile_filter(part, scope) for part in parts])
        case Not(part):
            return _not(compile_filter(part, scope))


def equalities_of(condition: All, scope: Scope) -> tuple[Equality, ...]:
    """The values that single fields must have, in a filter that fits the schema."""
    found = []
    for part in condition.parts:
        if not isinstance(part, Test) or part.path.root != "value" or scope.schema is None:
            continue
        located = scope.locate_path(part.path)
        if located.many or len(located.leaves) != 1:
            continue
        members = members_of(located.leaves[0], part.matchers)
        if members is not None:
            fields = tuple(step.name for step in part.path.steps if isinstance(step, Name))
            names = fields if fields == located.wanted else None
            found.append(Equality(part.path.names, located.read, members, names))
    return tuple(found)


def _in_scope(parts: Sequence[Condition], scope: Scope) -> Answer:
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


def _all(parts: Sequence[Answer]) -> Answer:
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


def _any(parts: Sequence[Answer]) -> Answer:
    if any(part is True for part in parts):
        return True
    open_ = [part for part in parts if not isinstance(part, bool)]
    if len(open_) <= 1:
        return open_[0] if open_ else False
    return lambda record, value: any(part(record, value) for part in open_)


def _not(part: Answer) -> Answer:
    if isinstance(part, bool):
        return not part
    return lambda record, value: not part(record, value)


def _test(test: Test, scope: Scope) -> Answer:
    located = scope.locate_path(test.path)
    missing = any(matcher.asks_for_missing for matcher in test.matchers)
    if scope.schema is None and test.path.root == "value":
        return missing
    comparable = _refuse_strangers(test, located.leaves, scope)
    predicate = _predicate(test, located)
    if located.constant is not None:
        return predicate is not None and predicate(located.constant)
    at_root = test.path.root == "value" and not test.path.steps
    if predicate is None and not (missing and located.missing):
        if not at_root and comparable:
            message = f"`{test.path.text}` can never be this"
            scope.findings.add(Fault(Code.NEVER_MATCHES, message), test.at)
        return False
    if _always(predicate, located, missing=missing):
        if not at_root:
            message = f"`{test.path.text}` is always this"
            fault = Fault(Code.ALWAYS_MATCHES, message, "take it out")
            scope.findings.add(fault, test.at, warning=True)
        return True
    return _closure(located, predicate, missing=missing)


def _predicate(test: Test, located: Located) -> Predicate | None:
    """The predicate over all the types that the value can have."""
    found: dict[type, Predicate] = {}
    for leaf in located.leaves:
        matchers = [matcher for matcher in test.matchers if _fault(leaf, matcher) is None]
        predicate = predicate_of(leaf, matchers) if matchers else None
        if predicate is None or _passes_no_symbol(leaf, predicate):
            continue
        if RAW_OF[leaf.measure] in found:
            what = " or ".join(leaf.what for leaf in located.leaves)
            message = f"`{test.path.text}` can be {what}, and its values do not say which"
            raise Fault(Code.SEVERAL_TYPES, message)
        found[RAW_OF[leaf.measure]] = predicate
    if len(located.leaves) == 1 or not found:
        return next(iter(found.values()), None)
    return Predicate(lambda raw: (p := found.get(type(raw))) is not None and p(raw), frozenset())


def _refuse_strangers(test: Test, leaves: Sequence[Leaf], scope: Scope) -> bool:
    """Whether each matcher fits one of the types at least; tells those that do not."""
    fit = True
    for matcher in test.matchers:
        faults = [_fault(leaf, matcher) for leaf in leaves]
        if faults and all(fault is not None for fault in faults) and faults[0] is not None:
            scope.findings.add(faults[0], matcher.at)
            fit = False
    return fit


def _fault(leaf: Leaf, matcher: Matcher) -> Fault | None:
    try:
        predicate_of(leaf, [matcher])
    except Fault as fault:
        return fault
    return None


def _passes_no_symbol(leaf: Leaf, predicate: Predicate) -> bool:
    return leaf.measure == "enum" and not any(map(predicate, leaf.symbols))


def _always(predicate: Predicate | None, located: Located, *, missing: bool) -> bool:
    """Whether the schema alone says that every record passes."""
    if predicate is None or (located.missing and not missing):
        return False
    if predicate.check is None and not predicate.none_of:
        return True
    leaf = located.leaves[0]
    if located.many or len(located.leaves) > 1:
        return False
    if leaf.measure == "enum":
        return all(map(predicate, leaf.symbols))
    return leaf.measure == "bool" and predicate(True) and predicate(False)


def _closure(located: Located, predicate: Predicate | None, *, missing: bool) -> Matches:
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
