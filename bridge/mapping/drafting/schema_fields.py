"""Lists all fields of a schema that a mapping can use, in the schema's order.

Invariants: the `PathResolver` resolves each path, as in the compiler, so that a draft and `check`
always agree. Lists and maps are fields themselves; their contents are not listed.
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
"""Maximum nesting of records; deeper fields are not listed."""

_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
"""A field name that needs no quotes in a path."""


_NOT_SENT: Final = {
    "io.debezium.data.VariableScaleDecimal": "a decimal whose scale is in each record",
}
"""Records whose fields mean nothing on their own, and why they are not sent."""


@dataclass(frozen=True, slots=True)
class SchemaField:
    """One field. `names` are its field names from the root, `path` is its path in a mapping.

    `resolved` is the reason, as text, if the path cannot be used. `logical` is a logical type that
    mappings do not support, such as Debezium's.
    """

    names: tuple[str, ...]
    path: str
    resolved: ResolvedPath | str
    logical: str = ""


def fields_of(
    schema: Schema, root: Record, prefix: Sequence[str] = (), present: Sequence[str] = ()
) -> Iterator[SchemaField]:
    """The fields of a record, or of the nested record at `prefix`."""
    resolver = PathResolver(schema, present)
    record: Record | None = root
    for name in prefix:
        fields = () if record is None else record.fields
        types = [field.type for field in fields if field.name == name]
        record = next(iter(_records(schema, Union(tuple(types)))), None)
    if record is not None:
        yield from _nested_fields(schema, resolver, record, tuple(prefix), (record.name,))


def _nested_fields(
    schema: Schema,
    resolver: PathResolver,
    record: Record,
    names: tuple[str, ...],
    ancestors: tuple[str, ...],
) -> Iterator[SchemaField]:
    paths: set[str] = set()
    for field in record.fields:
        field_names = (*names, field.name)
        records = _records(schema, field.type)
        others = [
            type_ for type_ in _resolved_types(schema, field.type) if not isinstance(type_, Record)
        ]
        if others or not records:
            yield _resolved_field(resolver, field_names, others)
        for inner in records:
            if inner.name in _NOT_SENT:
                yield SchemaField(field_names, _path_of(field_names), _NOT_SENT[inner.name])
                continue
            if inner.name in ancestors or len(field_names) >= DEPTH_MAX:
                yield SchemaField(
                    field_names, _path_of(field_names), "recursive, or nested too deeply"
                )
                continue
            for schema_field in _nested_fields(
                schema, resolver, inner, field_names, (*ancestors, inner.name)
            ):
                if schema_field.path not in paths:
                    paths.add(schema_field.path)
                    yield schema_field


def _resolved_field(
    resolver: PathResolver, names: tuple[str, ...], types: Sequence[Type]
) -> SchemaField:
    path = _path_of(names)
    resolved: ResolvedPath | str
    try:
        resolved = resolver.resolve(parse_path(path))
    except MappingFault as fault:
        resolved = fault.message
    logical = next((t.logical.name for t in types if isinstance(t, Primitive) and t.logical), "")
    return SchemaField(names, path, resolved, logical)


def _path_of(names: Sequence[str]) -> str:
    steps: tuple[Step, ...] = tuple(
        Name(n) if _PLAIN_NAME.fullmatch(n) else MapKey(n) for n in names
    )
    text = path_text(steps)
    return text if isinstance(steps[0], Name) else f"$value{text}"


def _records(schema: Schema, type_: Type) -> list[Record]:
    return [inner for inner in _resolved_types(schema, type_) if isinstance(inner, Record)]


def _resolved_types(schema: Schema, type_: Type) -> list[Type]:
    """The types after resolving references and unions, without null."""
    if isinstance(type_, Reference):
        type_ = schema.resolve(type_)
    if isinstance(type_, Union):
        return [inner for branch in type_.branches for inner in _resolved_types(schema, branch)]
    return [] if isinstance(type_, Primitive) and type_.name == "null" else [type_]
