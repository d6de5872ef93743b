"""Selects the mappings to try on a record by the value of one field.

If a topic has a hundred mappings, most of their filters compare the same field (`type`, `status`).
One lookup by that field's value finds the few that can match, so a hundred cost little more than
one.

Invariants: a mapping is left out only if its filter cannot match; the order of mappings is kept.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from bridge.mapping.runtime.readers import Reader
from bridge.records import Record

MAPPINGS_MIN = 4
"""Fewer mappings are tried one after the other: the lookup would cost as much."""


class Equality(NamedTuple):
    """A required value: the filter matches only if one field has one of these raw values."""

    path: str
    read: Reader
    values: frozenset[object]
    names: tuple[str, ...] | None = None
    """The field names of the path; None if it goes through a list or a map."""


class HasEqualities(Protocol):
    """The part of a mapping that dispatch uses."""

    @property
    def equalities(self) -> Sequence[Equality]:
        """The filter's required values; a record that lacks any one of them cannot match."""
        ...


S = TypeVar("S", bound=HasEqualities)
Choose = Callable[[Record, Any], Sequence[S]]


def make_dispatch(steps: Sequence[S]) -> Choose[S]:
    """A function that leaves out mappings that cannot match a record.

    Of the fields that several mappings compare, it uses the one that leaves the fewest candidates.
    """
    counts = Counter(equality.path for step in steps for equality in step.equalities)
    dispatches = [_Dispatch(steps, path) for path, count in counts.items() if count >= MAPPINGS_MIN]
    if not dispatches:
        return lambda _, __: steps
    return min(dispatches, key=lambda one: one.candidates_max)


def common_equality(steps: Sequence[HasEqualities]) -> Equality | None:
    """A field that all mappings compare, and their values: other records match no mapping."""
    by_path: dict[str, list[Equality]] = {}
    for step in steps:
        for path, equality in {one.path: one for one in step.equalities}.items():
            by_path.setdefault(path, []).append(equality)
    common = [
        same[0]._replace(values=frozenset[object]().union(*(one.values for one in same)))
        for same in by_path.values()
        if len(same) == len(steps) and same[0].names is not None
    ]
    return min(common, key=lambda one: len(one.values), default=None)


class _Dispatch(Generic[S]):
    """The mappings by the value of a field; at most `candidates_max` of them remain."""

    def __init__(self, steps: Sequence[S], path: str) -> None:
        found = [next((one for one in step.equalities if one.path == path), None) for step in steps]
        values = frozenset[object]().union(*(one.values for one in found if one is not None))
        self._read = next(one.read for one in found if one is not None)
        pairs = list(zip(steps, found, strict=True))
        self._by_value = {
            value: tuple(step for step, one in pairs if one is None or value in one.values)
            for value in values
        }
        self._others = tuple(step for step, one in pairs if one is None)
        candidates = map(len, self._by_value.values())
        self.candidates_max = max(candidates, default=len(self._others))

    def __call__(self, record: Record, value: Any) -> Sequence[S]:
        return self._by_value.get(self._read(record, value), self._others)
