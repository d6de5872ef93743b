"""`sum`, `min` and `max`: one value from the numbers or times of a list.

Invariants: exact, whatever the numbers are: doubles count as their shortest decimal text. Null
items do not count. The sum of an empty list is zero; an empty list has no `min` and no `max`.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cmp_to_key, reduce
from typing import Any, Final, Literal

from bridge.mapping.compiler.path_resolver import ResolvedPath
from bridge.mapping.compiler.representation import EXACT, INT, Representation
from bridge.mapping.language.codes import Code
from bridge.mapping.language.diagnostics import MappingFault
from bridge.mapping.language.grammar.values import LongValue
from bridge.records import Record
from bridge.schema.conversions import Convert, Exact, int64, sum_of_exact

Word = Literal["sum", "min", "max"]

_WORDS: Final[tuple[Word, ...]] = ("sum", "min", "max")
_TIMES: Final = ("instant", "date")
_Aggregate = Callable[[Sequence[Any]], Any]


def aggregate_word(rule: LongValue) -> Word | None:
    """Which of the three a property asks for, if any."""
    return next((word for word in _WORDS if getattr(rule, word)), None)


def aggregate(
    word: Word, resolved: ResolvedPath, representation: Representation
) -> tuple[ResolvedPath, Representation]:
    """The path as a single value, read from the list, and the representation of that value.

    Raises:
        MappingFault: the path is not a list, or its items cannot be added or compared.
    """
    text, what = resolved.path.text, representation.what
    if not resolved.many:
        message = f"`{word}` works on lists, but `{text}` is {what}"
        raise MappingFault(Code.NO_CONVERSION, message, resolved.list_fix)
    made = _sum(representation) if word == "sum" else _extreme(word, representation)
    if made is None:
        takes = "adds numbers" if word == "sum" else "compares numbers and times"
        message = f"`{word}` {takes}, but `{text}` is an array of {what}"
        raise MappingFault(Code.NO_CONVERSION, message)
    function, result = made
    read = resolved.read

    def find(record: Record, value: Any) -> Any:
        items = read(record, value)
        if items is None:
            return None
        return function([item for item in items if item is not None])

    missing = resolved.missing or word != "sum"
    single = replace(resolved, read=find, missing=missing, many=False, nullable_items=False)
    return single, result


def _sum(items: Representation) -> tuple[_Aggregate, Representation] | None:
    if items.kind == "int":
        return lambda found: int64(sum(found)), INT
    exact = _exact(items)
    if exact is None:
        return None
    zero: Exact = (0, items.digits)
    convert = exact
    return lambda found: reduce(sum_of_exact, map(convert, found), zero), EXACT


def _extreme(
    word: Literal["min", "max"], items: Representation
) -> tuple[_Aggregate, Representation] | None:
    """The smallest or greatest raw item, so that the items' representation stays."""
    choose = min if word == "min" else max
    if items.kind == "int" or items.measure in _TIMES:
        return lambda found: choose(found, default=None), items
    exact = _exact(items)
    if exact is None:
        return None
    convert = exact

    def pick(found: Sequence[Any]) -> Any:
        pairs = [(convert(item), item) for item in found]
        return choose(pairs, key=_BY_SIZE, default=(None, None))[1]

    return pick, items


def _exact(items: Representation) -> Convert | None:
    """The conversion to an exact number; None for text and times, which are no amounts."""
    return None if items.measure == "time" else items.exact


def _compare(one: tuple[Exact, Any], other: tuple[Exact, Any]) -> int:
    (whole, digits), _ = other
    return sum_of_exact(one[0], (-whole, digits))[0]


_BY_SIZE: Final = cmp_to_key(_compare)
