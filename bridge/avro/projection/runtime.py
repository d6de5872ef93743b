"""What generated readers call, and the names by which they do."""

import struct
from collections.abc import Mapping
from typing import Any, Final

BEYOND: Final = 1 << 62
"""Further than any body goes."""

_STEPS: Final = tuple(1 + (n >> 1) if not n & 1 else BEYOND for n in range(128))
"""By the first byte of text shorter than 64 bytes: its length with that byte; negative: no end."""


class Unusual(Exception):
    """The bytes are not what the function is made for; `walker` says what they are."""


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
    """The position behind text or bytes of any length."""
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
