"""Foreign or damaged commit metadata is never believed and never crashes the reader.

Invariants: decoding any metadata returns what was written, or nothing, or reports our own as
damaged. Only the checksum detects a change that keeps the format. CRC-32 misses one in 2^32 at
random (for 100,000 tries one run in 43,000) and none within 32 bits.
"""

import base64
import random
import zlib
from collections import Counter
from collections.abc import Callable, Sequence

import pytest

from bridge.delivery.commit_metadata import CommitMetadata, UnreadableMetadata, decode, encode

Random = random.Random
_SHORT_RUN = 2_000
_LONG_RUN = 100_000


def _valid_metadata(rng: Random) -> tuple[str, CommitMetadata]:
    """Metadata as a bridge writes it: a base, and up to 300 ranges above it."""
    base = rng.randrange(2 ** rng.choice((20, 40)))
    ranges, cursor = [], base
    for _ in range(rng.choice((0, 1, 3, 30, 300))):
        start = cursor + 1 + rng.randrange(rng.choice((1, 100, 100_000)))
        cursor = start + 1 + rng.randrange(rng.choice((1, 100, 100_000)))
        ranges.append((start, cursor))
    topic_id = rng.choice((None, rng.getrandbits(32)))
    listed = CommitMetadata(base, 1 + rng.randrange(64), tuple(ranges), topic_id)
    return encode(base, listed.partitions_at_start, ranges, topic_id), listed


def _raw(text: str) -> bytearray:
    body = text[5:-1]
    return bytearray(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))


def _framed(raw: bytes, form: str = "1") -> str:
    return f"fsb{form}.{base64.urlsafe_b64encode(raw).rstrip(b'=').decode()}."


def _flip_text_bits(text: str, rng: Random) -> str:
    """One to four flipped bits, as from a bad cable or disk."""
    raw = bytearray(text.encode())
    for _ in range(rng.randint(1, 4)):
        raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
    return raw.decode("latin-1")


def _flip_payload_bits(text: str, rng: Random) -> str:
    """Flipped bits of the payload; the format stays valid, so only the checksum detects them."""
    raw = _raw(text)
    for _ in range(rng.randint(1, 6)):
        raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
    return _framed(bytes(raw), text[3])


def _replace_payload_bytes(text: str, rng: Random) -> str:
    """A section of the payload is replaced, removed or doubled."""
    raw = _raw(text)
    start = rng.randrange(len(raw))
    end = min(len(raw), start + 1 + rng.randrange(8))
    replacement = rng.choice((rng.randbytes(end - start), b"", raw[start:end] * 2))
    return _framed(bytes(raw[:start] + replacement + raw[end:]), text[3])


def _truncate(text: str, rng: Random) -> str:
    """Truncated anywhere, with or without the closing dot."""
    return text[: rng.randrange(len(text))] + rng.choice(("", "."))


def _change_characters(text: str, rng: Random) -> str:
    """Characters replaced, removed or inserted."""
    position = rng.randrange(len(text))
    replacement = chr(rng.choice((rng.randrange(32, 127), rng.randrange(0x2FFF))))
    return text[:position] + replacement * rng.randrange(3) + text[position + rng.randrange(2) :]


def _splice(text: str, rng: Random) -> str:
    """The start of one text and the end of another."""
    ranges = [(2**41, 2**41 + rng.randrange(1, 2**20))]
    topic_id = rng.choice((None, rng.getrandbits(32)))
    replacement = encode(rng.randrange(2**40), 4, ranges, topic_id)
    return text[: rng.randrange(len(text))] + replacement[rng.randrange(len(replacement)) :]


def _change_format(text: str, rng: Random) -> str:
    """The same with another format number."""
    return f"fsb{rng.choice(('0', '1', '2', '3', '01', '10', '', '١', '-1'))}.{text[5:]}"


def _foreign_metadata(_text: str, rng: Random) -> str:
    """Kafka Streams, the Parallel Consumer, words, JSON, an address, garbage."""
    binary = rng.randbytes(rng.randrange(200))
    streams = base64.b64encode(b"\x02" + rng.randbytes(8) + b"\x00\x00\x00\x00").decode()
    parallel = base64.b64encode(rng.choice((b"b", b"l", b"o", b"J")) + binary).decode()
    plain = ("NO_METADATA", "{}", '{"offset": 12}', "consumer-1@10.0.0.7", "true", "0", "fsb", "")
    return rng.choice((streams, parallel, rng.choice(plain), binary.decode("latin-1")))


def _append_garbage(text: str, rng: Random) -> str:
    """Trailing memory contents, as one client reads another client's metadata."""
    return text + rng.randbytes(rng.randrange(40)).decode("latin-1")


MUTATIONS: Sequence[Callable[[str, Random], str]] = (
    _flip_text_bits,
    _flip_payload_bits,
    _replace_payload_bytes,
    _truncate,
    _change_characters,
    _splice,
    _change_format,
    _foreign_metadata,
    _append_garbage,
)


@pytest.mark.parametrize("count", [_SHORT_RUN, pytest.param(_LONG_RUN, marks=pytest.mark.long)])
def test_no_metadata_decodes_to_wrong_ranges(count: int) -> None:
    """What was written, or nothing, or "damaged": never other ranges, never another error."""
    rng = random.Random(count)
    samples = [_valid_metadata(rng) for _ in range(200)]
    outcomes: Counter[str] = Counter()
    for number in range(count):
        text, listed = rng.choice(samples)
        mutation = MUTATIONS[number % len(MUTATIONS)](text, rng)
        try:
            found = decode(mutation, listed.base)
        except UnreadableMetadata:
            outcomes["damaged"] += 1
            continue
        outcomes["nothing" if found is None else "believed"] += 1
        assert found in (None, listed)
    assert min(outcomes["damaged"], outcomes["nothing"], outcomes["believed"]) > count // 20


def test_a_valid_checksum_over_less_than_an_id_is_damaged() -> None:
    """Format 2 starts with four bytes of id, followed by the numbers."""
    for body in (b"", b"\x05\x01", b"\x00\x00\x00\x07", b"\x00\x00\x00\x07\x05"):
        text = _framed(body + zlib.crc32(body, 2).to_bytes(4, "big"), "2")
        with pytest.raises(UnreadableMetadata):
            decode(text, 5)


def test_a_valid_checksum_over_wrong_numbers_is_damaged() -> None:
    """Truncated, unterminated or unpaired numbers are reported, not misread."""
    for body in (b"", b"\x05", b"\x80" * 12 + b"\x01", b"\x05\x01\x02", b"\x05\x01\x00\x01"):
        text = _framed(body + zlib.crc32(body).to_bytes(4, "big"))
        with pytest.raises(UnreadableMetadata):
            decode(text, 5)
