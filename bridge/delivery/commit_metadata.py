"""Encodes the ranges settled above the committed offset into the commit's metadata.

The text is `fsb2.` + base64url of these bytes, in order:
- four bytes with the short topic id;
- as varints: the base, then the partition count when the group began on this topic, then
  alternating run lengths from the base on (incomplete, settled, incomplete, settled …);
- a CRC-32 of the bytes before it, seeded with the format's number.

A closing `.` follows, because a client may read garbage after another client's metadata. If the
topic id is unknown, the prefix is `fsb1.`: the same without the id, and with a plain CRC-32.

Invariants:
- Every release reads what every earlier release wrote.
- The metadata contains the topic id if Kafka reports it. A recreated topic keeps its name, but its
  offsets are other records. The reader checks whether it is the same topic.
- Metadata that is not ours, or has another base (an operator moved the offset), lists nothing.
- Our own metadata that is damaged or of a newer format raises an error. Ignoring it would repeat
  the events it lists.
- A broker refuses more than 4,096 characters (`offset.metadata.max.bytes`); ours end at 4,000. If
  the ranges do not fit, those nearest to the base are written. A crash would repeat the omitted
  ones, so `AssignedPartitions` counts their events and the poller limits what it polls.
"""

import base64
import binascii
import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bridge.delivery.progress import OffsetRange

METADATA_CHARACTERS_MAX = 4_000
_FRAME_CHARACTERS = len("fsb1..")
_TOPIC_ID_BYTES = 4
_CHECKSUM_BYTES = 4
_CHECKSUM_SEEDS = {"1": 0, "2": 2}
"""The known formats, and the seed of each one's checksum."""

_VARINT_BYTES_MAX = 10
_PATTERN = re.compile(r"fsb(\d+)\.([A-Za-z0-9_-]*)\.")


@dataclass(frozen=True, slots=True)
class CommitMetadata:
    """The content of our own metadata: the settled ranges, and the base it was committed with."""

    base: int
    partitions_at_start: int
    settled: tuple[OffsetRange, ...]
    topic_id: int | None = None
    """A short form of the topic's id; None if it was unknown."""


class UnreadableMetadata(ValueError):
    """Our own metadata cannot be read; the message says why."""


def encode(
    base: int, partitions_at_start: int, settled: Iterable[OffsetRange], topic_id: int | None = None
) -> str:
    """The metadata for a commit at `base`, of any length; `topic_id` has 32 bits."""
    version = "1" if topic_id is None else "2"
    body = bytearray() if topic_id is None else bytearray(topic_id.to_bytes(_TOPIC_ID_BYTES, "big"))
    _write_varint(body, base)
    _write_varint(body, partitions_at_start)
    position = base
    for start, end in settled:
        _write_varint(body, start - position)
        _write_varint(body, end - start)
        position = end
    body += _checksum(body, version)
    return f"fsb{version}.{base64.urlsafe_b64encode(body).rstrip(b'=').decode()}."


def truncate_to_fit(
    base: int,
    partitions_at_start: int,
    settled: Sequence[OffsetRange],
    characters_max: int,
    topic_id: int | None = None,
) -> Sequence[OffsetRange]:
    """The longest prefix of the ranges that fits into `characters_max` characters of metadata."""
    bytes_left = (characters_max - _FRAME_CHARACTERS) * 3 // 4 - _CHECKSUM_BYTES
    bytes_left -= varint_bytes(base) + varint_bytes(partitions_at_start)
    bytes_left -= 0 if topic_id is None else _TOPIC_ID_BYTES
    position = base
    for number, (start, end) in enumerate(settled):
        bytes_left -= varint_bytes(start - position) + varint_bytes(end - start)
        if bytes_left < 0:
            return settled[:number]
        position = end
    return settled


def decode(metadata: str | None, base: int) -> CommitMetadata | None:
    """The content of a commit's metadata; None if it is not ours or has another base.

    Raises:
        UnreadableMetadata: it is ours, and is damaged or written by a newer release.
    """
    match = _PATTERN.match(metadata or "")
    if match is None:
        return None
    if match[1] not in _CHECKSUM_SEEDS:
        raise UnreadableMetadata(f"written in format {match[1]}, which only a newer release reads")
    parsed = _read(match[2], match[1])
    return parsed if parsed.base == base else None


def _read(text: str, version: str) -> CommitMetadata:
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise UnreadableMetadata("not base64url") from error
    body, checksum = raw[:-_CHECKSUM_BYTES], raw[-_CHECKSUM_BYTES:]
    if _checksum(body, version) != checksum:
        raise UnreadableMetadata("the checksum does not match")
    topic_id = None
    if version == "2":
        if len(body) < _TOPIC_ID_BYTES:
            raise UnreadableMetadata("truncated within the topic's id")
        topic_id = int.from_bytes(body[:_TOPIC_ID_BYTES], "big")
        body = body[_TOPIC_ID_BYTES:]
    numbers = _read_varints(body)
    if len(numbers) < 2 or len(numbers) % 2:
        raise UnreadableMetadata("a range has no end")
    base, partitions_at_start, *lengths = numbers
    return CommitMetadata(base, partitions_at_start, tuple(_ranges(base, lengths)), topic_id)


def _checksum(body: bytes | bytearray, version: str) -> bytes:
    return zlib.crc32(body, _CHECKSUM_SEEDS[version]).to_bytes(_CHECKSUM_BYTES, "big")


def _ranges(base: int, lengths: list[int]) -> Iterable[OffsetRange]:
    position = base
    for incomplete, settled in zip(lengths[::2], lengths[1::2], strict=True):
        if not incomplete or not settled:
            raise UnreadableMetadata("an empty range")
        start = position + incomplete
        position = start + settled
        yield start, position


def _write_varint(body: bytearray, number: int) -> None:
    while number > 0x7F:
        body.append(number & 0x7F | 0x80)
        number >>= 7
    body.append(number)


def varint_bytes(number: int) -> int:
    """How many bytes a number takes as a varint."""
    return max(1, -(-number.bit_length() // 7))


def _read_varints(body: bytes) -> list[int]:
    numbers = []
    number = shift = 0
    for byte in body:
        number |= (byte & 0x7F) << shift
        shift += 7
        if shift > 7 * _VARINT_BYTES_MAX:
            raise UnreadableMetadata("an unterminated number")
        if not byte & 0x80:
            numbers.append(number)
            number = shift = 0
    if shift:
        raise UnreadableMetadata("truncated within a number")
    return numbers
