"""All places of a schema that a mapping could name, in the schema's order.

Laws: what stands at a place is asked of the `Locator`, as the compiler does, so that a draft and
its check never disagree. Lists and maps are places themselves; nothing below them is listed.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from bridge.mapping.findings import Fault
from bridge.mapping.locate import Located, Locator
from bridge.mapping.paths import Key, Name, Step, parse_path, spell
from bridge.mapping.schema import Primitive, Record, Reference, Schema, Type, Union

DEPTH_MAX: Final = 6
"""Records within records; deeper ones are left to whoever needs them."""

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
"""A field's name that needs no quotes in a path."""


@dataclass(frozen=True, slots=True)
class Spot:
    """One place. `names` are its field names from the root, `path` is how a mapping writes it.

    `located` is a text where it cannot be named: why. `logical` is a logical type of the
    schema's that the mapping does not know, as Debezium's.
    """

    names: tuple[str, ...]
    path: str
    located: Located | str
    logical: str = ""


def spots_of(
    schema: Schema, root: Record, below: Sequence[str] = (), present: Sequence[str] = ()
) -> Iterator[Spot]:
    """The places of a record, or of the record at `below` in it."""
    locator = Locator(schema, present)
    record: Record | None = root
    for name in below:
        fields = () if record is None else record.fields
        types = [field.type for field in fields if field.name == name]
        record = next(iter(_records(schema, Union(tuple(types)))), None)
    if record is not None:
        yield from _below(schema, locator, record, tuple(below), (record.name,))


def _below(
    schema: Schema, locator: Locator, record: Record, names: tuple[str, ...], above: tuple[str, ...]
) -> Iterator[Spot]:
    seen: set[str] = set()
    for field in record.fields:
        here = (*names, field.name)
        records = _records(schema, field.type)
        others = [type_ for type_ in _open(schema, field.type) if not isinstance(type_, Record)]
        if others or not records:
            yield _spot(locator, here, others)
        for inner in records:
            if inner.name in above or len(here) >= DEPTH_MAX:
                yield Spot(here, _written(here), "it goes on without end, or very deep")
                continue
            for spot in _below(schema, locator, inner, here, (*above, inner.name)):
                if spot.path not in seen:
                    seen.add(spot.path)
                    yield spot


def _spot(locator: Locator, names: tuple[str, ...], types: Sequence[Type]) -> Spot:
    path = _written(names)
    located: Located | str
    try:
        located = locator.locate(parse_path(path))
    except Fault as fault:
        located = fault.message
    logical = next((t.logical.name for t in types if isinstance(t, Primitive) and t.logical), "")
    return Spot(names, path, located, logical)


def _written(names: Sequence[str]) -> str:
    steps: tuple[Step, ...] = tuple(Name(n) if _PLAIN.fullmatch(n) else Key(n) for n in names)
    text = spell(steps)
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
