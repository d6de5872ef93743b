"""A plan: what the mappings make of the records of one topic that have one schema.

Invariants: nothing here looks anything up that could be known before the first record. A mapping
error is an outcome, never an exception.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bridge.documents.problems import Problem, SourcePlace
from bridge.mapping.language.grammar import OnError
from bridge.mapping.language.privacy import share_of
from bridge.mapping.runtime.dispatch import Equality, common_equality, make_dispatch
from bridge.mapping.runtime.functions import (
    FilterFunction,
    ReadProperty,
    ReadSession,
    ReadText,
    ReadUid,
)
from bridge.mapping.runtime.outcome import (
    Event,
    Late,
    MappingRejected,
    MappingSkipped,
    Outcome,
    Property,
    PropertyType,
)
from bridge.mapping.runtime.schema_mismatch import MappingMismatch, MismatchedMapping
from bridge.records import Record
from bridge.schema.avro_types import AvroType
from bridge.schema.conversions import MappingError

WantedPath = tuple[str, ...]
"""Field names from the root, up to the first array or map; `()` is the whole value."""


@dataclass(frozen=True, slots=True)
class WantedPaths:
    """Which parts of a value the mappings read: the filters alone, and all of it."""

    filter: frozenset[WantedPath]
    all: frozenset[WantedPath]


@dataclass(frozen=True, slots=True)
class TypedProperty:
    """The type that one mapping gives to one property of one event, and where it says so."""

    event: str
    property: str
    type: PropertyType
    mapping: str
    place: SourcePlace
    source_line: str | None


@dataclass(frozen=True, slots=True)
class CompiledMapping:
    """One compiled mapping. `matches` None: every record. `keep` is the share of users kept."""

    name: str
    matches: FilterFunction | None
    uid: ReadUid
    uid_optional: bool
    uid_path: str
    event: ReadText
    timestamp: ReadText
    session: ReadSession
    properties: tuple[ReadProperty, ...]
    user_initiated: bool | None
    integration: str | None
    shadow: bool
    late: Late
    on_error: OnError
    keep: float
    equalities: tuple[Equality, ...] = ()

    def apply(self, record: Record, value: Any) -> Outcome | None:
        """What becomes of a record; None when the filter does not match."""
        try:
            if self.matches is not None and not self.matches(record, value):
                return None
            return self._event(record, value)
        except MappingError as error:
            if self.on_error == "skip":
                return MappingSkipped(self.name, error.reason)
            halt = self.on_error == "halt"
            return MappingRejected(self.name, error.reason, error.message, error.path, halt)

    def _event(self, record: Record, value: Any) -> Outcome:
        uid = self.uid(record, value)
        if uid is None:
            if self.uid_optional:
                return MappingSkipped(self.name, "no_uid")
            path = self.uid_path
            raise MappingError("missing_uid", f"`{path}` names no user", path)
        if self.keep < 1 and share_of(uid) >= self.keep:
            return MappingSkipped(self.name, "not_sampled")
        properties: list[Property] = []
        for produce in self.properties:
            found = produce(record, value)
            if found is not None:
                properties.append(found)
        return Event(
            self.name,
            uid,
            self.event(record, value),
            self.timestamp(record, value),
            self.session(record, value),
            tuple(properties),
            self.user_initiated,
            self.integration,
            self.shadow,
            self.late,
        )


class Plan:
    """The compiled mappings of one topic and schema; immutable.

    `wanted` is what must be decoded; `filters_by_record` says whether a filter reads more than the
    value. `typed` are the types of all properties, `warnings` what
    `check` tells and `run` does not mind, `mismatches` the mappings that reject for the schema,
    `taken` by path what the values are taken for.
    """

    __slots__ = (
        *("_choose", "_steps", "_tombstones", "filters_by_record", "mismatches", "taken"),
        *("topic", "typed", "wanted", "warnings"),
    )

    def __init__(
        self,
        topic: str,
        wanted: WantedPaths,
        *,
        steps: Mapping[str | None, Sequence[CompiledMapping | MismatchedMapping]],
        tombstones: Sequence[CompiledMapping | MismatchedMapping],
        typed: Sequence[TypedProperty],
        warnings: Sequence[Problem],
        taken: Mapping[str, Sequence[AvroType]],
        mismatches: Sequence[MappingMismatch] = (),
        filters_by_record: bool = False,
    ) -> None:
        self.topic = topic
        self.wanted = wanted
        self.typed = tuple(typed)
        self.warnings = tuple(warnings)
        self.mismatches = tuple(mismatches)
        self.taken = dict(taken)
        self.filters_by_record = filters_by_record
        self._steps = {name: tuple(found) for name, found in steps.items()}
        self._tombstones = tuple(tombstones)
        self._choose = {name: make_dispatch(found) for name, found in self._steps.items()}

    def map(
        self, record: Record, value: object | None, record_name: str | None = None
    ) -> Sequence[Outcome]:
        """What the mappings make of a record, in the order of the files.

        `value` is the decoded value, raw, with at least the fields in `wanted.all`; None is a
        tombstone. `record_name` is the full name of the record that was written; it matters
        only where the schema's top is a union of several. A mapping whose filter does not match
        gives nothing.
        """
        if value is None:
            steps: Sequence[CompiledMapping | MismatchedMapping] = self._tombstones
        else:
            choose = self._choose.get(self._key(record_name))
            steps = () if choose is None else choose(record, value)
        outcomes: list[Outcome] = []
        for step in steps:
            outcome = step.apply(record, value)
            if outcome is not None:
                outcomes.append(outcome)
        return outcomes

    def matches(self, record: Record, value: object | None, record_name: str | None = None) -> bool:
        """Whether any filter matches; the fields in `wanted.filter` are enough for it."""
        if value is None:
            return any(_matches(step, record, None) for step in self._tombstones)
        try:
            return self.filter(record_name)(record, value)
        except MappingError:
            return True  # `map` tells what is wrong

    def filter(self, record_name: str | None = None) -> FilterFunction:
        """Whether any mapping wants a record: for values that are there, of one kind of record.

        The fields in `wanted.filter` are enough for it. What it makes of a record raises
        MappingError where `map` tells what is wrong: then it is wanted.
        """
        steps = self._steps.get(self._key(record_name), ())
        if any(step.matches is None for step in steps):
            return lambda _, __: True
        if len(steps) == 1 and steps[0].matches is not None:
            return steps[0].matches
        choose = make_dispatch(steps)

        def matches(record: Record, value: object) -> bool:
            for step in choose(record, value):  # noqa: SIM110 -- a generator costs twice as much
                if _matches(step, record, value):
                    return True
            return False

        return matches

    def members(self, record_name: str | None = None) -> Equality | None:
        """The values of one field without which nobody wants a record; None: there is none such."""
        return common_equality(self._steps.get(self._key(record_name), ()))

    def _key(self, record_name: str | None) -> str | None:
        return None if None in self._steps else record_name


def _matches(
    step: CompiledMapping | MismatchedMapping, record: Record, value: object | None
) -> bool:
    try:
        return step.matches is None or step.matches(record, value)
    except MappingError:
        # `map` tells what is wrong.
        return True
