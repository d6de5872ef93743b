"""Guesses the format of a value that is not in the wire format of its topic.

Invariants: a guess only explains a halt; nothing is ever decoded by it. It names a format and
contains nothing of the value.
"""

from collections.abc import Callable
from typing import Final

import orjson

from bridge.avro.walker import walk
from bridge.delivery.decode_failures import FormatGuess
from bridge.errors import PoisonRecord
from bridge.schema.types import Schema

_UNREADABLE: Final = (
    "The bridge reads Avro only: let the producers write Avro, or remove the topic from the"
    " mappings"
)
_SET: Final = "Set the topic's `wire_format: {}` under `avro.topics`"
_WITH_FILE: Final = ", and its `schema` file"

_VARINT_BYTES_MAX = 10
_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5
"""Protobuf's wire types."""


def guess_format(value: bytes, wire_format: str, newest: Schema | None) -> FormatGuess:
    """What a value looks like.

    `wire_format` is that of its topic. `newest` is the topic's newest schema; None if it is
    unknown.
    """
    for matches, looks_like, fix in _BY_PREFIX:
        if matches(value):
            return FormatGuess(looks_like, fix)
    framing = _framing(value)
    if framing is not None and framing != wire_format:
        fix = _SET.format(framing) + ("" if framing == "confluent" else _WITH_FILE)
        return FormatGuess(f"the wire format `{framing}`", fix)
    if framing is not None:
        fix = "Check that `avro.registry.url` is the registry of the topic's producers"
        return FormatGuess(f"the wire format `{framing}` around something else", fix)
    if newest is not None and wire_format != "raw" and _is_body(value, newest):
        fix = _SET.format("raw") + _WITH_FILE
        return FormatGuess("Avro without a prefix (`raw`)", fix)
    if _is_protobuf(value):
        return FormatGuess("Protobuf", _UNREADABLE)
    fix = "Check the topic's `wire_format` and `schema` under `avro.topics`"
    return FormatGuess("no format that the bridge knows, or Avro of another schema", fix)


def _is_json(value: bytes) -> bool:
    if value.lstrip()[:1] not in (b"{", b"["):
        return False
    try:
        orjson.loads(value)
    except orjson.JSONDecodeError:
        return False
    return True


def _is_glue(value: bytes) -> bool:
    """The AWS Glue Schema Registry: version 3, compression 0 or 5, and a UUID of 16 bytes."""
    return value[:2] in (b"\x03\x00", b"\x03\x05") and len(value) > 18


def _has_long_id(value: bytes) -> bool:
    """Apicurio before version 3: 0x00 and an id of 8 bytes, of which the first four are zero."""
    return value[:5] == bytes(5) and len(value) >= 9


_BY_PREFIX: Final[tuple[tuple[Callable[[bytes], bool], str, str], ...]] = (
    (_is_json, "JSON", _UNREADABLE),
    (lambda value: value.lstrip()[:1] == b"<", "XML", _UNREADABLE),
    (lambda value: value[:4] == b"Obj\x01", "Avro files with their schema", _UNREADABLE),
    (_is_glue, "the framing of the AWS Glue Schema Registry", _UNREADABLE),
    (
        _has_long_id,
        "the framing of Apicurio before version 3 (ids of 8 bytes)",
        "Let the producers write Confluent's framing, with ids of 4 bytes",
    ),
)


def _framing(value: bytes) -> str | None:
    """The wire format whose prefix a value begins with; None if there is none."""
    if value[:2] == b"\xc3\x01" and len(value) >= 10:
        return "single_object"
    if (value[:1] == b"\x00" and len(value) > 5) or (value[:1] == b"\x01" and len(value) > 17):
        return "confluent"
    return None


def _is_body(value: bytes, schema: Schema) -> bool:
    try:
        walk(schema, value, 0)
    except PoisonRecord:
        return False
    return True


def _is_protobuf(value: bytes) -> bool:
    """Whether a value consists of Protobuf fields from its first byte to its last one."""
    position = 0
    while position < len(value):
        tag, position = _read_varint(value, position)
        kind = tag & 7
        if tag >> 3 == 0 or kind not in (_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES):
            return False
        if kind == _VARINT:
            _, position = _read_varint(value, position)
        elif kind == _LENGTH:
            length, position = _read_varint(value, position)
            position += length
        else:
            position += 8 if kind == _EIGHT_BYTES else 4
    return position == len(value) and bool(value)


def _read_varint(value: bytes, start: int) -> tuple[int, int]:
    """A varint and the offset after it; a varint that does not end lies past the value's end."""
    number = 0
    for shift, byte in enumerate(value[start : start + _VARINT_BYTES_MAX]):
        number |= (byte & 0x7F) << 7 * shift
        if not byte & 0x80:
            return number, start + shift + 1
    return number, len(value) + 1
