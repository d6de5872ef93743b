"""What is settled above the committed offset, written into the commit's metadata.

The text is `fsb2.` + base64url of: four bytes that tell the topic, then base, partitions at the
group's beginning on this topic, and alternating run lengths (incomplete, settled, incomplete,
settled …) from the base on, all as varints, and a CRC-32 of what stands before it, begun with the
format's number; then a closing `.`, since a client may read garbage behind another client's
metadata. Where the topic's id is not known it is `fsb1.`: the same without the id, and a plain
CRC-32.

Invariants:
- Every release reads what every earlier release wrote.
- A list says of which topic it is, where Kafka tells that: a topic that is deleted and made anew
  keeps its name, and its offsets are other records. Whether it is the same topic the reader asks.
- Metadata that is not ours, or speaks of another base (an operator moved the offset), lists
  nothing. Ours but damaged, or of a newer format, is told: to ignore it would repeat what it
  lists.
- A broker refuses more than 4,096 characters (`offset.metadata.max.bytes`); ours end at 4,000. Of
  a longer list the runs nearest to the base are written: what it had to leave out a crash would
  repeat, and whoever commits counts that against the duplicate budget.
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
_CHECKSUM_BEGINS = {"1": 0, "2": 2}
"""The formats that are known, and with what the checksum of each begins."""

_VARINT_BYTES_MAX = 10
_OURS = re.compile(r"fsb(\d+)\.([A-Za-z0-9_-]*)\.")


@dataclass(frozen=True, slots=True)
class CommitMetadata:
    """What metadata of ours says about the base it was committed with."""

    base: int
    partitions_at_start: int
    settled: tuple[OffsetRange, ...]
    topic_id: int | None = None
    """A short form of the topic's id; None where it was not known."""


class DamagedMetadata(ValueError):
    """Metadata of ours that cannot be read; the message says why."""


def encode(
    base: int, partitions_at_start: int, settled: Iterable[OffsetRange], topic_id: int | None = None
) -> str:
    """The metadata for a commit at `base`, however long it is; `topic_id` has 32 bits."""
    form = "1" if topic_id is None else "2"
    body = bytearray() if topic_id is None else bytearray(topic_id.to_bytes(_TOPIC_ID_BYTES, "big"))
    _write_varint(body, base)
    _write_varint(body, partitions_at_start)
    cursor = base
    for start, end in settled:
        _write_varint(body, start - cursor)
        _write_varint(body, end - start)
        cursor = end
    body += _checksum(body, form)
    return f"fsb{form}.{base64.urlsafe_b64encode(body).rstrip(b'=').decode()}."


def shortened_to_fit(
    base: int,
    partitions_at_start: int,
    settled: Sequence[OffsetRange],
    characters_max: int,
    topic_id: int | None = None,
) -> Sequence[OffsetRange]:
    """As many of the runs, from the first on, as metadata of so many characters holds."""
    room = (characters_max - _FRAME_CHARACTERS) * 3 // 4 - _CHECKSUM_BYTES
    room -= varint_bytes(base) + varint_bytes(partitions_at_start)
    room -= 0 if topic_id is None else _TOPIC_ID_BYTES
    cursor = base
    for number, (start, end) in enumerate(settled):
        room -= varint_bytes(start - cursor) + varint_bytes(end - start)
        if room < 0:
            return settled[:number]
        cursor = end
    return settled


def decode(metadata: str | None, base: int) -> CommitMetadata | None:
    """What `metadata` of a commit at `base` lists; None when it is not ours or of another base.

    Raises:
        DamagedMetadata: it is ours, and damaged or written by a newer release.
    """
    match = _OURS.match(metadata or "")
    if match is None:
        return None
    if match[1] not in _CHECKSUM_BEGINS:
        raise DamagedMetadata(f"written in format {match[1]}, which a newer release knows")
    listed = _read(match[2], match[1])
    return listed if listed.base == base else None


def _read(text: str, form: str) -> CommitMetadata:
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise DamagedMetadata("not base64url") from error
    body, checksum = raw[:-_CHECKSUM_BYTES], raw[-_CHECKSUM_BYTES:]
    if _checksum(body, form) != checksum:
        raise DamagedMetadata("the checksum does not hold")
    topic_id = None
    if form == "2":
        if len(body) < _TOPIC_ID_BYTES:
            raise DamagedMetadata("cut off within the topic's id")
        topic_id = int.from_bytes(body[:_TOPIC_ID_BYTES], "big")
        body = body[_TOPIC_ID_BYTES:]
    numbers = _read_varints(body)
    if len(numbers) < 2 or len(numbers) % 2:
        raise DamagedMetadata("a run has no end")
    base, partitions_at_start, *lengths = numbers
    return CommitMetadata(base, partitions_at_start, tuple(_runs(base, lengths)), topic_id)


def _checksum(body: bytes | bytearray, form: str) -> bytes:
    return zlib.crc32(body, _CHECKSUM_BEGINS[form]).to_bytes(_CHECKSUM_BYTES, "big")


def _runs(base: int, lengths: list[int]) -> Iterable[OffsetRange]:
    cursor = base
    for incomplete, settled in zip(lengths[::2], lengths[1::2], strict=True):
        if not incomplete or not settled:
            raise DamagedMetadata("an empty run")
        start = cursor + incomplete
        cursor = start + settled
        yield start, cursor


def _write_varint(body: bytearray, number: int) -> None:
    while number > 0x7F:
        body.append(number & 0x7F | 0x80)
        number >>= 7
    body.append(number)


def varint_bytes(number: int) -> int:
    """How many bytes a number takes in the list."""
    return max(1, -(-number.bit_length() // 7))


def _read_varints(body: bytes) -> list[int]:
    numbers = []
    number = shift = 0
    for byte in body:
        number |= (byte & 0x7F) << shift
        shift += 7
        if shift > 7 * _VARINT_BYTES_MAX:
            raise DamagedMetadata("a number without end")
        if not byte & 0x80:
            numbers.append(number)
            number = shift = 0
    if shift:
        raise DamagedMetadata("cut off within a number")
    return numbers
