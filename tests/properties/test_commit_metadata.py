"""Metadata that others wrote, or that was damaged on its way: never believed, never a crash.

Invariants: whatever stands in a commit's metadata, reading it gives what was written, or nothing,
or says that ours is damaged. A change that keeps the form is caught by the checksum alone: CRC-32
misses one in 2^32 at random (for 100,000 tries one run in 43,000) and none within 32 bits.
"""

import base64
import random
import zlib
from collections import Counter
from collections.abc import Callable, Sequence

import pytest

from bridge.delivery.commit_metadata import CommitMetadata, DamagedMetadata, decode, encode

Chance = random.Random
_FEW = 2_000
_MANY = 100_000


def _true(chance: Chance) -> tuple[str, CommitMetadata]:
    """Metadata as a bridge would write it: a base, and up to 300 runs above it."""
    base = chance.randrange(2 ** chance.choice((20, 40)))
    runs, cursor = [], base
    for _ in range(chance.choice((0, 1, 3, 30, 300))):
        start = cursor + 1 + chance.randrange(chance.choice((1, 100, 100_000)))
        cursor = start + 1 + chance.randrange(chance.choice((1, 100, 100_000)))
        runs.append((start, cursor))
    topic_id = chance.choice((None, chance.getrandbits(32)))
    listed = CommitMetadata(base, 1 + chance.randrange(64), tuple(runs), topic_id)
    return encode(base, listed.partitions_at_start, runs, topic_id), listed


def _raw(text: str) -> bytearray:
    body = text[5:-1]
    return bytearray(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))


def _framed(raw: bytes, form: str = "1") -> str:
    return f"fsb{form}.{base64.urlsafe_b64encode(raw).rstrip(b'=').decode()}."


def _bits_of_the_text(text: str, chance: Chance) -> str:
    """One to four bits flipped, as a bad cable or a bad disk would."""
    raw = bytearray(text.encode())
    for _ in range(chance.randint(1, 4)):
        raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
    return raw.decode("latin-1")


def _bits_within(text: str, chance: Chance) -> str:
    """Bits of what the text carries; its form stays right, so the checksum alone can tell."""
    raw = _raw(text)
    for _ in range(chance.randint(1, 6)):
        raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
    return _framed(bytes(raw), text[3])


def _bytes_within(text: str, chance: Chance) -> str:
    """A stretch of what the text carries is replaced, taken out or doubled."""
    raw = _raw(text)
    start = chance.randrange(len(raw))
    end = min(len(raw), start + 1 + chance.randrange(8))
    replacement = chance.choice((chance.randbytes(end - start), b"", raw[start:end] * 2))
    return _framed(bytes(raw[:start] + replacement + raw[end:]), text[3])


def _truncated(text: str, chance: Chance) -> str:
    """Cut off anywhere, the closing dot put back or not."""
    return text[: chance.randrange(len(text))] + chance.choice(("", "."))


def _characters(text: str, chance: Chance) -> str:
    """Characters replaced, taken out or put in."""
    place = chance.randrange(len(text))
    other = chr(chance.choice((chance.randrange(32, 127), chance.randrange(0x2FFF))))
    return text[:place] + other * chance.randrange(3) + text[place + chance.randrange(2) :]


def _spliced(text: str, chance: Chance) -> str:
    """The beginning of one and the end of another."""
    runs = [(2**41, 2**41 + chance.randrange(1, 2**20))]
    topic_id = chance.choice((None, chance.getrandbits(32)))
    other = encode(chance.randrange(2**40), 4, runs, topic_id)
    return text[: chance.randrange(len(text))] + other[chance.randrange(len(other)) :]


def _of_another_format(text: str, chance: Chance) -> str:
    """The same with another number in front."""
    return f"fsb{chance.choice(('0', '1', '2', '3', '01', '10', '', '١', '-1'))}.{text[5:]}"


def _of_another_library(_text: str, chance: Chance) -> str:
    """Kafka Streams, the Parallel Consumer, words, JSON, an address, garbage."""
    binary = chance.randbytes(chance.randrange(200))
    streams = base64.b64encode(b"\x02" + chance.randbytes(8) + b"\x00\x00\x00\x00").decode()
    parallel = base64.b64encode(chance.choice((b"b", b"l", b"o", b"J")) + binary).decode()
    plain = ("NO_METADATA", "{}", '{"offset": 12}', "consumer-1@10.0.0.7", "true", "0", "fsb", "")
    return chance.choice((streams, parallel, chance.choice(plain), binary.decode("latin-1")))


def _with_garbage_behind(text: str, chance: Chance) -> str:
    """What lay in memory behind it, as one client reads another's."""
    return text + chance.randbytes(chance.randrange(40)).decode("latin-1")


MUTATIONS: Sequence[Callable[[str, Chance], str]] = (
    _bits_of_the_text,
    _bits_within,
    _bytes_within,
    _truncated,
    _characters,
    _spliced,
    _of_another_format,
    _of_another_library,
    _with_garbage_behind,
)


@pytest.mark.parametrize("count", [_FEW, pytest.param(_MANY, marks=pytest.mark.long)])
def test_whatever_stands_in_the_metadata_nothing_false_is_believed(count: int) -> None:
    """What was written, or nothing, or "damaged": never another list, never another error."""
    chance = random.Random(count)
    written = [_true(chance) for _ in range(200)]
    came: Counter[str] = Counter()
    for number in range(count):
        text, listed = chance.choice(written)
        mutated = MUTATIONS[number % len(MUTATIONS)](text, chance)
        try:
            found = decode(mutated, listed.base)
        except DamagedMetadata:
            came["damaged"] += 1
            continue
        came["nothing" if found is None else "believed"] += 1
        assert found in (None, listed)
    assert min(came["damaged"], came["nothing"], came["believed"]) > count // 20


def test_a_right_checksum_over_less_than_an_id_is_damage_too() -> None:
    """The other format begins with four bytes, and then come the numbers."""
    for body in (b"", b"\x05\x01", b"\x00\x00\x00\x07", b"\x00\x00\x00\x07\x05"):
        text = _framed(body + zlib.crc32(body, 2).to_bytes(4, "big"), "2")
        with pytest.raises(DamagedMetadata):
            decode(text, 5)


def test_a_right_checksum_over_wrong_numbers_is_damage_too() -> None:
    """Numbers cut off, without end or without a pair: told, not read as something else."""
    for body in (b"", b"\x05", b"\x80" * 12 + b"\x01", b"\x05\x01\x02", b"\x05\x01\x00\x01"):
        text = _framed(body + zlib.crc32(body).to_bytes(4, "big"))
        with pytest.raises(DamagedMetadata):
            decode(text, 5)
