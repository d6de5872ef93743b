"""Drafts a first mapping for a topic from its schema and the values in some records.

Invariants: a draft compiles. Nullable fields are optional. Fields that cannot be sent are omitted,
with the reason. Fields that seem personal are hashed, redacted or omitted. A draft contains no
observed value, and each guess has a comment with its reason.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from bridge.mapping.drafting.event_time import choose_time
from bridge.mapping.drafting.identity import Choice, choose_event, choose_uid
from bridge.mapping.drafting.names import mapping_names, name_targets, subject_of
from bridge.mapping.drafting.observed_values import ObservedValues
from bridge.mapping.drafting.properties import DraftedProperty, Proposal, propose
from bridge.mapping.drafting.schema_fields import SchemaField, fields_of
from bridge.mapping.language.options import Options
from bridge.schema.types import Primitive, Record, Schema, Union

PROPERTIES_MAX: Final = 150
"""Maximum number of properties in a draft, over all its mappings: a draft is for reading."""

MAPPINGS_MAX: Final = 15
"""Maximum number of mappings in a draft."""


@dataclass(frozen=True, slots=True)
class Draft:
    """One drafted mapping for the type `record`; `left_out` has paths and reasons."""

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
    more: tuple[str, ...] = ()
    """What the draft does not list, counted."""


def draft_mappings(
    topic: str,
    schema: Schema,
    observed: ObservedValues,
    options: Options,
    properties_max: int = PROPERTIES_MAX,
) -> tuple[Draft, ...]:
    """Draft one mapping for each of the first `MAPPINGS_MAX` record types of the topic."""
    records = schema.records[:MAPPINGS_MAX]
    several = len(schema.records) > 1
    limit = properties_max // max(1, len(records))
    names = mapping_names(topic, [record.name for record in records])
    return tuple(
        _draft(
            _Drafted(name, topic, record), schema, observed, options, limit=limit, several=several
        )
        for name, record in zip(names, records, strict=True)
    )


class _Drafted(NamedTuple):
    """A record type of a topic, and the name of its mapping."""

    mapping: str
    topic: str
    record: Record


def _draft(
    drafted: _Drafted,
    schema: Schema,
    observed: ObservedValues,
    options: Options,
    *,
    limit: int,
    several: bool,
) -> Draft:
    record = drafted.record
    record_schema = Schema(_reference(schema, record), schema.names)
    filter_: dict[str, Any] = {"$record": record.name} if several else {}
    why = "the topic has several record types" if several else ""
    envelope_path: tuple[str, ...] = ()
    if _is_debezium_envelope(record_schema, record):
        envelope_path = ("after",)
        filter_ |= {"op": ["c"], "after": [{"exists": True}]}
        why = "Debezium: inserts only; u is an update, d a delete, r a snapshot"
    # The filter requires these fields to exist, so their paths are not optional.
    schema_fields, unread = fields_of(record_schema, record, envelope_path, present=envelope_path)
    envelope_fields = fields_of(record_schema, record)[0] if envelope_path else schema_fields
    subject = subject_of(record.name, drafted.topic)
    uid = choose_uid(schema_fields, subject, observed, options)
    event = choose_event(schema_fields, subject, created=bool(envelope_path))
    timestamp = choose_time(schema_fields, envelope_fields, observed)
    used = {uid.path, event.path, timestamp.path}
    proposals = [
        propose(schema_field, record.name, observed, options) for schema_field in schema_fields
    ]
    properties, left_out, beyond = _drafted_properties(
        record.name, schema_fields, proposals, used, depth=len(envelope_path), limit=limit
    )
    if envelope_path:
        left_out = [("before", "the row before the change"), *left_out]
    more = [f"{beyond} more fields that could be sent"] if beyond else []
    more += [f"{len(left_out) - limit} more fields, left out"] if len(left_out) > limit else []
    more += [f"the fields of {unread} more nested records"] if unread else []
    return Draft(
        *drafted,
        uid,
        event,
        timestamp,
        filter_,
        why,
        tuple(properties),
        tuple(left_out[:limit]),
        tuple(more),
    )


def _is_debezium_envelope(schema: Schema, record: Record) -> bool:
    """Whether a record is Debezium's envelope: the row before and after, and the operation."""
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


def _drafted_properties(
    record: str,
    schema_fields: Sequence[SchemaField],
    proposals: Sequence[Proposal],
    used: set[str],
    *,
    depth: int,
    limit: int,
) -> tuple[list[DraftedProperty], list[tuple[str, str]], int]:
    """At most `limit` properties with unique names, the omitted fields, and how many are beyond.

    The fields nearest to the root come first when some must go; the schema's order stays. The
    first `depth` names of each path are skipped: they lead to the record in an envelope.
    """
    pairs = [
        pair for pair in zip(schema_fields, proposals, strict=True) if pair[0].path not in used
    ]
    included = [
        (schema_field, proposal) for schema_field, proposal in pairs if proposal.form is not None
    ]
    left_out = [
        (schema_field.path, proposal.why)
        for schema_field, proposal in pairs
        if proposal.form is None
    ]
    nearest = sorted(range(len(included)), key=lambda number: len(included[number][0].names))
    beyond = max(0, len(included) - limit)
    included = [included[number] for number in sorted(nearest[:limit])]
    names = [(proposal.names or schema_field.names)[depth:] for schema_field, proposal in included]
    targets = name_targets(record, names, [proposal.suffix for _, proposal in included])
    properties = [
        DraftedProperty(target, proposal.form or "", proposal.why)
        for target, (_, proposal) in zip(targets, included, strict=True)
    ]
    return properties, left_out, beyond
