"""The filter's grammar: parses the file's data into a tree of conditions.

Invariants: syntax only; no schema. Keys of one object are ANDed, items of one list are ORed. `any`,
`all` and `not` are keywords; a field with such a name is written `$value.any`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any as Unchecked
from typing import Final, Literal

from bridge.documents.problems import suggest
from bridge.mapping.language.codes import Code
from bridge.mapping.language.diagnostics import Diagnostics, DocumentPath, MappingFault
from bridge.mapping.language.paths import Every, Path, parse_path, path_text

FilterScalar = bool | int | float | str
Bound = Literal["above", "at_least", "below", "at_most"]

_BOUNDS: Final[tuple[Bound, ...]] = ("above", "at_least", "below", "at_most")
_OPERATORS: Final = ("exists", "prefix", "suffix", "anything_but", "equals_ignore_case")
_COMBINATORS: Final = ("any", "all", "not")


@dataclass(frozen=True, slots=True)
class Matcher:
    """One alternative: a literal (`word` is `equals`), an operator, or combined bounds."""

    word: str
    at: DocumentPath
    values: tuple[FilterScalar, ...] = ()
    bounds: Mapping[Bound, FilterScalar] = field(default_factory=dict)

    @property
    def matches_missing(self) -> bool:
        """Whether it is `{exists: false}`."""
        return self.word == "exists" and self.values == (False,)


@dataclass(frozen=True, slots=True)
class Test:
    """A condition on the value at one path: at least one of the matchers."""

    path: Path
    at: DocumentPath
    matchers: tuple[Matcher, ...]

    @property
    def matches_tombstones(self) -> bool:
        """Whether a record without a value can pass: `{exists: false}` on the whole value."""
        at_root = self.path.root == "value" and not self.path.steps
        return at_root and any(matcher.matches_missing for matcher in self.matchers)


@dataclass(frozen=True, slots=True)
class All:
    """All parts must match."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Any:
    """At least one part must match."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part must not match."""

    part: "Condition"


Condition = Test | All | Any | Not


def parse_filter(data: Mapping[str, Unchecked], diagnostics: Diagnostics, at: DocumentPath) -> All:
    """The tree of a filter; mistakes are added to `diagnostics`, invalid parts are left out."""
    parts: list[Condition] = []
    for key, value in data.items():
        here = (*at, key)
        if key in ("any", "all"):
            parts += _combined(key, value, diagnostics, here)
        elif key == "not":
            if isinstance(value, Mapping):
                parts.append(Not(parse_filter(value, diagnostics, here)))
            else:
                diagnostics.add(_no_operator("not", "one filter"), here)
        else:
            parts += _test(key, value, diagnostics, here)
    return All(tuple(parts))


def matches_tombstones(condition: Condition) -> bool:
    """Whether records without a value can pass: only if the filter asks for them explicitly."""
    match condition:
        case Test():
            return condition.matches_tombstones
        case All(parts) | Any(parts):
            return any(map(matches_tombstones, parts))
        case Not():
            return False


def proven_paths(condition: Condition) -> set[str]:
    """The paths, in normal form, that cannot be missing in a record that the filter matches."""
    match condition:
        case Test(path, _, matchers) if path.root == "value":
            if any(matcher.matches_missing for matcher in matchers):
                return set()
            fixed = path.steps[: path.steps.index(Every())] if Every() in path.steps else path.steps
            return {path_text(fixed[:end]) for end in range(1, len(fixed) + 1)}
        case All(parts):
            return set().union(*map(proven_paths, parts))
        case Any(parts):
            each = [proven_paths(part) for part in parts]
            return set.intersection(*each) if each else set()
        case _:
            return set()


def _no_operator(word: str, takes: str) -> MappingFault:
    """A field may have the name of an operator, but then its path begins with `$value`."""
    fix = f"if `{word}` is a field, write `$value.{word}`"
    return MappingFault(Code.FILTER_FORM, f"`{word}` takes {takes}", fix)


def _combined(
    word: str, value: object, diagnostics: Diagnostics, at: DocumentPath
) -> list[Condition]:
    if not isinstance(value, list) or not all(isinstance(part, Mapping) for part in value):
        diagnostics.add(_no_operator(word, "a list of filters"), at)
        return []
    if not value:
        diagnostics.add(MappingFault(Code.FILTER_NEVER, f"`{word}` needs at least one filter"), at)
        return []
    parts = tuple(parse_filter(part, diagnostics, (*at, n)) for n, part in enumerate(value))
    return [Any(parts) if word == "any" else All(parts)]


