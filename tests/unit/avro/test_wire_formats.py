"""Wire formats: which schema wrote a value, and where its body begins."""

import pytest

from bridge.avro.wire_formats import (
    ConfluentFormat,
    RawFormat,
    SchemaFile,
    SchemaGuid,
    SchemaId,
    SchemaKey,
    SingleObjectFormat,
)
from bridge.errors import PoisonRecord
from bridge.records import Assignment, Headers, Record

GUID = "01234567-89ab-cdef-0123-456789abcdef"
GUID_BYTES = bytes.fromhex(GUID.replace("-", ""))
ID_TOKEN = b"\x00\x00\x01\x02\x03"
GUID_TOKEN = b"\x01" + GUID_BYTES
CONFLUENT = ConfluentFormat()


def _record(value: bytes | None, headers: Headers | None = None) -> Record:
    return Record("t", 0, 0, 0, None, value, Assignment("t", 0), lambda: headers)


@pytest.mark.parametrize(
    ("value", "headers", "key", "start"),
    [
        (ID_TOKEN + b"body", None, SchemaId(0x010203), 5),
        (ID_TOKEN, [], SchemaId(0x010203), 5),
        (b"\x00\xff\xff\xff\xff", None, SchemaId(0xFFFFFFFF), 5),
        (GUID_TOKEN + b"body", None, SchemaGuid(GUID), 17),
        (b"body", [("__value_schema_id", GUID_TOKEN)], SchemaGuid(GUID), 0),
        (b"body", [("__value_schema_id", ID_TOKEN)], SchemaId(0x010203), 0),
        (b"", [("__value_schema_id", GUID_TOKEN)], SchemaGuid(GUID), 0),
        (ID_TOKEN, [("__value_schema_id", GUID_TOKEN)], SchemaGuid(GUID), 0),
        (ID_TOKEN, [("__key_schema_id", GUID_TOKEN), ("x", None)], SchemaId(0x010203), 5),
        (ID_TOKEN, [("__value_schema_id", None)], SchemaId(0x010203), 5),
        (
            b"body",
            [("__value_schema_id", ID_TOKEN), ("__value_schema_id", GUID_TOKEN)],
            SchemaId(0x010203),
            0,
        ),
    ],
)
def test_confluents_framing_names_the_schema(
    value: bytes, headers: Headers | None, key: SchemaKey, start: int
) -> None:
    """Header before prefix, id or GUID in either, the first of several headers."""
    located = CONFLUENT.locate_body(_record(value, headers))
    assert (CONFLUENT.key(located.token), located.start) == (key, start)


@pytest.mark.parametrize(
    ("value", "headers", "reason", "offset", "told"),
    [
        (b'{"id": 1}', None, "wrong_magic_byte", 0, "0x7b"),
        (b"\x03\x00", None, "wrong_magic_byte", 0, "wire_format"),
        (b"", None, "too_short", 0, "wire_format"),
        (ID_TOKEN[:4], None, "too_short", 4, "takes 5"),
        (GUID_TOKEN[:16], None, "too_short", 16, "takes 17"),
        (ID_TOKEN, [("__value_schema_id", b"")], "bad_schema_header", None, "0 bytes"),
        (ID_TOKEN, [("__value_schema_id", ID_TOKEN + b"x")], "bad_schema_header", None, "6 bytes"),
        (ID_TOKEN, [("__value_schema_id", b"\x02" * 17)], "bad_schema_header", None, "17 bytes"),
    ],
)
def test_what_is_not_confluents_framing_is_poison(
    value: bytes, headers: Headers | None, reason: str, offset: int | None, told: str
) -> None:
    """The message says where it is wrong and how to set it right."""
    with pytest.raises(PoisonRecord) as refusal:
        CONFLUENT.locate_body(_record(value, headers))
    assert refusal.value.stage == "decode"
    assert (refusal.value.reason, refusal.value.byte_offset) == (reason, offset)
    assert told in str(refusal.value)


def test_a_refused_prefix_shows_nothing_of_the_payload() -> None:
    """Only the magic byte is named."""
    with pytest.raises(PoisonRecord) as refusal:
        CONFLUENT.locate_body(_record(b'{"card": "4111 1111"}'))
    assert "4111" not in str(refusal.value)
    assert "card" not in str(refusal.value)


def test_a_raw_topic_reads_no_header_and_no_prefix() -> None:
    """Every value begins at 0, whatever it begins with, and has the schema of the file."""
    raw = RawFormat("schemas/order.avsc")
    record = _record(ID_TOKEN, [("__value_schema_id", GUID_TOKEN)])
    located = raw.locate_body(record)
    assert located.start == 0
    assert raw.key(located.token) == SchemaFile("schemas/order.avsc")


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (SchemaId(7), "schema id 7"),
        (SchemaGuid(GUID), f"schema GUID {GUID}"),
        (SchemaFile("a.avsc"), "schema file a.avsc"),
    ],
)
def test_keys_name_themselves_in_messages(key: SchemaKey, text: str) -> None:
    """What a person can look for in the registry."""
    assert str(key) == text


PRINT = bytes.fromhex("63dd24e7cc258f8a")[::-1]
"""Of the schema `"null"`, as the specification of Avro writes it in its order of the wire."""

SINGLE = SingleObjectFormat({PRINT: "null.avsc"})


def test_a_single_object_names_its_schema_by_its_fingerprint() -> None:
    """Magic, eight bytes, body; headers mean nothing here."""
    headers = [("__value_schema_id", ID_TOKEN)]
    located = SINGLE.locate_body(_record(b"\xc3\x01" + PRINT + b"body", headers))
    assert (SINGLE.key(located.token), located.start) == (SchemaFile("null.avsc"), 10)


@pytest.mark.parametrize(
    ("value", "reason", "offset", "told"),
    [
        (ID_TOKEN + b"body", "wrong_magic_byte", 0, "0x00"),
        (b"\xc3\x02" + PRINT, "wrong_magic_byte", 1, "0x02"),
        (b"", "too_short", 0, "takes 10"),
        (b"\xc3", "too_short", 1, "takes 10"),
        (b"\xc3\x01" + PRINT[:-1], "too_short", 9, "takes 10"),
    ],
)
def test_what_is_no_single_object_is_poison(
    value: bytes, reason: str, offset: int, told: str
) -> None:
    """The message says where it is wrong and how to set it right."""
    with pytest.raises(PoisonRecord) as refusal:
        SINGLE.locate_body(_record(value))
    assert refusal.value.stage == "decode"
    assert (refusal.value.reason, refusal.value.byte_offset) == (reason, offset)
    assert told in str(refusal.value)
    assert "wire_format" in str(refusal.value)


def test_a_fingerprint_that_no_file_has_is_named() -> None:
    """As a number is written, the other way round than on the wire."""
    with pytest.raises(PoisonRecord, match="fingerprint 63dd24e7cc258f8a") as refusal:
        SingleObjectFormat({}).key(PRINT)
    assert (refusal.value.stage, refusal.value.reason) == ("decode", "unknown_fingerprint")
    assert refusal.value.byte_offset == 2
