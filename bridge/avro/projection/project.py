"""Generated readers: functions that read the wanted paths of one schema.

No mapping matches most records of a topic, and a filter reads one or two of their fields. fastavro
builds every field of every record. A generated function skips the other fields, stops after the
last field that a filter needs, and builds dictionaries of the wanted fields only.

Invariants:
- It returns the same values as `walker` and fastavro, without the unwanted fields. It fails on
  anything unusual (an `int` of more than 32 bits, any damage). `reader` then reads the record again
  with the slower readers, which return the value or report what is wrong and where.
- Every skip over bytes is checked, by the next byte lookup or against the end.
- Skipped values are checked for their length only: skipped text can be invalid UTF-8.
- Its time is bounded: an array has no more items than bytes are left, and nesting stops at
  `DEPTH_MAX`. A schema gets no function if its arrays can hold items without bytes, or if a record
  yields many values from few bytes (`_ZERO_BYTE_MAX`).
- Other values without bytes are not counted, because the length of the body bounds them. So a
  generated function (like fastavro) can accept a body that has too many of them for `walker`.
- If the code becomes too long, types that are used often become functions of their own. The code
  then has no more lines than the schema has types and fields. A schema that is still too large
  gets no function.
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
_ZERO_BYTE_MAX = 30
"""Maximum number of values in a record beyond `_VALUES_PER_BYTE`: nulls, nested records."""


def project(schema: Schema, paths: Iterable[FieldPath], *, to_end: bool) -> Read | None:
    """Generate a function that reads `paths` (`()` is the whole value); None for some schemas.

    With `to_end` the function reads to the end of the record, and so detects cut-off records and
    trailing bytes. Otherwise it stops after the last path. It raises for anything unusual.
    """
    return _generate(schema, _tree(paths), to_end=to_end)


def project_one(schema: Schema, path: FieldPath) -> Read | None:
    """Generate a function that reads the value at one path (or None), and stops there.

    The function raises for anything unusual. Some schemas get no function (None).
    """
    return _generate(schema, _tree([path]), to_end=False, bare=True)


def _generate(
    schema: Schema, wanted: Mapping[str, Any], *, to_end: bool, bare: bool = False
) -> Read | None:
    with suppress(TooLong, RecursionError, SyntaxError, MemoryError):
        if not SchemaLimits(schema).has_zero_byte_items() and not _has_expanding_records(schema):
            with suppress(TooLong):
                return Generator(schema, compact=False, bare=bare).reader(wanted, to_end=to_end)
            return Generator(schema, compact=True, bare=bare).reader(wanted, to_end=to_end)
    return None


def _has_expanding_records(schema: Schema) -> bool:
    """Whether a record of the schema can yield many values from few bytes."""
    known: dict[str, int] = {}

    def surplus(type_: Type) -> int:
        """The number of values beyond those that its bytes account for."""
        match type_:
            case Reference(name):
                if name not in known:
                    known[name] = 0  # for recursive types
                    known[name] = surplus(schema.names[name])
                return known[name]
            case Record(fields=fields):
                return 1 + sum(surplus(field.type) for field in fields)
            case Primitive("null") | Fixed(size=0):
                return 1
        return 1 - _VALUES_PER_BYTE

    return any(surplus(Reference(name)) > _ZERO_BYTE_MAX for name in schema.names)


def _tree(paths: Iterable[FieldPath]) -> Mapping[str, Any]:
    """The paths as a tree of names; a path includes all longer paths that begin with it."""
    nested: dict[str, list[FieldPath]] = {}
    for path in paths:
        if not path:
            return ALL_FIELDS
        nested.setdefault(path[0], []).append(path[1:])
    return {name: _tree(rest) for name, rest in nested.items()}
