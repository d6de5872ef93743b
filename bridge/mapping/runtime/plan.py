"""A plan: the compiled mappings for the records of one topic with one schema.

Invariants: everything that is known before the first record is computed at compile time. A mapping
error is an outcome, never an exception.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bridge.documents.problems import Problem, SourcePlace
from bridge.mapping.language.grammar.base import OnError
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
    NO_UID,
    Event,
    Late,
    MappingRejected,
    MappingSkipped,
    Outcome,
    Property,
    PropertyType,
    SessionId,
)
from bridge.mapping.runtime.schema_mismatch import MappingMismatch, MismatchedMapping
from bridge.records import Record
from bridge.schema.avro_types import AvroType
from bridge.schema.conversions import MappingError

WantedPath = tuple[str, ...]
"""Field names from the root, up to the first array or map; `()` is the whole value."""


@dataclass(frozen=True, slots=True)
class WantedPaths:
    """The parts of a value that the mappings read: the filters' alone, and all of them."""

    filter: frozenset[WantedPath]
    all: frozenset[WantedPath]


@dataclass(frozen=True, slots=True)
class TypedProperty:
    """The type that one mapping gives to one property of one event, and its place in the file."""

    event: str
    property: str
    type: PropertyType | Literal["object"]
    mapping: str
    place: SourcePlace
    source_line: str | None


@dataclass(frozen=True, slots=True)
class CompiledMapping:
    """One compiled mapping. `matches` None: every record. `keep` is the sampled share of users.

    `user_by_session`: without a user id, the session identifies the user.
    """

    name: str
    matches: FilterFunction | None
    uid: ReadUid
    uid_optional: bool
    uid_path: str
    event: ReadText
    timestamp: ReadText
    session: ReadSession
    user_by_session: bool
    properties: tuple[ReadProperty, ...]
    user_initiated: bool | None
    integration: str | None
    shadow: bool
    late: Late
    on_error: OnError
    keep: float
    has_objects: bool = False
    equalities: tuple[Equality, ...] = ()

    def apply(self, record: Record, value: Any) -> Outcome | None:
        """The outcome for a record; None if the filter does not match."""
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
            session = self.session(record, value) if self.user_by_session else None
            if not isinstance(session, SessionId):
                return self._without_user()
            uid, sampled_by = "", session.id
        else:
            sampled_by = uid
        if self.keep < 1 and share_of(sampled_by) >= self.keep:
            return MappingSkipped(self.name, "not_sampled")
        properties: list[Property] = []
        for read in self.properties:
            found = read(record, value)
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
            self.has_objects,
        )

    def _without_user(self) -> MappingSkipped:
        if self.uid_optional:
            return MappingSkipped(self.name, NO_UID)
        path = self.uid_path
        raise MappingError("missing_uid", f"`{path}` has no user id", path)


class Plan:
    """The compiled mappings of one topic and schema; immutable.

    `wanted` are the parts of a value to decode; `filters_by_record` says whether a filter reads
    more than the value. `typed` are the types of all properties, `warnings` the problems that
    `check` reports and `run` ignores. `mismatches` are the mappings that do not fit the schema, and
    `avro_types` the types of the values by path.
    """

    __slots__ = (
        *("_choose", "_steps", "_tombstones", "filters_by_record", "mismatches"),
        *("avro_types", "topic", "typed", "wanted", "warnings"),
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
        avro_types: Mapping[str, Sequence[AvroType]],
        mismatches: Sequence[MappingMismatch] = (),
        filters_by_record: bool = False,
    ) -> None:
        self.topic = topic
        self.wanted = wanted
        self.typed = tuple(typed)
        self.warnings = tuple(warnings)
        self.mismatches = tuple(mismatches)
        self.avro_types = dict(avro_types)
        self.filters_by_record = filters_by_record
        self._steps = {name: tuple(found) for name, found in steps.items()}
        self._tombstones = tuple(tombstones)
        self._choose = {name: make_dispatch(found) for name, found in self._steps.items()}

    def map(
        self, record: Record, value: object | None, record_name: str | None = None
    ) -> Sequence[Outcome]:
        """The outcomes for a record, in the order of the files.

        `value` is the raw decoded value with at least the fields in `wanted.all`; None is a
        tombstone. `record_name` is the full name of the record that was written; it matters only if
        the root of the schema is a union of several. A mapping whose filter does not match has no
        outcome.
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
        """Whether any filter matches; it needs only the fields in `wanted.filter`."""
        if value is None:
            return any(_matches(step, record, None) for step in self._tombstones)
        try:
            return self.filter(record_name)(record, value)
        except MappingError:
            return True  # `map` reports the error

    def filter(self, record_name: str | None = None) -> FilterFunction:
        """A function that says whether any filter matches a record that is not a tombstone.

        It needs only the fields in `wanted.filter`. It may raise MappingError; treat that as a
        match, because `map` then reports the error.
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
        """A field, and the values of which it must have one for any mapping to match, or None."""
        return common_equality(self._steps.get(self._key(record_name), ()))

    def _key(self, record_name: str | None) -> str | None:
        return None if None in self._steps else record_name


def _matches(
    step: CompiledMapping | MismatchedMapping, record: Record, value: object | None
) -> bool:
    try:
        return step.matches is None or step.matches(record, value)
    except MappingError:
        # `map` reports the error.
        return True
