"""Helpers that generated readers call, with the names that they use."""

import struct
from collections.abc import Mapping
from typing import Any, Final

BEYOND: Final = 1 << 62
"""A size beyond the end of any body."""

_STEPS: Final = tuple(1 + (n >> 1) if not n & 1 else BEYOND for n in range(128))
"""By the first byte of text shorter than 64 bytes, its length including that byte."""


class Unusual(Exception):
    """A body that the generated function does not support; a slower reader handles it."""


def _rest_of_varint(b: bytes, p: int, first: int, bits: int) -> tuple[int, int]:
    number = first & 127
    shift = 7
    while True:
        byte = b[p]
        p += 1
        number |= (byte & 127) << shift
        if byte < 128:
            break
        shift += 7
        if shift > 63:
            raise Unusual
    if number >> bits:
        raise Unusual
    return number, p


def _varint32(b: bytes, p: int, first: int) -> tuple[int, int]:
    return _rest_of_varint(b, p, first, 32)


def _varint64(b: bytes, p: int, first: int) -> tuple[int, int]:
    return _rest_of_varint(b, p, first, 64)


def _skip_sized(b: bytes, p: int) -> int:
    """The position after text or bytes of any length."""
    size, p = _rest_of_varint(b, p + 1, b[p], 64)
    if size & 1:
        raise Unusual
    return p + (size >> 1)


HELPERS: Final[Mapping[str, Any]] = {
    "Unusual": Unusual,
    "BOOLEANS": (False, True),
    "FLOAT": struct.Struct("<f").unpack_from,
    "DOUBLE": struct.Struct("<d").unpack_from,
    "STEPS": _STEPS,
    "varint32": _varint32,
    "varint64": _varint64,
    "skip_sized": _skip_sized,
}
