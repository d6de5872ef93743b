"""What can be made of a leaf: how it is written, as text, and as an exact number.

Invariants: a form's functions take the raw value (or what a converter made of it) and are exact;
the step to what is written is the last one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bridge.mapping.language.codes import Code
from bridge.mapping.language.diagnostics import MappingFault
from bridge.schema.avro_types import KIND_OF, RAW_OF, AvroType, Kind, Measure
from bridge.schema.conversions import (
    Convert,
    exact_of_double,
    exact_of_text,
    finite,
    real_of,
    text_of_bool,
    text_of_bytes,
    text_of_exact,
    text_of_uuid,
    time_of_day,
    time_of_days,
    time_of_ticks,
    unscaled,
)


@dataclass(frozen=True, slots=True)
class Representation:
    """One shape of a value on its way to what is sent.

    `kind` None: it cannot be sent as it is. `final` None: it is written as it is. `text` and
    `exact` None: there is none. `symbols`: the only values that are possible, if they are known.
    `number` is `exact` where some of the values are text that may spell a number.
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


def same(value: Any) -> Any:
    """The value itself."""
    return value


def whole(value: int) -> tuple[int, int]:
    """A whole number as an exact one."""
    return value, 0


TEXT: Final = Representation("text", "str", text=same)
INT: Final = Representation("whole number", "int", text=str, exact=whole)
DOUBLE: Final = Representation(
    "number", "real", final=finite, text=lambda value: repr(finite(value)), exact=exact_of_double
)
EXACT: Final = Representation("number", "real", final=real_of, text=text_of_exact, exact=same)
BOOL: Final = Representation("true or false", "bool", text=text_of_bool)
DIGEST: Final = Representation("digest", "str", text=same, symbols=())
TIME: Final = Representation("time", "date", text=same)


def representation_of(avro_types: Sequence[AvroType], where: str) -> Representation:
    """The form of a value that has one of these types.

    Raises:
        Fault: the raw values of two of the types cannot be told apart.
    """
    forms = [_form(avro_type) for avro_type in avro_types]
    ways = {(form.kind, form.final, form.text, form.exact) for form in forms}
    what = " or ".join(avro_type.what for avro_type in avro_types)
    if len(forms) == 1:
        return forms[0]
    if len(ways) == 1:
        return Representation(what, *ways.pop())
    raws = [RAW_OF[avro_type.measure] for avro_type in avro_types]
    if len(set(raws)) < len(raws):
        message = f"`{where}` can be {what}, and its values do not say which"
        raise MappingFault(Code.SEVERAL_TYPES, message, "give them one type in the schema")
    kinds = {form.kind for form in forms}
    return Representation(
        what,
        kinds.pop() if len(kinds) == 1 else None,
        _by_type(raws, [form.final or same for form in forms]),
        _by_type(raws, [form.text for form in forms]),
        _by_type(raws, [form.exact for form in forms]),
        number=_by_type(raws, [form.exact or _spelt(form) for form in forms]),
    )


def _spelt(form: Representation) -> Convert | None:
    """The number that text spells; None for what is no text."""
    text = form.text
    if form.kind != "str" or text is None:
        return None
    return lambda value: exact_of_text(text(value))


def _by_type(raws: list[type], converts: Sequence[Convert | None]) -> Convert | None:
    table: dict[type, Convert] = {
        raw: convert for raw, convert in zip(raws, converts, strict=True) if convert is not None
    }
    return (lambda value: table[type(value)](value)) if len(table) == len(raws) else None


def _form(avro_type: AvroType) -> Representation:
    final, text, exact = _WAYS[avro_type.measure](avro_type)
    symbols = avro_type.symbols if avro_type.measure == "enum" else None
    kind = KIND_OF.get(avro_type.measure)
    return Representation(
        avro_type.what, kind, final, text, exact, symbols, avro_type.measure, avro_type.digits
    )


_Ways = tuple[Convert | None, Convert | None, Convert | None]


def _decimal(avro_type: AvroType) -> _Ways:
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


def _instant(avro_type: AvroType) -> _Ways:
    convert = time_of_ticks(avro_type.digits)
    return convert, convert, None


def _always(
    final: Convert | None = None, text: Convert | None = None, exact: Convert | None = None
) -> Callable[[AvroType], _Ways]:
    return lambda _: (final, text, exact)


_WAYS: Final[dict[Measure, Callable[[AvroType], _Ways]]] = {
    "text": _always(text=same),
    "enum": _always(text=same),
    "uuid": _always(text_of_uuid, text_of_uuid),
    "int": _always(text=str, exact=whole),
    "float": _always(DOUBLE.final, DOUBLE.text, DOUBLE.exact),
    "double": _always(DOUBLE.final, DOUBLE.text, DOUBLE.exact),
    "decimal": _decimal,
    "bool": _always(text=text_of_bool),
    "instant": _instant,
    "local": _always(),
    "date": _always(time_of_days, time_of_days),
    "time": lambda avro_type: (None, time_of_day(avro_type.digits), whole),
    "bytes": _always(text=text_of_bytes),
    "fixed": _always(text=bytes.hex),
    "duration": _always(),
    "record": _always(),
    "map": _always(),
    "list": _always(),
}
