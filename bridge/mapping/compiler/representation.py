"""How a leaf value is converted: to its JSON value, to text, and to an exact number.

Invariants: a representation's functions take the raw value, or the result of a converter, and are
exact. The conversion to JSON is the last step.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bridge.mapping.language.codes import Code
from bridge.mapping.language.diagnostics import MappingFault
from bridge.schema.avro_types import JSON_TYPES, KIND_OF, RAW_OF, AvroType, Kind, Measure
from bridge.schema.conversions import (
    Convert,
    exact_of_double,
    exact_of_text,
    finite,
    real_of,
    shortest_of_float,
    text_of_bool,
    text_of_bytes,
    text_of_exact,
    text_of_ticks,
    text_of_uuid,
    time_of_day,
    time_of_days,
    time_of_ticks,
    unscaled,
)
from bridge.schema.json_values import exact_of_json, text_of_json


@dataclass(frozen=True, slots=True)
class Representation:
    """How to convert a value at one step on its way to JSON.

    `kind` None: it cannot be sent as it is. `final` None: it is sent unchanged. `text` or `exact`
    None: no such conversion exists. `symbols` are the only possible values, if known. `number` is
    like `exact`, for a union in which some values are text that may contain a number. `bits` are
    those of an `AvroType`.
    """

    what: str
    kind: Kind | None
    final: Convert | None = None
    text: Convert | None = None
    exact: Convert | None = None
    symbols: tuple[str, ...] | None = None
    measure: Measure | None = None
    digits: int = 0
    number: Convert | None = None
    bits: int = 0


def identity(value: Any) -> Any:
    """The value itself."""
    return value


def exact_of_int(value: int) -> tuple[int, int]:
    """A whole number as an exact number."""
    return value, 0


TEXT: Final = Representation("text", "str", text=identity)
INT: Final = Representation("whole number", "int", text=str, exact=exact_of_int)
DOUBLE: Final = Representation(
    "number", "real", final=finite, text=lambda value: repr(finite(value)), exact=exact_of_double
)
EXACT: Final = Representation("number", "real", final=real_of, text=text_of_exact, exact=identity)
BOOL: Final = Representation("true or false", "bool", text=text_of_bool)
DIGEST: Final = Representation("digest", "str", text=identity, symbols=())
TIME: Final = Representation("time", "date", text=identity)
JSON: Final = Representation("JSON", None, text_of_json, text_of_json, exact_of_json)


_FLOAT_AS_DOUBLE: Final[dict[Measure, AvroType]] = {"float": AvroType("double", "float")}
"""In a union with a double, the values do not show which of the two was written."""


def representation_of(avro_types: Sequence[AvroType], path: str) -> Representation:
    """The representation of a value that has one of these types.

    Raises:
        MappingFault: the raw values of two of the types cannot be distinguished.
    """
    if avro_types == JSON_TYPES:
        return JSON
    if any(avro_type.measure == "double" for avro_type in avro_types):  # both read as one type
        avro_types = [_FLOAT_AS_DOUBLE.get(one.measure, one) for one in avro_types]
    representations = [_representation(avro_type) for avro_type in avro_types]
    distinct = {(one.kind, one.final, one.text, one.exact) for one in representations}
    what = " or ".join(avro_type.what for avro_type in avro_types)
    if len(representations) == 1:
        return representations[0]
    if len(distinct) == 1:
        return Representation(what, *distinct.pop())
    raw_types = [RAW_OF[avro_type.measure] for avro_type in avro_types]
    if len(set(raw_types)) < len(raw_types):
        message = f"`{path}` can be {what}, but the values do not show which"
        raise MappingFault(Code.SEVERAL_TYPES, message, "give them one type in the schema")
    kinds = {one.kind for one in representations}
    return Representation(
        what,
        kinds.pop() if len(kinds) == 1 else None,
        _by_type(raw_types, [one.final or identity for one in representations]),
        _by_type(raw_types, [one.text for one in representations]),
        _by_type(raw_types, [one.exact for one in representations]),
        number=_by_type(raw_types, [one.exact or _number_in_text(one) for one in representations]),
    )


def _number_in_text(representation: Representation) -> Convert | None:
    """Parses the number in a text; None if the value is not text."""
    text = representation.text
    if representation.kind != "str" or text is None:
        return None
    return lambda value: exact_of_text(text(value))


def _by_type(raw_types: list[type], converts: Sequence[Convert | None]) -> Convert | None:
    table: dict[type, Convert] = {
        raw: convert
        for raw, convert in zip(raw_types, converts, strict=True)
        if convert is not None
    }
    return (lambda value: table[type(value)](value)) if len(table) == len(raw_types) else None


def _representation(avro_type: AvroType) -> Representation:
    final, text, exact = _CONVERSIONS[avro_type.measure](avro_type)
    symbols = avro_type.symbols if avro_type.measure == "enum" else None
    kind = KIND_OF.get(avro_type.measure)
    return Representation(
        avro_type.what,
        kind,
        final,
        text,
        exact,
        symbols,
        avro_type.measure,
        avro_type.digits,
        bits=avro_type.bits,
    )


_Conversions = tuple[Convert | None, Convert | None, Convert | None]


def _decimal(avro_type: AvroType) -> _Conversions:
    digits = avro_type.digits
    power: int = 10**digits

    def final(raw: bytes) -> float:
        number = unscaled(raw)
        try:
            return number / power
        except OverflowError:
            return real_of((number, digits))

    return (
        final,
        lambda raw: text_of_exact((unscaled(raw), digits)),
        lambda raw: (unscaled(raw), digits),
    )


def _instant(avro_type: AvroType) -> _Conversions:
    return time_of_ticks(avro_type.digits), text_of_ticks(avro_type.digits), None


def _fixed(
    final: Convert | None = None, text: Convert | None = None, exact: Convert | None = None
) -> Callable[[AvroType], _Conversions]:
    return lambda _: (final, text, exact)


_CONVERSIONS: Final[dict[Measure, Callable[[AvroType], _Conversions]]] = {
    "text": _fixed(text=identity),
    "enum": _fixed(text=identity),
    "uuid": _fixed(text_of_uuid, text_of_uuid),
    "int": _fixed(text=str, exact=exact_of_int),
    "float": _fixed(
        shortest_of_float,
        lambda value: repr(shortest_of_float(value)),
        lambda value: exact_of_double(shortest_of_float(value)),
    ),
    "double": _fixed(DOUBLE.final, DOUBLE.text, DOUBLE.exact),
    "decimal": _decimal,
    "bool": _fixed(text=text_of_bool),
    "instant": _instant,
    "local": _fixed(),
    "date": _fixed(time_of_days, time_of_days),
    "time": lambda avro_type: (None, time_of_day(avro_type.digits), exact_of_int),
    "bytes": _fixed(text=text_of_bytes),
    "fixed": _fixed(text=bytes.hex),
    "duration": _fixed(),
    "record": _fixed(),
    "map": _fixed(),
    "list": _fixed(),
}
