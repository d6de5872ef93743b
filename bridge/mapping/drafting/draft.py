"""A first mapping for a topic, guessed from its schema and from the look of some records.

Invariants: a draft is a proposal that compiles: what can be missing is optional, what cannot be
sent is left out with the reason, what seems personal is hashed, redacted or left out. No value that
was seen is in it. Every guess says what it was made from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from bridge.mapping.drafting.identity import Choice, choose_event, choose_time, choose_uid
from bridge.mapping.drafting.names import name_targets, slug, subject_of
from bridge.mapping.drafting.observed_values import ObservedValues
from bridge.mapping.drafting.properties import DraftedProperty, Proposal, propose
from bridge.mapping.drafting.schema_fields import SchemaField, fields_of
from bridge.mapping.language.options import Options
from bridge.schema.types import Primitive, Record, Schema, Union

PROPERTIES_MAX: Final = 60
"""Of one draft: more is no first look any more."""


@dataclass(frozen=True, slots=True)
class Draft:
    """One drafted mapping. `record` is the record type it is for, `left_out` path and reason."""

    name: str
    topic: str
    record: Record
    uid: Choice
    event: Choice
    timestamp: Choice
    filter: Mapping[str, Any] = field(default_factory=dict)
    filter_why: str = ""
    properties: tuple[DraftedProperty, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()


def draft_mappings(
    topic: str, schema: Schema, observed: ObservedValues, options: Options
) -> tuple[Draft, ...]:
    """A draft for each record type that the topic's values can have; none without a record."""
    root = schema.resolve(schema.root)
    if isinstance(root, Record):
        return (_draft(topic, schema, root, observed, options),)
    branches = root.branches if isinstance(root, Union) else ()
    records = [b for branch in branches if isinstance(b := schema.resolve(branch), Record)]
    several = len(records) > 1
    return tuple(
        _draft(topic, schema, record, observed, options, several=several) for record in records
    )


def _draft(
    topic: str,
    schema: Schema,
    record: Record,
    observed: ObservedValues,
    options: Options,
    *,
    several: bool = False,
) -> Draft:
    narrowed = Schema(_reference(schema, record), schema.names)
    filter_: dict[str, Any] = {"$record": record.name} if several else {}
    why = "the topic carries several kinds of records" if several else ""
    below: tuple[str, ...] = ()
    if _is_change(narrowed, record):
        below = ("after",)
        filter_ |= {"op": ["c"], "after": [{"exists": True}]}
        why = "of Debezium's changes, new rows only: u is a change, d a deletion, r a snapshot"
    # What the filter asks to be there can be named as if it were never null.
    schema_fields = list(fields_of(narrowed, record, below, present=below))
    outer = list(fields_of(narrowed, record)) if below else schema_fields
    uid = choose_uid(schema_fields, observed, options)
    event = choose_event(schema_fields, subject_of(record.name), created=bool(below))
    timestamp = choose_time(schema_fields, outer, observed)
    used = {uid.path, event.path, timestamp.path}
    proposals = [
        propose(schema_field, record.name, observed, options) for schema_field in schema_fields
    ]
    lines, left_out = _lines(record.name, schema_fields, proposals, used, len(below))
    if below:
        left_out = [("before", "the row as it was"), *left_out]
    return Draft(
        slug(topic, subject_of(record.name)) if several else slug(topic),
        topic,
        record,
        uid,
        event,
        timestamp,
        filter_,
        why,
        tuple(lines),
        tuple(left_out),
    )


def _is_change(schema: Schema, record: Record) -> bool:
    """Whether a record is Debezium's envelope: the row before and after, and what was done."""
    types = {field.name: schema.resolve(field.type) for field in record.fields}
    operation, after = types.get("op"), types.get("after")
    if "before" not in types or not isinstance(after, Union):
        return False
    branches = [schema.resolve(branch) for branch in after.branches]
    rows = [branch for branch in branches if isinstance(branch, Record)]
    others = [branch for branch in branches if not isinstance(branch, Record)]
    return operation == Primitive("string") and len(rows) == 1 and others == [Primitive("null")]


def _reference(schema: Schema, record: Record) -> Any:
    root = schema.resolve(schema.root)
    if isinstance(root, Union):
        return next(branch for branch in root.branches if schema.resolve(branch) is record)
    return schema.root


def _lines(
    record: str,
    schema_fields: Sequence[SchemaField],
    proposals: Sequence[Proposal],
    used: set[str],
    depth: int,
) -> tuple[list[DraftedProperty], list[tuple[str, str]]]:
    """The properties, each with a name of its own, and what is left out.

    `depth` names of each path say nothing: the way to the record inside an envelope.
    """
    pairs = [
        pair for pair in zip(schema_fields, proposals, strict=True) if pair[0].path not in used
    ]
    kept = [(schema_field, one) for schema_field, one in pairs if one.form is not None]
    left_out = [(schema_field.path, one.why) for schema_field, one in pairs if one.form is None]
    left_out += [
        (schema_field.path, "one property too many") for schema_field, _ in kept[PROPERTIES_MAX:]
    ]
    kept = kept[:PROPERTIES_MAX]
    names = [(one.names or schema_field.names)[depth:] for schema_field, one in kept]
    targets = name_targets(record, names, [one.end for _, one in kept])
    lines = [
        DraftedProperty(target, one.form or "", one.why)
        for target, (_, one) in zip(targets, kept, strict=True)
    ]
    return lines, left_out
