"""Which of many mappings to try on a record: those that ask for the value that one field has.

A hundred mappings of a topic mostly ask for a value of the same field each (`type`, `status`). One
look-up by that field's value leaves the few that can match, so a hundred cost hardly more than one.

Invariants: a mapping is left out only if its filter cannot match; the order of the mappings stays.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from bridge.mapping.runtime.readers import Reader
from bridge.records import Record

STEPS_MIN = 4
"""Fewer mappings are tried one after the other: the look-up would cost as much."""


class Equality(NamedTuple):
    """A filter matches only records in which one field has one of these raw values."""

    path: str
    read: Reader
    values: frozenset[object]
    names: tuple[str, ...] | None = None
    """The fields that lead there; None: so does a list or a map."""


class HasEqualities(Protocol):
    """A mapping, as far as its choice is concerned."""

    @property
    def equalities(self) -> Sequence[Equality]:
        """What its filter asks for; each alone rules a record out."""
        ...


S = TypeVar("S", bound=HasEqualities)
Choose = Callable[[Record, Any], Sequence[S]]


def make_dispatch(steps: Sequence[S]) -> Choose[S]:
    """The cheapest way to leave out mappings that cannot match a record.

    Of the fields that several mappings ask for, it looks at the one that leaves the fewest.
    """
    counts = Counter(equality.path for step in steps for equality in step.equalities)
    found = [_Dispatch(steps, path) for path, count in counts.items() if count >= STEPS_MIN]
    if not found:
        return lambda _, __: steps
    return min(found, key=lambda one: one.most)


def common_equality(steps: Sequence[HasEqualities]) -> Equality | None:
    """What all mappings ask of one field: without one of these values nobody wants a record."""
    asked: dict[str, list[Equality]] = {}
    for step in steps:
        for path, equality in {one.path: one for one in step.equalities}.items():
            asked.setdefault(path, []).append(equality)
    common = [
        those[0]._replace(values=frozenset[object]().union(*(one.values for one in those)))
        for those in asked.values()
        if len(those) == len(steps) and those[0].names is not None
    ]
    return min(common, key=lambda one: len(one.values), default=None)


class _Dispatch(Generic[S]):
    """The mappings by the value of a field; `most` of them are left to be tried."""

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
        self.most = max(map(len, self._by_value.values()), default=len(self._others))

    def __call__(self, record: Record, value: Any) -> Sequence[S]:
        return self._by_value.get(self._read(record, value), self._others)
