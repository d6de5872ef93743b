"""Checks a value from JSON or YAML and encodes it as the bytes of one Avro scalar."""

import struct
from collections.abc import Callable, Mapping
from typing import Any, Final

from bridge.avro.literals import (
    LiteralMismatch,
    parse_bytes,
    parse_days,
    parse_ticks,
    parse_time_ticks,
    parse_unscaled,
    parse_uuid,
    type_mismatch,
    type_name,
)
from bridge.documents.problems import suggest
from bridge.schema.avro_types import AvroType, Measure, avro_type_of
from bridge.schema.types import Enum, Fixed, Primitive, Type


def write_scalar(type_: Type, value: Any) -> bytes:
    """Encode a scalar or null; raises LiteralMismatch without a path."""
    if is_null(type_):
        if value is not None:
            raise type_mismatch("null", value)
        return b""
    avro_type = avro_type_of(type_)
    return _ENCODERS[avro_type.measure](type_, avro_type, value)


def _integer(type_: Type, value: Any) -> bytes:
    """Encode an integer after a range check."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise type_mismatch("a whole number", value)
    bits = 31 if isinstance(type_, Primitive) and type_.name == "int" else 63
    if not -(2**bits) <= value < 2**bits:
        raise LiteralMismatch(f"the number does not fit into {bits + 1} bits")
    return write_long(value)


def _float(avro_type: AvroType, value: Any) -> bytes:
    if isinstance(value, str) and value in ("NaN", "Infinity", "-Infinity"):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise type_mismatch("a number", value)
    try:
        return struct.pack("<f" if avro_type.measure == "float" else "<d", value)
    except OverflowError:
        raise LiteralMismatch(f"the number does not fit into a {avro_type.measure}") from None


def _decimal(type_: Type, value: Any) -> bytes:
    if not isinstance(type_, Primitive | Fixed) or type_.logical is None:
        raise TypeError(type_)
    number = parse_unscaled(value, type_.logical.precision, type_.logical.scale)
    if isinstance(type_, Primitive):
        return write_sized(number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True))
    try:
        return number.to_bytes(type_.size, "big", signed=True)
    except OverflowError:
        raise LiteralMismatch(f"the number does not fit into {type_.size} bytes") from None


def _text(value: Any) -> bytes:
    if not isinstance(value, str):
        fix = None if isinstance(value, Mapping | list) or value is None else "put it in quotes"
        raise LiteralMismatch(f"expected text, got {type_name(value)}", fix=fix)
    return write_sized(value.encode())


def _symbol(type_: Type, value: Any) -> bytes:
    if not isinstance(type_, Enum):
        raise TypeError(type_)
    if not isinstance(value, str):
        raise type_mismatch(f"a symbol of {type_.name}", value)
    if value not in type_.symbols:
        raise LiteralMismatch(f"{type_.name} has no such symbol", fix=suggest(value, type_.symbols))
    return write_long(type_.symbols.index(value))


def _fixed(type_: Type, value: Any) -> bytes:
    if not isinstance(type_, Fixed):
        raise TypeError(type_)
    raw = parse_bytes(value)
    if len(raw) != type_.size:
        raise LiteralMismatch(f"expected {type_.size} bytes, got {len(raw)}")
    return raw


def _boolean(value: Any) -> bytes:
    if not isinstance(value, bool):
        raise type_mismatch("true or false", value)
    return b"\x01" if value else b"\x00"


_ENCODERS: Final[Mapping[Measure, Callable[[Type, AvroType, Any], bytes]]] = {
    "text": lambda _, __, value: _text(value),
    "enum": lambda type_, _, value: _symbol(type_, value),
    "uuid": lambda _, __, value: parse_uuid(value),
    "int": lambda type_, _, value: _integer(type_, value),
    "float": lambda _, avro_type, value: _float(avro_type, value),
    "double": lambda _, avro_type, value: _float(avro_type, value),
    "decimal": lambda type_, _, value: _decimal(type_, value),
    "bool": lambda _, __, value: _boolean(value),
    "instant": lambda type_, avro_type, v: _integer(
        type_, parse_ticks(v, avro_type.digits, local=False)
    ),
    "local": lambda type_, avro_type, v: _integer(
        type_, parse_ticks(v, avro_type.digits, local=True)
    ),
    "date": lambda type_, _, value: _integer(type_, parse_days(value)),
    "time": lambda type_, avro_type, value: _integer(
        type_, parse_time_ticks(value, avro_type.digits)
    ),
    "bytes": lambda _, __, value: write_sized(parse_bytes(value)),
    "fixed": lambda type_, _, value: _fixed(type_, value),
    "duration": lambda type_, _, value: _fixed(type_, value),
}


def is_null(type_: Type) -> bool:
    """Whether the type is `null`."""
    return isinstance(type_, Primitive) and type_.name == "null"


def write_sized(raw: bytes) -> bytes:
    """Encode bytes or UTF-8 text with their length in front."""
    return write_long(len(raw)) + raw


def write_long(value: int) -> bytes:
    """Encode an integer as a zigzag varint."""
    rest = value << 1 if value >= 0 else (-value << 1) - 1
    out = bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)
