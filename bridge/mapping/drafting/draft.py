"""Drafts a first mapping for a topic from its schema and the values in some records.

Invariants: a draft compiles. Nullable fields are optional. Fields that cannot be sent are omitted,
with the reason. Fields that seem personal are hashed, redacted or omitted. A draft contains no
observed value, and each guess has a comment with its reason.
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
"""Maximum number of properties in a draft."""


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


def draft_mappings(
    topic: str, schema: Schema, observed: ObservedValues, options: Options
) -> tuple[Draft, ...]:
    """Draft one mapping for each record type of the topic; none if its values are not records."""
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
    record_schema = Schema(_reference(schema, record), schema.names)
    filter_: dict[str, Any] = {"$record": record.name} if several else {}
    why = "the topic has several record types" if several else ""
    envelope_path: tuple[str, ...] = ()
    if _is_debezium_envelope(record_schema, record):
        envelope_path = ("after",)
        filter_ |= {"op": ["c"], "after": [{"exists": True}]}
        why = "Debezium: inserts only; u is an update, d a delete, r a snapshot"
    # The filter requires these fields to exist, so their paths are not optional.
    schema_fields = list(fields_of(record_schema, record, envelope_path, present=envelope_path))
    envelope_fields = list(fields_of(record_schema, record)) if envelope_path else schema_fields
    uid = choose_uid(schema_fields, observed, options)
    event = choose_event(schema_fields, subject_of(record.name), created=bool(envelope_path))
    timestamp = choose_time(schema_fields, envelope_fields, observed)
    used = {uid.path, event.path, timestamp.path}
    proposals = [
        propose(schema_field, record.name, observed, options) for schema_field in schema_fields
    ]
    properties, left_out = _drafted_properties(
        record.name, schema_fields, proposals, used, len(envelope_path)
    )
    if envelope_path:
        left_out = [("before", "the row before the change"), *left_out]
    return Draft(
        slug(topic, subject_of(record.name)) if several else slug(topic),
        topic,
        record,
        uid,
        event,
        timestamp,
        filter_,
        why,
        tuple(properties),
        tuple(left_out),
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
    depth: int,
) -> tuple[list[DraftedProperty], list[tuple[str, str]]]:
    """The properties with unique names, and the omitted fields.

    The first `depth` names of each path are skipped: they lead to the record in an envelope.
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
    left_out += [
        (schema_field.path, f"beyond {PROPERTIES_MAX} properties")
        for schema_field, _ in included[PROPERTIES_MAX:]
    ]
    included = included[:PROPERTIES_MAX]
    names = [(proposal.names or schema_field.names)[depth:] for schema_field, proposal in included]
    targets = name_targets(record, names, [proposal.suffix for _, proposal in included])
    properties = [
        DraftedProperty(target, proposal.form or "", proposal.why)
        for target, (_, proposal) in zip(targets, included, strict=True)
    ]
    return properties, left_out