def _test(key: str, value: object, diagnostics: Diagnostics, at: DocumentPath) -> list[Condition]:
    with diagnostics.catch(*at, key=True):
        path = parse_path(key)
        matchers = _matchers(value, diagnostics, at)
        return [Test(path, at, tuple(matchers))] if matchers else []
    return []


def _matchers(value: object, diagnostics: Diagnostics, at: DocumentPath) -> list[Matcher]:
    if not isinstance(value, list):
        return _matcher(value, diagnostics, at)
    if not value:
        message = "an empty list matches nothing"
        diagnostics.add(
            MappingFault(Code.FILTER_NEVER, message, "list the values, or remove it"), at
        )
    return [
        found for n, item in enumerate(value) for found in _matcher(item, diagnostics, (*at, n))
    ]


def _matcher(value: object, diagnostics: Diagnostics, at: DocumentPath) -> list[Matcher]:
    with diagnostics.catch(*at):
        if isinstance(value, Mapping):
            return [_operator(value, at)]
        return [Matcher("equals", at, (_scalar(value),))]
    return []


def _scalar(value: object) -> FilterScalar:
    if value is None:
        message = "cannot compare with null: null and absent both count as missing"
        raise MappingFault(Code.FILTER_FORM, message, "write `{exists: false}`")
    if not isinstance(value, bool | int | float | str):
        raise MappingFault(
            Code.FILTER_FORM, "a list inside a list is not allowed here", "use one list"
        )
    return value


def _operator(data: Mapping[str, Unchecked], at: DocumentPath) -> Matcher:
    unknown = [word for word in data if word not in (*_OPERATORS, *_BOUNDS)]
    if unknown:
        known = [*_OPERATORS, *_BOUNDS]
        fix = suggest(unknown[0], known)
        raise MappingFault(Code.FILTER_FORM, f"`{unknown[0]}` is not a filter operator", fix)
    bounds: dict[Bound, FilterScalar] = {
        word: _bound(data[word]) for word in _BOUNDS if word in data
    }
    if bounds and len(bounds) == len(data):
        _refuse_empty_range(bounds)
        return Matcher("bounds", at, bounds=bounds)
    if len(data) != 1:
        message = f"{_listed(data)} cannot be combined" if data else "this operator is empty"
        raise MappingFault(
            Code.FILTER_FORM, message, "only above, at_least, below and at_most can be combined"
        )
    word, value = next(iter(data.items()))
    return Matcher(word, at, _operands(word, value))


def _operands(word: str, value: object) -> tuple[FilterScalar, ...]:
    if word == "exists":
        if not isinstance(value, bool):
            raise MappingFault(Code.FILTER_FORM, "`exists` takes true or false")
        return (value,)
    if word == "anything_but":
        if not isinstance(value, list) or not value:
            raise MappingFault(Code.FILTER_FORM, "`anything_but` takes a list of values")
        return tuple(_scalar(item) for item in value)
    if not isinstance(value, str) or not value:
        raise MappingFault(Code.FILTER_FORM, f"`{word}` takes text")
    return (value,)


def _bound(value: object) -> FilterScalar:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise MappingFault(Code.FILTER_FORM, "a comparison takes a number or a time")
    if value != value or value in (float("inf"), float("-inf")):  # noqa: PLR0124 -- NaN
        raise MappingFault(Code.FILTER_FORM, "a comparison takes a finite number")
    return value


def _refuse_empty_range(bounds: Mapping[Bound, FilterScalar]) -> None:
    lows = [value for word, value in bounds.items() if word in ("above", "at_least")]
    highs = [value for word, value in bounds.items() if word in ("below", "at_most")]
    if len(lows) == 2 or len(highs) == 2:
        message = f"{_listed(bounds)} set the same bound twice"
        raise MappingFault(Code.FILTER_FORM, message, "keep one of them")
    if not lows or not highs or isinstance(lows[0], str) or isinstance(highs[0], str):
        return
    closed = "at_least" in bounds and "at_most" in bounds
    if lows[0] > highs[0] or (lows[0] == highs[0] and not closed):
        raise MappingFault(Code.FILTER_NEVER, f"no number satisfies {_listed(bounds)}")


def _listed(words: Mapping[str, Unchecked] | Mapping[Bound, FilterScalar]) -> str:
    return " and ".join(f"`{word}`" for word in words)
