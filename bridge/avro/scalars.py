"""One Avro scalar from a value as people write it: checked, and written as its bytes."""

import struct
from collections.abc import Callable, Mapping
from typing import Any, Final

from bridge.avro.literals import (
    Misfit,
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
from bridge.mapping.leaves import Leaf, Measure, leaf_of
from bridge.mapping.schema import Enum, Fixed, Primitive, Type


def write_scalar(type_: Type, value: Any) -> bytes:
    """The bytes of a scalar, or of null; raises Misfit, without a path."""
    if is_null(type_):
        if value is not None:
            raise wrong("null", value)
        return b""
    leaf = leaf_of(type_)
    return _SCALARS[leaf.measure](type_, leaf, value)


def _whole(type_: Type, value: Any) -> bytes:
    """A whole number, if the type can hold it."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong("a whole number", value)
    bits = 31 if isinstance(type_, Primitive) and type_.name == "int" else 63
    if not -(2**bits) <= value < 2**bits:
        raise Misfit(f"this number does not fit into {bits + 1} bits")
    return write_long(value)


def _number(leaf: Leaf, value: Any) -> bytes:
    if isinstance(value, str) and value in ("NaN", "Infinity", "-Infinity"):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong("a number", value)
    try:
        return struct.pack("<f" if leaf.measure == "float" else "<d", value)
    except OverflowError:
        raise Misfit(f"this number does not fit into a {leaf.measure}") from None


def _decimal(type_: Type, value: Any) -> bytes:
    if not isinstance(type_, Primitive | Fixed) or type_.logical is None:
        raise TypeError(type_)
    number = unscaled_of(value, type_.logical.precision, type_.logical.scale)
    if isinstance(type_, Primitive):
        return write_sized(number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True))
    try:
        return number.to_bytes(type_.size, "big", signed=True)
    except OverflowError:
        raise Misfit(f"this number does not fit into {type_.size} bytes") from None


def _text(value: Any) -> bytes:
    if not isinstance(value, str):
        cure = None if isinstance(value, Mapping | list) or value is None else "put it in quotes"
        raise Misfit(f"text is wanted here, not {found(value)}", cure=cure)
    return write_sized(value.encode())


def _symbol(type_: Type, value: Any) -> bytes:
    if not isinstance(type_, Enum):
        raise TypeError(type_)
    if not isinstance(value, str):
        raise wrong(f"a symbol of {type_.name}", value)
    if value not in type_.symbols:
        raise Misfit(f"{type_.name} has no such symbol", cure=suggest(value, type_.symbols))
    return write_long(type_.symbols.index(value))


def _fixed(type_: Type, value: Any) -> bytes:
    if not isinstance(type_, Fixed):
        raise TypeError(type_)
    raw = bytes_of(value)
    if len(raw) != type_.size:
        raise Misfit(f"{type_.size} bytes are wanted here, and these are {len(raw)}")
    return raw


def _boolean(value: Any) -> bytes:
    if not isinstance(value, bool):
        raise wrong("true or false", value)
    return b"\x01" if value else b"\x00"


_SCALARS: Final[Mapping[Measure, Callable[[Type, Leaf, Any], bytes]]] = {
    "text": lambda _, __, value: _text(value),
    "enum": lambda type_, _, value: _symbol(type_, value),
    "uuid": lambda _, __, value: uuid_of(value),
    "int": lambda type_, _, value: _whole(type_, value),
    "float": lambda _, leaf, value: _number(leaf, value),
    "double": lambda _, leaf, value: _number(leaf, value),
    "decimal": lambda type_, _, value: _decimal(type_, value),
    "bool": lambda _, __, value: _boolean(value),
    "instant": lambda type_, leaf, v: _whole(type_, ticks_of(v, leaf.digits, local=False)),
    "local": lambda type_, leaf, v: _whole(type_, ticks_of(v, leaf.digits, local=True)),
    "date": lambda type_, _, value: _whole(type_, days_of(value)),
    "time": lambda type_, leaf, value: _whole(type_, time_ticks_of(value, leaf.digits)),
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
