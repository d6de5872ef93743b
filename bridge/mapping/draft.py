"""A first mapping for a topic, guessed from its schema and from the look of some records.

Laws: a draft is a proposal that compiles: what can be missing is optional, what cannot be sent is
left out with the reason, what seems personal is hashed, redacted or left out. No value that was
seen is in it. Every guess says what it was made from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from bridge.mapping.draft_identity import Choice, choose_event, choose_time, choose_uid
from bridge.mapping.draft_names import name_targets, slug, subject_of
from bridge.mapping.draft_values import Line, Proposal, propose
from bridge.mapping.options import Options
from bridge.mapping.places import Spot, spots_of
from bridge.mapping.schema import Primitive, Record, Schema, Union
from bridge.mapping.sightings import Sightings

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
    properties: tuple[Line, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()


def draft_mappings(
    topic: str, schema: Schema, sightings: Sightings, options: Options
) -> tuple[Draft, ...]:
    """A draft for each record type that the topic's values can have; none without a record."""
    root = schema.resolve(schema.root)
    if isinstance(root, Record):
        return (_draft(topic, schema, root, sightings, options),)
    branches = root.branches if isinstance(root, Union) else ()
    records = [b for branch in branches if isinstance(b := schema.resolve(branch), Record)]
    several = len(records) > 1
    return tuple(
        _draft(topic, schema, record, sightings, options, several=several) for record in records
    )


def _draft(
    topic: str,
    schema: Schema,
    record: Record,
    sightings: Sightings,
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
    spots = list(spots_of(narrowed, record, below, present=below))
    outer = list(spots_of(narrowed, record)) if below else spots
    uid = choose_uid(spots, sightings, options)
    event = choose_event(spots, subject_of(record.name), created=bool(below))
    timestamp = choose_time(spots, outer, sightings)
    used = {uid.path, event.path, timestamp.path}
    proposals = [propose(spot, record.name, sightings, options) for spot in spots]
    lines, left_out = _lines(record.name, spots, proposals, used, len(below))
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
    spots: Sequence[Spot],
    proposals: Sequence[Proposal],
    used: set[str],
    depth: int,
) -> tuple[list[Line], list[tuple[str, str]]]:
    """The properties, each with a name of its own, and what is left out.

    `depth` names of each path say nothing: the way to the record inside an envelope.
    """
    pairs = [pair for pair in zip(spots, proposals, strict=True) if pair[0].path not in used]
    kept = [(spot, one) for spot, one in pairs if one.form is not None]
    left_out = [(spot.path, one.why) for spot, one in pairs if one.form is None]
    left_out += [(spot.path, "one property too many") for spot, _ in kept[PROPERTIES_MAX:]]
    kept = kept[:PROPERTIES_MAX]
    names = [(one.names or spot.names)[depth:] for spot, one in kept]
    targets = name_targets(record, names, [one.end for _, one in kept])
    lines = [
        Line(target, one.form or "", one.why)
        for target, (_, one) in zip(targets, kept, strict=True)
    ]
    return lines, left_out
