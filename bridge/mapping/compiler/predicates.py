"""Compiles a filter's matchers into predicates over raw values of one Avro type.

Invariants: literals are converted to raw values when the file is loaded, so that each record costs
a single comparison. Decimals and times are compared exactly, as whole numbers.
"""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from math import ceil, floor
from typing import Any, Final, NoReturn
from uuid import UUID

from bridge.documents.problems import suggest
from bridge.mapping.language.codes import Code
from bridge.mapping.language.diagnostics import MappingFault
from bridge.mapping.language.filters import Bound, FilterScalar, Matcher
from bridge.schema.avro_types import AvroType
from bridge.schema.conversions import MappingError, exact_of_double, parse_time, unscaled

Check = Callable[[Any], bool]

_NUMBERS: Final = ("int", "float", "double", "decimal")
_TIMES: Final = ("instant", "date")
_WANTED: Final = {
    "text": "text",
    "enum": "text",
    "uuid": "text",
    "bool": "true or false",
    "instant": "a time with an offset, such as 2026-11-24T10:15:00Z",
    "date": "a date, such as 2026-11-24",
}
_EPOCH: Final = parse_time("1970-01-01T00:00:00Z")


@dataclass(frozen=True, slots=True)
class Predicate:
    """A test of a raw value that is not missing: it is not in `none_of`, and `check` is true.

    `check` None: the value itself does not matter (`exists`). `normalize` converts a raw value
    before the comparison.
    """

    check: Check | None
    none_of: frozenset[object]
    normalize: Callable[[Any], Any] | None = None

    def __call__(self, raw: Any) -> bool:
        """Whether a raw value passes."""
        value = raw if self.normalize is None else self.normalize(raw)
        return value not in self.none_of and (self.check is None or self.check(value))


def never(_: Any) -> bool:
    """The check that no value passes."""
    return False


def predicate_of(avro_type: AvroType, matchers: Sequence[Matcher]) -> Predicate | None:
    """The predicate for values of this type; None if no value can match.

    Raises:
        MappingFault: a matcher cannot be compared with this type.
    """
    members: set[object] = set()
    checks: list[Check] = []
    excluded: list[frozenset[object]] = []
    for matcher in matchers:
        if matcher.word == "exists":
            continue
        if matcher.word == "equals":
            members.update(_encoded(avro_type, matcher.values))
        elif matcher.word == "anything_but":
            excluded.append(frozenset(_encoded(avro_type, matcher.values)))
        else:
            checks.append(_check(avro_type, matcher))
    normalize = unscaled if avro_type.measure == "decimal" else None
    if any(matcher.word == "exists" and matcher.values == (True,) for matcher in matchers):
        return Predicate(None, frozenset(), None)
    if excluded:
        # The matchers are alternatives: a value that one excludes may match another.
        none_of = frozenset.intersection(*excluded) - members
        checks = [check for check in checks if check is not never]
        kept = [value for value in none_of if not any(check(value) for check in checks)]
        return Predicate(None, frozenset(kept), normalize)
    if members:
        checks.insert(0, frozenset(members).__contains__)
    checks = [check for check in checks if check is not never]
    return Predicate(_either(checks), frozenset(), normalize) if checks else None


def members_of(avro_type: AvroType, matchers: Sequence[Matcher]) -> frozenset[object] | None:
    """The raw values of which one is required; None if other values can match too.

    Raises:
        MappingFault: a matcher cannot be compared with this type.
    """
    if avro_type.measure == "decimal" or any(matcher.word != "equals" for matcher in matchers):
        return None
    return frozenset(one for matcher in matchers for one in _encoded(avro_type, matcher.values))


def _either(checks: list[Check]) -> Check:
    if len(checks) == 1:
        return checks[0]
    return lambda value: any(check(value) for check in checks)


def _encoded(avro_type: AvroType, values: Sequence[FilterScalar]) -> list[object]:
    """The literals as raw values, without those that no value can equal."""
    encoded = (_encode(avro_type, value) for value in values)
    return [value for value in encoded if value is not None]


def _encode(avro_type: AvroType, value: FilterScalar) -> object | None:
    match avro_type.measure:
        case "text" if isinstance(value, str):
            return value
        case "bool" if isinstance(value, bool):
            return value
        case "enum" if isinstance(value, str):
            if value not in avro_type.symbols:
                message = f"{avro_type.what} has no symbol `{value}`"
                raise MappingFault(Code.UNKNOWN_SYMBOL, message, suggest(value, avro_type.symbols))
            return value
        case "uuid" if isinstance(value, str):
            return _uuid(avro_type, value)
        case "float" | "double" if _is_number(value):
            return _double(avro_type, float(value))
        case _:
            pass
    exact = _in_raw_units(avro_type, value)
    return exact.numerator if exact.denominator == 1 else None


