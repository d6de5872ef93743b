"""Rejects records if a schema that first appears at run time does not fit a mapping.

Invariants: if the mapping's filter fits the schema, it still decides. Otherwise every record of the
schema is rejected, because it is unknown which of them the mapping is for. No message contains a
value.
"""

from dataclasses import dataclass
from typing import Any, Final

from bridge.documents.problems import Problem
from bridge.mapping.language.diagnostics import DocumentPath
from bridge.mapping.language.grammar.file import MappingRule
from bridge.mapping.language.grammar.values import (
    EventTable,
    SessionSource,
    long_timestamp,
    long_uid,
    long_value,
)
from bridge.mapping.runtime.dispatch import Equality
from bridge.mapping.runtime.functions import FilterFunction
from bridge.mapping.runtime.outcome import MappingRejected, Outcome
from bridge.records import Record
from bridge.schema.conversions import MappingError

SCHEMA_DOES_NOT_FIT: Final = "schema_does_not_fit"
_COMBINATORS: Final = ("any", "all", "not")


@dataclass(frozen=True, slots=True)
class MappingMismatch:
    """A mapping that does not fit a schema: its first problem, and the field that it is about."""

    mapping: str
    problem: Problem
    path: str | None


@dataclass(frozen=True, slots=True)
class MismatchedMapping:
    """The step that replaces a mapping that does not fit. `matches` None: every record.

    `halt` is the mapping's `on_error: halt`: its topics stop instead of producing dead letters.
    """

    mismatch: MappingMismatch
    matches: FilterFunction | None
    halt: bool = False
    equalities: tuple[Equality, ...] = ()

    def apply(self, record: Record, value: Any) -> Outcome | None:
        """A reject; None if the filter does not match."""
        name = self.mismatch.mapping
        try:
            if self.matches is not None and not self.matches(record, value):
                return None
        except MappingError as error:
            return MappingRejected(name, error.reason, error.message, error.path, self.halt)
        return MappingRejected(
            name, SCHEMA_DOES_NOT_FIT, self.mismatch.problem.message, self.mismatch.path, self.halt
        )


def field_of(form: MappingRule, session: str | SessionSource, at: DocumentPath) -> str | None:
    """The path into the record that belongs to a place in a mapping."""
    match at:
        case ("filter", *below):
            words = [step for step in below if isinstance(step, str) and step not in _COMBINATORS]
            return words[0] if words else None
        case ("parse", str(text), *_):
            return text
        case ("uid", *_):
            return long_uid(form.uid).text
        case ("event", *_):
            return form.event.path if isinstance(form.event, EventTable) else form.event
        case ("timestamp", *_):
            return long_timestamp(form.timestamp).text
        case ("session", *_) if isinstance(session, SessionSource):
            return next((source.text for source in session.sources.values()), None)
        case ("properties", str(name), *_) if name in form.properties:
            return long_value(form.properties[name]).text or None
        case _:
            return None
