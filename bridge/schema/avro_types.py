"""The meaning of one Avro type for a mapping, regardless of the schema around it.

Invariants: two types with the same meaning and the same raw value are equal `AvroType`s.
"""

from dataclasses import dataclass
from typing import Final, Literal

from bridge.schema.types import Array, Enum, Fixed, Logical, Map, Primitive, Record, Type

Kind = Literal["str", "int", "real", "bool", "date"]
Measure = Literal[
    "text",
    "enum",
    "uuid",
    "int",
    "float",
    "double",
    "decimal",
    "bool",
    "instant",
    "local",
    "date",
    "time",
    "bytes",
    "fixed",
    "duration",
    "record",
    "map",
    "list",
]

KIND_OF: Final[dict[Measure, Kind]] = {
    "text": "str",
    "enum": "str",
    "uuid": "str",
    "int": "int",
    "float": "real",
    "double": "real",
    "decimal": "real",
    "bool": "bool",
    "instant": "date",
    "date": "date",
}
"""Measures that can be sent without a conversion, with the kind they are sent as."""

RAW_OF: Final[dict[Measure, type]] = {
    "text": str,
    "enum": str,
    "uuid": bytes,
    "int": int,
    "float": float,
    "double": float,
    "decimal": bytes,
    "bool": bool,
    "instant": int,
    "local": int,
    "date": int,
    "time": int,
    "bytes": bytes,
    "fixed": bytes,
    "duration": bytes,
    "record": dict,
    "map": dict,
    "list": list,
}
"""The Python type of the raw value, which tells the branches of a union apart."""

LOGICAL: Final[frozenset[Measure]] = frozenset(
    ("uuid", "decimal", "instant", "local", "date", "time", "duration")
)
"""Measures that exist only because of a logical type."""

_UNIT_DIGITS: Final = {"millis": 3, "micros": 6, "nanos": 9}
_TIME_MEASURES: Final[dict[str, Measure]] = {
    "timestamp": "instant",
    "local-timestamp": "local",
    "time": "time",
}
_BITS: Final = {"int": 32, "long": 64}
_PRIMITIVE_MEASURES: Final[dict[str, Measure]] = {
    "boolean": "bool",
    "int": "int",
    "long": "int",
    "float": "float",
    "double": "double",
    "bytes": "bytes",
    "string": "text",
}


@dataclass(frozen=True, slots=True)
class AvroType:
    """A type at the end of a path; `what` is its name in messages.

    `digits` is a decimal's scale, or the resolution of a time in decimal digits of a second
    (3 is milliseconds). `symbols` are the symbols of an enum. `bits` are those of a plain whole
    number: an int with 32 has no room for milliseconds since 1970.
    """

    measure: Measure
    what: str
    symbols: tuple[str, ...] = ()
    digits: int = 0
    bits: int = 0


JSON_TYPES: Final = (
    AvroType("text", "text in JSON"),
    AvroType("int", "whole number in JSON"),
    AvroType("double", "number in JSON"),
    AvroType("bool", "boolean in JSON"),
)
"""The types of a value in parsed JSON, which no schema describes: as those of a union."""


def avro_type_of(type_: Type) -> AvroType:
    """The `AvroType` of a type that is not a union, a reference or `null`."""
    match type_:
        case Primitive(name, logical, ignored):
            what = f"{name} ({ignored})" if ignored else name
            plain = AvroType(_PRIMITIVE_MEASURES[name], what, bits=_BITS.get(name, 0))
            return _logical(logical, name, 0) or plain
        case Fixed(name, size, logical, ignored):
            what = f"fixed({size}) {name}" + (f" ({ignored})" if ignored else "")
            return _logical(logical, "fixed", size) or AvroType("fixed", what)
        case Enum(name, symbols):
            return AvroType("enum", f"enum {name}", symbols)
        case Record(name):
            return AvroType("record", f"record {name}")
        case Map():
            return AvroType("map", "map")
        case Array():
            return AvroType("list", "array")
        case _:
            raise AssertionError(type_)


def is_text(avro_type: AvroType) -> bool:
    """Whether a value of this type can hold JSON: text, or bytes of text."""
    return avro_type.measure in ("text", "bytes")


def _logical(logical: Logical | None, base: str, size: int) -> AvroType | None:
    """The `AvroType` of a logical type on a base that allows it; Avro ignores any other."""
    if logical is None:
        return None
    match logical.name, base, size:
        case "decimal", "bytes" | "fixed", _:
            what = f"decimal({logical.precision}, {logical.scale})"
            return AvroType("decimal", what, digits=logical.scale)
        case "uuid", "string", _:
            return AvroType("text", "uuid")
        case "uuid", "fixed", 16:
            return AvroType("uuid", "uuid")
        case "duration", "fixed", 12:
            return AvroType("duration", "duration")
        case "date", "int" | "long", _:
            return AvroType("date", "date")
        case name, "int" | "long", _:
            return _time(name)
    return None


def _time(name: str) -> AvroType | None:
    prefix, _, unit = name.rpartition("-")
    measure = _TIME_MEASURES.get(prefix)
    return (
        AvroType(measure, name, digits=_UNIT_DIGITS[unit])
        if measure and unit in _UNIT_DIGITS
        else None
    )
