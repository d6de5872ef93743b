"""Wire formats: the schema token of a value, and the offset of its body."""

import pytest

from bridge.avro.wire_formats import (
    ConfluentFormat,
    RawFormat,
    SchemaFile,
    SchemaGuid,
    SchemaId,
    SchemaKey,
    SingleObjectFormat,
    in_context,
)
from bridge.errors import PoisonRecord
from bridge.records import Assignment, Headers, Record

GUID = "01234567-89ab-cdef-0123-456789abcdef"
GUID_BYTES = bytes.fromhex(GUID.replace("-", ""))
ID_TOKEN = b"\x00\x00\x01\x02\x03"
GUID_TOKEN = b"\x01" + GUID_BYTES
OTHER = ("other_schema_header", None)
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
        (ID_TOKEN, [("content-type", b"application/avro")], SchemaId(0x010203), 5),
        (ID_TOKEN, [("contentType", b"application/*+avro")], SchemaId(0x010203), 5),
        (ID_TOKEN, [("apicurio.value.encoding", b"BINARY")], SchemaId(0x010203), 5),
        (ID_TOKEN, [("apicurio.value.globalId", None)], SchemaId(0x010203), 5),
        (
            b"body",
            [("__value_schema_id", ID_TOKEN), ("__value_schema_id", GUID_TOKEN)],
            SchemaId(0x010203),
            0,
        ),
    ],
)
def test_confluents_framing_identifies_the_schema(
    value: bytes, headers: Headers | None, key: SchemaKey, start: int
) -> None:
    """Header before prefix, id or GUID in both, the first of several headers."""
    located = CONFLUENT.locate_body(_record(value, headers))
    assert (CONFLUENT.key(located.token), located.start) == (key, start)


@pytest.mark.parametrize(
    ("value", "headers", "reason", "offset", "expected"),
    [
        (b'{"id": 1}', None, "wrong_magic_byte", 0, "0x7b"),
        (b"\x03\x00", None, "wrong_magic_byte", 0, "wire_format"),
        (b"", None, "empty_value", 0, "no tombstone either"),
        (ID_TOKEN[:4], None, "too_short", 4, "takes 5"),
        (GUID_TOKEN[:16], None, "too_short", 16, "takes 17"),
        (ID_TOKEN, [("__value_schema_id", b"")], "bad_schema_header", None, "0 bytes"),
        (ID_TOKEN, [("__value_schema_id", ID_TOKEN + b"x")], "bad_schema_header", None, "6 bytes"),
        (ID_TOKEN, [("__value_schema_id", b"\x02" * 17)], "bad_schema_header", None, "17 bytes"),
        (b"\0" * 9, [("apicurio.value.globalId", b"\0" * 8)], *OTHER, "Apicurio's serializer"),
        (b"\0" * 9, [("apicurio.value.contentId", b"\0" * 8)], *OTHER, "`wire_format: raw`"),
        (ID_TOKEN, [("content-type", b"avro/binary+0f8a")], *OTHER, "Azure's schema registry"),
        (ID_TOKEN, [("contentType", b"application/vnd.paid.v1+avro")], *OTHER, "Spring"),
        (ID_TOKEN, [("contentType", b'"application/vnd.a.b.v12+avro"')], *OTHER, "Spring"),
        (ID_TOKEN, [("contentType", b"application/shop.paid.v3+avro")], *OTHER, "Spring"),
    ],
)
def test_a_value_without_confluents_framing_is_poison(
    value: bytes, headers: Headers | None, reason: str, offset: int | None, expected: str
) -> None:
    """The message says what is wrong, and how to fix it."""
    with pytest.raises(PoisonRecord) as refusal:
        CONFLUENT.locate_body(_record(value, headers))
    assert refusal.value.stage == "decode"
    assert (refusal.value.reason, refusal.value.byte_offset) == (reason, offset)
    assert expected in str(refusal.value)


