"""Generates a sample record from a schema for a drafted test, without any observed value.

Invariants: the same schema gives the same record. Sample values are never real card numbers,
addresses or telephone numbers: domains and numbers are those reserved for examples.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

from bridge.mapping.drafting.personal_data import words_of
from bridge.schema.avro_types import AvroType, Measure, avro_type_of
from bridge.schema.types import (
    Array,
    Fixed,
    Map,
    Primitive,
    Record,
    Reference,
    Schema,
    Type,
    Union,
)

SAMPLE_TIME: Final = "2026-01-02T03:04:05Z"
SAMPLE_TIME_S: Final = 1_767_323_045

_TEXTS: Final = (
    ("email", "somebody@example.com"),
    ("mail", "somebody@example.com"),
    ("phone", "+1 555 0100"),
    ("currency", "EUR"),
    ("country", "DE"),
    ("ip", "192.0.2.1"),
    ("url", "https://example.com/"),
    ("uri", "https://example.com/"),
)
_UUID: Final = "00000000-0000-4000-8000-000000000001"

SAMPLE_VALUES_MAX: Final = 1000
"""Maximum number of values in a sample: a few nested types can need millions."""

FieldNames = tuple[str, ...]


class SampleTooLarge(Exception):
    """A complete value of the schema has more than `SAMPLE_VALUES_MAX` values."""


class SampleRecord:
    """Generates values of one schema.

    `wanted` are the fields (names from the root) that a mapping reads; other nullable fields are
    omitted. `given` are fixed values for some fields.
    """

    def __init__(
        self, schema: Schema, wanted: Collection[FieldNames], given: Mapping[FieldNames, Any]
    ) -> None:
        self._schema = schema
        self._wanted = {names[:n] for names in (*wanted, *given) for n in range(len(names) + 1)}
        self._given = given
        self._count = 0

    def record(self, record: Record) -> dict[str, Any]:
        """Generate a record of the root's type.

        Raises:
            SampleTooLarge: it would have more than `SAMPLE_VALUES_MAX` values.
        """
        self._count = 0
        return self._record(record, (), (record.name,))

    def _record(self, record: Record, path: FieldNames, ancestors: Sequence[str]) -> dict[str, Any]:
        values = {}
        for field in record.fields:
            field_path = (*path, field.name)
            if field_path in self._given:
                values[field.name] = self._given[field_path]
            elif field_path in self._wanted or not self._is_nullable(field.type):
                values[field.name] = self._value(field.type, field_path, ancestors)
        return values

    def _value(self, type_: Type, path: FieldNames, ancestors: Sequence[str]) -> Any:
        self._count += 1
        if self._count > SAMPLE_VALUES_MAX:
            raise SampleTooLarge
        if isinstance(type_, Reference):
            if type_.name in ancestors and isinstance(self._schema.names[type_.name], Record):
                return None
            type_ = self._schema.resolve(type_)
        match type_:
            case Record(name):
                return self._record(type_, path, (*ancestors, name))
            case Union(branches):
                return self._first_branch(branches, path, ancestors)
            case Array(items):
                item = self._value(items, path, ancestors)
                return [] if item is None else [item]
            case Map():
                return {}
            case Primitive("null"):
                return None
        return _SCALARS[avro_type_of(type_).measure](type_, avro_type_of(type_), path)

    def _first_branch(
        self, branches: Sequence[Type], path: FieldNames, ancestors: Sequence[str]
    ) -> Any:
        """A value of the first branch that has a value other than null."""
        values = (self._value(branch, path, ancestors) for branch in branches)
        return next((value for value in values if value is not None), None)

    def _is_nullable(self, type_: Type) -> bool:
        type_ = self._schema.resolve(type_)
        branches = type_.branches if isinstance(type_, Union) else (type_,)
        return any(isinstance(b, Primitive) and b.name == "null" for b in branches)


def sample_time_in(format_: str) -> str | int:
    """The sample time in one of the mapping file's time formats."""
    digits = {"unix": 0, "unix_ms": 3, "unix_us": 6, "unix_ns": 9}
    return SAMPLE_TIME if format_ == "iso8601" else SAMPLE_TIME_S * 10 ** digits[format_]


def _text(type_: Type, _: AvroType, path: FieldNames) -> str:
    if isinstance(type_, Primitive) and type_.logical is not None:
        return SAMPLE_TIME if type_.logical.name.startswith("debezium") else _UUID
    words = words_of(path[-1])
    for word, text in _TEXTS:
        if word in words:
            return text
    if "number" in words and any("card" in words_of(name) for name in path):
        return "0000 0000 0000 1234"
    if words and words[-1] == "id":
        return "-".join([*(words[:-1] or words_of(path[-2] if len(path) > 1 else "id")), "1"])
    return " ".join(("sample", *words))


def _integer(_: Type, __: AvroType, path: FieldNames) -> int:
    return 1999 if words_of(path[-1])[-1:] == ("cents",) else 1


def _decimal(type_: Type, avro_type: AvroType, _: FieldNames) -> float | int | str:
    logical = type_.logical if isinstance(type_, Primitive | Fixed) else None
    if avro_type.digits == 0:
        return 1
    whole_digits = 0 if logical is None else logical.precision - logical.scale
    return 19.5 if whole_digits >= 2 else "0." + "1".rjust(avro_type.digits, "0")


_SCALARS: Final[Mapping[Measure, Callable[[Type, AvroType, FieldNames], Any]]] = {
    "text": _text,
    "enum": lambda _, avro_type, __: avro_type.symbols[0] if avro_type.symbols else None,
    "uuid": lambda *_: _UUID,
    "int": _integer,
    "float": lambda *_: 19.5,
    "double": lambda *_: 19.5,
    "decimal": _decimal,
    "bool": lambda *_: True,
    "instant": lambda *_: SAMPLE_TIME,
    "local": lambda *_: SAMPLE_TIME.removesuffix("Z"),
    "date": lambda *_: SAMPLE_TIME[:10],
    "time": lambda *_: "03:04:05",
    "bytes": lambda *_: "0x00",
    "fixed": lambda type_, _, __: "0x" + "00" * (type_.size if isinstance(type_, Fixed) else 0),
    "duration": lambda *_: "0x" + "00" * 12,
}
