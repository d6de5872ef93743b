"""A record made up from its schema, for a drafted test: no value of it was ever seen.

Invariants: the same schema gives the same record. What is made up is no card number, no address of
anybody and nobody's telephone; domains and numbers are those reserved for examples.
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

FieldNames = tuple[str, ...]


class SampleRecord:
    """Makes values of one schema.

    `wanted` are the places (field names from the root) that a mapping reads; what can be null
    and is not wanted is left out. `given` are values that must stand at some places.
    """

    def __init__(
        self, schema: Schema, wanted: Collection[FieldNames], given: Mapping[FieldNames, Any]
    ) -> None:
        self._schema = schema
        self._wanted = {names[:n] for names in (*wanted, *given) for n in range(len(names) + 1)}
        self._given = given

    def record(self, record: Record) -> dict[str, Any]:
        """A record of the type that stands at the root."""
        return self._record(record, (), (record.name,))

    def _record(self, record: Record, at: FieldNames, above: Sequence[str]) -> dict[str, Any]:
        made = {}
        for field in record.fields:
            here = (*at, field.name)
            if here in self._given:
                made[field.name] = self._given[here]
            elif here in self._wanted or not self._takes_null(field.type):
                made[field.name] = self._value(field.type, here, above)
        return made

    def _value(self, type_: Type, at: FieldNames, above: Sequence[str]) -> Any:
        if isinstance(type_, Reference):
            if type_.name in above and isinstance(self._schema.names[type_.name], Record):
                return None
            type_ = self._schema.resolve(type_)
        match type_:
            case Record(name):
                return self._record(type_, at, (*above, name))
            case Union(branches):
                return self._first(branches, at, above)
            case Array(items):
                item = self._value(items, at, above)
                return [] if item is None else [item]
            case Map():
                return {}
            case Primitive("null"):
                return None
        return _SCALARS[avro_type_of(type_).measure](type_, avro_type_of(type_), at)

    def _first(self, branches: Sequence[Type], at: FieldNames, above: Sequence[str]) -> Any:
        """A value of the first branch that has one besides null."""
        values = (self._value(branch, at, above) for branch in branches)
        return next((value for value in values if value is not None), None)

    def _takes_null(self, type_: Type) -> bool:
        type_ = self._schema.resolve(type_)
        branches = type_.branches if isinstance(type_, Union) else (type_,)
        return any(isinstance(b, Primitive) and b.name == "null" for b in branches)


def sample_time_in(format_: str) -> str | int:
    """The made-up moment in one of the mapping file's forms of time."""
    digits = {"unix": 0, "unix_ms": 3, "unix_us": 6, "unix_ns": 9}
    return SAMPLE_TIME if format_ == "iso8601" else SAMPLE_TIME_S * 10 ** digits[format_]


def _text(type_: Type, _: AvroType, at: FieldNames) -> str:
    if isinstance(type_, Primitive) and type_.logical is not None:
        return SAMPLE_TIME if type_.logical.name.startswith("debezium") else _UUID
    words = words_of(at[-1])
    for word, text in _TEXTS:
        if word in words:
            return text
    if "number" in words and any("card" in words_of(name) for name in at):
        return "0000 0000 0000 1234"
    if words and words[-1] == "id":
        return "-".join([*(words[:-1] or words_of(at[-2] if len(at) > 1 else "id")), "1"])
    return " ".join(("made-up", *words))


def _whole(_: Type, __: AvroType, at: FieldNames) -> int:
    return 1999 if words_of(at[-1])[-1:] == ("cents",) else 1


def _decimal(type_: Type, avro_type: AvroType, _: FieldNames) -> float | int | str:
    logical = type_.logical if isinstance(type_, Primitive | Fixed) else None
    if avro_type.digits == 0:
        return 1
    room = 0 if logical is None else logical.precision - logical.scale
    return 19.5 if room >= 2 else "0." + "1".rjust(avro_type.digits, "0")


_SCALARS: Final[Mapping[Measure, Callable[[Type, AvroType, FieldNames], Any]]] = {
    "text": _text,
    "enum": lambda _, avro_type, __: avro_type.symbols[0] if avro_type.symbols else None,
    "uuid": lambda *_: _UUID,
    "int": _whole,
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