def test_the_error_for_a_wrong_prefix_contains_no_payload() -> None:
    """Except for the magic byte."""
    with pytest.raises(PoisonRecord) as refusal:
        CONFLUENT.locate_body(_record(b'{"card": "4111 1111"}'))
    assert "4111" not in str(refusal.value)
    assert "card" not in str(refusal.value)


def test_the_raw_format_ignores_headers_and_prefixes() -> None:
    """The body begins at 0, and its schema is the local file."""
    raw = RawFormat("schemas/order.avsc")
    record = _record(ID_TOKEN, [("__value_schema_id", GUID_TOKEN)])
    located = raw.locate_body(record)
    assert located.start == 0
    assert raw.key(located.token) == SchemaFile("schemas/order.avsc")


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (SchemaId(7), "schema id 7"),
        (SchemaId(7, ":.eu:orders-value"), "schema id 7 of :.eu:orders-value"),
        (SchemaGuid(GUID), f"schema GUID {GUID}"),
        (SchemaFile("a.avsc"), "schema file a.avsc"),
    ],
)
def test_keys_are_readable_in_messages(key: SchemaKey, text: str) -> None:
    """An operator can search for them in the registry."""
    assert str(key) == text


@pytest.mark.parametrize(
    ("key", "subject", "found"),
    [
        (SchemaId(7), "orders-value", SchemaId(7)),
        (SchemaId(7), ":.eu:orders-value", SchemaId(7, ":.eu:orders-value")),
        (SchemaId(7), "::orders-value", SchemaId(7)),
        (SchemaGuid(GUID), ":.eu:orders-value", SchemaGuid(GUID)),
        (SchemaFile("a.avsc"), ":.eu:orders-value", SchemaFile("a.avsc")),
    ],
)
def test_only_an_id_depends_on_the_context(key: SchemaKey, subject: str, found: SchemaKey) -> None:
    """Topics of the default context share one key, so each schema is fetched once."""
    assert in_context(key, subject) == found


FINGERPRINT = bytes.fromhex("63dd24e7cc258f8a")[::-1]
"""The fingerprint of the schema `"null"` in wire order."""

SINGLE = SingleObjectFormat({FINGERPRINT: "null.avsc"})


def test_a_single_object_identifies_its_schema_by_fingerprint() -> None:
    """Magic bytes, eight bytes of fingerprint, body; headers are ignored."""
    headers = [("__value_schema_id", ID_TOKEN)]
    located = SINGLE.locate_body(_record(b"\xc3\x01" + FINGERPRINT + b"body", headers))
    assert (SINGLE.key(located.token), located.start) == (SchemaFile("null.avsc"), 10)


@pytest.mark.parametrize(
    ("value", "reason", "offset", "expected"),
    [
        (ID_TOKEN + b"body", "wrong_magic_byte", 0, "0x00"),
        (b"\xc3\x02" + FINGERPRINT, "wrong_magic_byte", 1, "0x02"),
        (b"\xc3", "too_short", 1, "takes 10"),
        (b"\xc3\x01" + FINGERPRINT[:-1], "too_short", 9, "takes 10"),
    ],
)
def test_a_value_that_is_not_a_single_object_is_poison(
    value: bytes, reason: str, offset: int, expected: str
) -> None:
    """The message says what is wrong, and how to fix it."""
    with pytest.raises(PoisonRecord) as refusal:
        SINGLE.locate_body(_record(value))
    assert refusal.value.stage == "decode"
    assert (refusal.value.reason, refusal.value.byte_offset) == (reason, offset)
    assert expected in str(refusal.value)
    assert "wire_format" in str(refusal.value)


def test_an_unknown_fingerprint_is_in_the_message() -> None:
    """In big-endian order, not in wire order."""
    with pytest.raises(PoisonRecord, match="fingerprint 63dd24e7cc258f8a") as refusal:
        SingleObjectFormat({}).key(FINGERPRINT)
    assert (refusal.value.stage, refusal.value.reason) == ("decode", "unknown_fingerprint")
    assert refusal.value.byte_offset == 2
