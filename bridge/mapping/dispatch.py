"""Which of many mappings to try on a record: those that ask for the value that one field has.

A hundred mappings of a topic mostly ask for a value of the same field each (`type`, `status`). One
look-up by that field's value leaves the few that can match, so a hundred cost hardly more than one.

Laws: a mapping is left out only if its filter cannot match; the order of the mappings stays.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from bridge.mapping.readers import Reader
from bridge.records import Record

STEPS_MIN = 4
"""Fewer mappings are tried one after the other: the look-up would cost as much."""


class Equality(NamedTuple):
    """A filter matches only records in which one field has one of these raw values."""

    path: str
    read: Reader
    values: frozenset[object]


class Filtered(Protocol):
    """A mapping, as far as its choice is concerned."""

    @property
    def equalities(self) -> Sequence[Equality]:
        """What its filter asks for; each alone rules a record out."""
        ...


S = TypeVar("S", bound=Filtered)
Choose = Callable[[Record, Any], Sequence[S]]


def chooser(steps: Sequence[S]) -> Choose[S]:
    """The cheapest way to leave out mappings that cannot match a record."""
    counts = Counter(equality.path for step in steps for equality in step.equalities)
    path, count = counts.most_common(1)[0] if counts else ("", 0)
    if len(steps) < STEPS_MIN or count < STEPS_MIN:
        return lambda _, __: steps
    return _Dispatch(steps, path)


class _Dispatch(Generic[S]):
    """The mappings by the value of the field that most of them ask for."""

    def __init__(self, steps: Sequence[S], path: str) -> None:
        asked = [next((one for one in step.equalities if one.path == path), None) for step in steps]
        values = frozenset[object]().union(*(one.values for one in asked if one is not None))
        self._read = next(one.read for one in asked if one is not None)
        pairs = list(zip(steps, asked, strict=True))
        self._by_value = {
            value: tuple(step for step, one in pairs if one is None or value in one.values)
            for value in values
        }
        self._others = tuple(step for step, one in pairs if one is None)

    def __call__(self, record: Record, value: Any) -> Sequence[S]:
        return self._by_value.get(self._read(record, value), self._others)
