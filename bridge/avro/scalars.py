"""One Avro scalar from a value as people write it: checked, and written as its bytes."""

import struct
from collections.abc import Callable, Mapping
from typing import Any, Final

from bridge.avro.literals import (
    LiteralMismatch,
    bytes_of,
    days_of,
    found,
    ticks_of,
    time_ticks_of,
    unscaled_of,
    uuid_of,
    wrong,
)
from bridge.documents.problems import suggest
from bridge.schema.avro_types import AvroType, Measure, avro_type_of
from bridge.schema.types import Enum, Fixed, Primitive, Type


def write_scalar(type_: Type, value: Any) -> bytes:
    """The bytes of a scalar, or of null; raises Misfit, without a path."""
    if is_null(type_):
        if value is not None:
            raise wrong("null", value)
        return b""
    avro_type = avro_type_of(type_)
    return _SCALARS[avro_type.measure](type_, avro_type, value)


def _whole(type_: Type, value: Any) -> bytes:
    """A whole number, if the type can hold it."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong("a whole number", value)
    bits = 31 if isinstance(type_, Primitive) and type_.name == "int" else 63
    if not -(2**bits) <= value < 2**bits:
        raise LiteralMismatch(f"this number does not fit into {bits + 1} bits")
    return write_long(value)


def _number(avro_type: AvroType, value: Any) -> bytes:
    if isinstance(value, str) and value in ("NaN", "Infinity", "-Infinity"):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong("a number", value)
    try:
        return struct.pack("<f" if avro_type.measure == "float" else "<d", value)
    except OverflowError:
        raise LiteralMismatch(f"this number does not fit into a {avro_type.measure}") from None


def _decimal(type_: Type, value: Any) -> bytes:
    if not isinstance(type_, Primitive | Fixed) or type_.logical is None:
        raise TypeError(type_)
    number = unscaled_of(value, type_.logical.precision, type_.logical.scale)
    if isinstance(type_, Primitive):
        return write_sized(number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True))
    try:
        return number.to_bytes(type_.size, "big", signed=True)
    except OverflowError:
        raise LiteralMismatch(f"this number does not fit into {type_.size} bytes") from None


def _text(value: Any) -> bytes:
    if not isinstance(value, str):
        fix = None if isinstance(value, Mapping | list) or value is None else "put it in quotes"
        raise LiteralMismatch(f"text is wanted here, not {found(value)}", fix=fix)
    return write_sized(value.encode())


def _symbol(type_: Type, value: Any) -> bytes:
    if not isinstance(type_, Enum):
        raise TypeError(type_)
    if not isinstance(value, str):
        raise wrong(f"a symbol of {type_.name}", value)
    if value not in type_.symbols:
        raise LiteralMismatch(f"{type_.name} has no such symbol", fix=suggest(value, type_.symbols))
    return write_long(type_.symbols.index(value))


def _fixed(type_: Type, value: Any) -> bytes:
    if not isinstance(type_, Fixed):
        raise TypeError(type_)
    raw = bytes_of(value)
    if len(raw) != type_.size:
        raise LiteralMismatch(f"{type_.size} bytes are wanted here, and these are {len(raw)}")
    return raw


def _boolean(value: Any) -> bytes:
    if not isinstance(value, bool):
        raise wrong("true or false", value)
    return b"\x01" if value else b"\x00"


_SCALARS: Final[Mapping[Measure, Callable[[Type, AvroType, Any], bytes]]] = {
    "text": lambda _, __, value: _text(value),
    "enum": lambda type_, _, value: _symbol(type_, value),
    "uuid": lambda _, __, value: uuid_of(value),
    "int": lambda type_, _, value: _whole(type_, value),
    "float": lambda _, avro_type, value: _number(avro_type, value),
    "double": lambda _, avro_type, value: _number(avro_type, value),
    "decimal": lambda type_, _, value: _decimal(type_, value),
    "bool": lambda _, __, value: _boolean(value),
    "instant": lambda type_, avro_type, v: _whole(
        type_, ticks_of(v, avro_type.digits, local=False)
    ),
    "local": lambda type_, avro_type, v: _whole(type_, ticks_of(v, avro_type.digits, local=True)),
    "date": lambda type_, _, value: _whole(type_, days_of(value)),
    "time": lambda type_, avro_type, value: _whole(type_, time_ticks_of(value, avro_type.digits)),
    "bytes": lambda _, __, value: write_sized(bytes_of(value)),
    "fixed": lambda type_, _, value: _fixed(type_, value),
    "duration": lambda type_, _, value: _fixed(type_, value),
}


def is_null(type_: Type) -> bool:
    """Whether it is the type of null."""
    return isinstance(type_, Primitive) and type_.name == "null"


def write_sized(raw: bytes) -> bytes:
    """Bytes with their length before them, as Avro writes text too."""
    return write_long(len(raw)) + raw


def write_long(value: int) -> bytes:
    """Zigzag, then seven bits a byte."""
    rest = value << 1 if value >= 0 else (-value << 1) - 1
    out = bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)
