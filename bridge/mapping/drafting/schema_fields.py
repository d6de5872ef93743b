"""Lists all fields of a schema that a mapping can use, in the schema's order.

Invariants: the `PathResolver` resolves each path, as in the compiler, so that a draft and `check`
always agree. Lists and maps are fields themselves; their contents are not listed.
"""

import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from bridge.mapping.compiler.path_resolver import PathResolver, ResolvedPath
from bridge.mapping.compiler.representation import Representation, representation_of
from bridge.mapping.language.diagnostics import MappingFault
from bridge.mapping.language.paths import MapKey, Name, Step, parse_path, path_text
from bridge.schema.types import Primitive, Record, Reference, Schema, Type, Union

DEPTH_MAX: Final = 6
"""Maximum nesting of records; deeper fields are not listed."""

FIELDS_MAX: Final = 1000
"""Maximum number of fields to list: the number of paths can double with each level."""

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

    @property
    def single(self) -> Representation | None:
        """How its value is converted; None if it is a list or cannot be used."""
        if isinstance(self.resolved, str) or self.resolved.many:
            return None
        try:
            return representation_of(self.resolved.avro_types, self.path)
        except MappingFault:
            return None


@dataclass(frozen=True, slots=True)
class _Place:
    """A record in the tree of fields. `order` sorts the fields as the schema lists them."""

    record: Record
    names: tuple[str, ...]
    ancestors: tuple[str, ...]
    order: tuple[int, ...] = ()


def fields_of(
    schema: Schema, root: Record, prefix: Sequence[str] = (), present: Sequence[str] = ()
) -> tuple[list[SchemaField], int]:
    """The fields of a record, or of the nested record at `prefix`, in the schema's order.

    Records are read level by level until there are `FIELDS_MAX` fields. The second value is the
    number of known records that were not read.
    """
    resolver = PathResolver(schema, present)
    record: Record | None = root
    for name in prefix:
        fields = () if record is None else record.fields
        types = [field.type for field in fields if field.name == name]
        record = next(iter(_records(schema, Union(tuple(types)))), None)
    if record is None:
        return [], 0
    pending = deque([_Place(record, tuple(prefix), (record.name,))])
    found: dict[str, tuple[tuple[int, ...], SchemaField]] = {}
    while pending and len(found) < FIELDS_MAX:
        place = pending.popleft()
        for order, item in _entries(schema, resolver, place):
            if isinstance(item, _Place):
                pending.append(item)
            else:
                found.setdefault(item.path, (order, item))
    in_order = sorted(found.values(), key=lambda entry: entry[0])
    return [schema_field for _, schema_field in in_order], len(pending)


def _entries(
    schema: Schema, resolver: PathResolver, place: _Place
) -> Iterator[tuple[tuple[int, ...], SchemaField | _Place]]:
    """The fields of one record, and the records nested directly in it."""
    for number, field in enumerate(place.record.fields):
        names = (*place.names, field.name)
        types = _resolved_types(schema, field.type)
        records = [type_ for type_ in types if isinstance(type_, Record)]
        others = [type_ for type_ in types if not isinstance(type_, Record)]
        order = (*place.order, number, 0)
        if others or not records:
            yield order, _resolved_field(resolver, names, others)
        for branch, inner in enumerate(records, 1):
            order = (*place.order, number, branch)
            if inner.name in _NOT_SENT:
                yield order, SchemaField(names, _path_of(names), _NOT_SENT[inner.name])
            elif inner.name in place.ancestors or len(names) >= DEPTH_MAX:
                why = "recursive, or nested too deeply"
                yield order, SchemaField(names, _path_of(names), why)
            else:
                yield order, _Place(inner, names, (*place.ancestors, inner.name), order)


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
