"""Generated readers: for one schema and the paths that are wanted, a function that reads those.

Most records of a bus are not wanted, and a filter looks at one or two of their fields. fastavro
builds every field of every record. A generated function passes over what nobody reads, stops
behind the last field that a filter needs, and builds dictionaries of the wanted fields only.

Invariants:
- What it gives is what `walker` and fastavro give, less the fields that nobody wants. Whatever is
  unusual (an `int` of more than 32 bits, damage of any kind) makes it fail, and `reader` has those
  read the record again: they give the value after all, or say what is wrong and where.
- Every step over bytes is checked: by the next byte that is looked up, or against the end.
- What is passed over is checked for its length only: text that nobody reads may be no UTF-8.
- No input makes it run for long: a list has no more items than bytes are left, and a type that
  contains itself is left at `DEPTH_MAX`. A schema gets no function if its lists can hold items that
  take no byte, or if one of its records makes many values of few bytes (`_FREE_MAX`). Values that
  take no byte are not counted: what has too many of them for `walker` is a value here, as it is for
  fastavro; the length of the body bounds them.
- A type that is used often becomes a function of its own where lines become too many, so that no
  schema makes more lines than it has types and fields; one with too many gets no function.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from bridge.avro.projection.generator import ALL_FIELDS, Generator
from bridge.avro.projection.source_code import TooLong
from bridge.avro.walker import Read
from bridge.schema.limits import SchemaLimits
from bridge.schema.types import Fixed, Primitive, Record, Reference, Schema, Type

FieldPath = tuple[str, ...]

_VALUES_PER_BYTE = 4
_FREE_MAX = 30
"""So many values more than `_VALUES_PER_BYTE` may one record hold: nulls, records in records."""


def project(schema: Schema, paths: Iterable[FieldPath], *, to_end: bool) -> Read | None:
    """A function that reads the value at `paths` (`()`: all of it); None: this schema gets none.

    `to_end` reads until the end of the record, so that what is cut off or left over is noticed;
    else the function stops behind the last of the paths. Both raise for what is unusual.
    """
    return _generated(schema, _tree(paths), to_end=to_end)


def project_one(schema: Schema, path: FieldPath) -> Read | None:
    """A function that reads what stands at a path (None: nothing), and no further.

    It raises for what is unusual; None: this schema gets no such function.
    """
    return _generated(schema, _tree([path]), to_end=False, bare=True)


def _generated(
    schema: Schema, wanted: Mapping[str, Any], *, to_end: bool, bare: bool = False
) -> Read | None:
    with suppress(TooLong, RecursionError, SyntaxError, MemoryError):
        if not SchemaLimits(schema).has_free_items() and not _has_heavy_records(schema):
            with suppress(TooLong):
                return Generator(schema, compact=False, bare=bare).reader(wanted, to_end=to_end)
            return Generator(schema, compact=True, bare=bare).reader(wanted, to_end=to_end)
    return None


def _has_heavy_records(schema: Schema) -> bool:
    """Whether a few bytes can make many values, as with two records in each of two, twenty deep."""
    known: dict[str, int] = {}

    def surplus(type_: Type) -> int:
        """How many values more than its bytes allow for."""
        match type_:
            case Reference(name):
                if name not in known:
                    known[name] = 0  # for what contains itself: it is never read to its end
                    known[name] = surplus(schema.names[name])
                return known[name]
            case Record(fields=fields):
                return 1 + sum(surplus(field.type) for field in fields)
            case Primitive("null") | Fixed(size=0):
                return 1
        return 1 - _VALUES_PER_BYTE

    return any(surplus(Reference(name)) > _FREE_MAX for name in schema.names)


def _tree(paths: Iterable[FieldPath]) -> Mapping[str, Any]:
    """The paths by their first name; what is wanted whole swallows what is wanted within it."""
    below: dict[str, list[FieldPath]] = {}
    for path in paths:
        if not path:
            return ALL_FIELDS
        below.setdefault(path[0], []).append(path[1:])
    return {name: _tree(rest) for name, rest in below.items()}
