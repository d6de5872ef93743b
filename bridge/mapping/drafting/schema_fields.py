"""All places of a schema that a mapping could name, in the schema's order.

Invariants: what stands at a place is asked of the `PathResolver`, as the compiler does, so that a
draft and its check never disagree. Lists and maps are places themselves; nothing below them is
listed.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from bridge.mapping.compiler.path_resolver import PathResolver, ResolvedPath
from bridge.mapping.language.diagnostics import MappingFault
from bridge.mapping.language.paths import MapKey, Name, Step, parse_path, path_text
from bridge.schema.types import Primitive, Record, Reference, Schema, Type, Union

DEPTH_MAX: Final = 6
"""Records within records; deeper ones are left to whoever needs them."""

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
"""A field's name that needs no quotes in a path."""


@dataclass(frozen=True, slots=True)
class SchemaField:
    """One place. `names` are its field names from the root, `path` is how a mapping writes it.

    `located` is a text where it cannot be named: why. `logical` is a logical type of the
    schema's that the mapping does not know, as Debezium's.
    """

    names: tuple[str, ...]
    path: str
    located: ResolvedPath | str
    logical: str = ""


def fields_of(
    schema: Schema, root: Record, below: Sequence[str] = (), present: Sequence[str] = ()
) -> Iterator[SchemaField]:
    """The places of a record, or of the record at `below` in it."""
    resolver = PathResolver(schema, present)
    record: Record | None = root
    for name in below:
        fields = () if record is None else record.fields
        types = [field.type for field in fields if field.name == name]
        record = next(iter(_records(schema, Union(tuple(types)))), None)
    if record is not None:
        yield from _below(schema, resolver, record, tuple(below), (record.name,))


def _below(
    schema: Schema,
    resolver: PathResolver,
    record: Record,
    names: tuple[str, ...],
    above: tuple[str, ...],
) -> Iterator[SchemaField]:
    seen: set[str] = set()
    for field in record.fields:
        here = (*names, field.name)
        records = _records(schema, field.type)
        others = [type_ for type_ in _open(schema, field.type) if not isinstance(type_, Record)]
        if others or not records:
            yield _spot(resolver, here, others)
        for inner in records:
            if inner.name in above or len(here) >= DEPTH_MAX:
                yield SchemaField(here, _written(here), "it goes on without end, or very deep")
                continue
            for schema_field in _below(schema, resolver, inner, here, (*above, inner.name)):
                if schema_field.path not in seen:
                    seen.add(schema_field.path)
                    yield schema_field


def _spot(resolver: PathResolver, names: tuple[str, ...], types: Sequence[Type]) -> SchemaField:
    path = _written(names)
    located: ResolvedPath | str
    try:
        located = resolver.resolve(parse_path(path))
    except MappingFault as fault:
        located = fault.message
    logical = next((t.logical.name for t in types if isinstance(t, Primitive) and t.logical), "")
    return SchemaField(names, path, located, logical)


def _written(names: Sequence[str]) -> str:
    steps: tuple[Step, ...] = tuple(Name(n) if _PLAIN.fullmatch(n) else MapKey(n) for n in names)
    text = path_text(steps)
    return text if isinstance(steps[0], Name) else f"$value{text}"


def _records(schema: Schema, type_: Type) -> list[Record]:
    return [found for found in _open(schema, type_) if isinstance(found, Record)]


def _open(schema: Schema, type_: Type) -> list[Type]:
    """The types behind references and unions, without null."""
    if isinstance(type_, Reference):
        type_ = schema.resolve(type_)
    if isinstance(type_, Union):
        return [found for branch in type_.branches for found in _open(schema, branch)]
    return [] if isinstance(type_, Primitive) and type_.name == "null" else [type_]