def _uuid(avro_type: AvroType, value: str) -> bytes:
    try:
        return UUID(value).bytes
    except ValueError:
        raise MappingFault(Code.NOT_COMPARABLE, f"`{value}` is not a {avro_type.what}") from None


def _double(avro_type: AvroType, value: float) -> float:
    """A literal at the field's precision: 0.1 as a `float` is not 0.1 as a `double`."""
    if avro_type.measure == "float":
        try:
            return float(struct.unpack("<f", struct.pack("<f", value))[0])
        except OverflowError:
            return value
    return value


def _in_raw_units(avro_type: AvroType, value: FilterScalar) -> Fraction:
    """A literal in the unit of the raw integers: unscaled decimals, ticks or days."""
    if avro_type.measure in ("int", "decimal") and _is_number(value):
        number = Fraction(value) if isinstance(value, int) else _fraction(float(value))
        power: int = 10**avro_type.digits
        return number * power
    if avro_type.measure not in _TIMES or not isinstance(value, str):
        _refuse(avro_type, value)
    return _ticks(avro_type, value)


def _fraction(value: float) -> Fraction:
    whole, digits = exact_of_double(value)
    return Fraction(whole, 10**digits) if digits > 0 else Fraction(whole * 10**-digits)


def _ticks(avro_type: AvroType, value: str) -> Fraction:
    try:
        when = parse_time(value)
    except MappingError:
        _refuse(avro_type, value)
    if len(value.strip()) == 10:
        when = when.replace(tzinfo=_EPOCH.tzinfo)
    if when.tzinfo is None:
        message = "this time has no offset from UTC"
        raise MappingFault(Code.NOT_COMPARABLE, message, f"write {_WANTED['instant']}")
    micros = (when - _EPOCH) // timedelta(microseconds=1)
    if avro_type.measure == "date":
        return Fraction(micros, 86_400_000_000)
    ticks_per_second: int = 10**avro_type.digits
    return Fraction(micros * ticks_per_second, 1_000_000)


def _check(avro_type: AvroType, matcher: Matcher) -> Check:
    if matcher.word == "bounds":
        if avro_type.measure in ("float", "double"):
            return _between_doubles(avro_type, matcher)
        return _between(avro_type, matcher)
    if avro_type.measure not in ("text", "enum"):
        message = f"`{matcher.word}` compares text, but this is {avro_type.what}"
        raise MappingFault(Code.NOT_COMPARABLE, message)
    text = str(matcher.values[0])
    if matcher.word == "prefix":
        return lambda value: bool(value.startswith(text))
    if matcher.word == "suffix":
        return lambda value: bool(value.endswith(text))
    folded = text.casefold()
    return lambda value: bool(value.casefold() == folded)


def _between(avro_type: AvroType, matcher: Matcher) -> Check:
    """A check between the first and the last whole number within the bounds."""
    low: int | None = None
    high: int | None = None
    for word, literal in matcher.bounds.items():
        bound = _in_raw_units(avro_type, literal)
        if word == "above":
            low = floor(bound) + 1
        elif word == "at_least":
            low = ceil(bound)
        elif word == "below":
            high = ceil(bound) - 1
        else:
            high = floor(bound)
    if low is not None and high is not None:
        first, last = low, high
        return (lambda value: bool(first <= value <= last)) if first <= last else never
    if low is not None:
        return low.__le__
    assert high is not None  # noqa: S101 -- a bounds matcher has at least one bound
    return high.__ge__


def _between_doubles(avro_type: AvroType, matcher: Matcher) -> Check:
    compare: dict[Bound, Callable[[float], Check]] = {
        "above": lambda bound: bound.__lt__,
        "at_least": lambda bound: bound.__le__,
        "below": lambda bound: bound.__gt__,
        "at_most": lambda bound: bound.__ge__,
    }
    checks = []
    for word, literal in matcher.bounds.items():
        if not _is_number(literal):
            _refuse(avro_type, literal)
        checks.append(compare[word](_double(avro_type, float(literal))))
    return checks[0] if len(checks) == 1 else lambda value: all(check(value) for check in checks)


def _is_number(value: FilterScalar) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _refuse(avro_type: AvroType, value: FilterScalar) -> NoReturn:
    wanted = _WANTED.get(avro_type.measure)
    if avro_type.measure in _NUMBERS:
        wanted = "a number"
    if wanted is None:
        message = f"{avro_type.what} cannot be compared"
        raise MappingFault(Code.NOT_COMPARABLE, message, "only `exists` works")
    found = "true or false" if isinstance(value, bool) else None
    found = found or ("text" if isinstance(value, str) else "a number")
    fix = f"write {wanted}"
    if found != "text" and wanted == "text":
        fix = "put it in quotes if it is meant as text"
    raise MappingFault(
        Code.NOT_COMPARABLE, f"{found} cannot be compared with {avro_type.what}", fix
    )
