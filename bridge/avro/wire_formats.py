"""Wire formats: which schema wrote a value, and where in the value its Avro body begins.

Invariants: nothing is guessed. A topic has one wire format, and a value that does not have its
shape is a poison record; a wrong guess would decode to nonsense without an error. Messages name
bytes by their offset and the magic byte by its number, and hold nothing else of the payload.

Why headers are read first, always, for Confluent's format: a value without a prefix, whose
schema is named in a header, may begin with any bytes, also with those of a known prefix. Its
schema id would be wrong, and the record might decode all the same. Reading headers costs 0.7 us
for a record that has three (a twentieth of a decode) and 0.05 us for one that has none.
"""

import uuid
from collections.abc import Mapping
from typing import NamedTuple, Protocol

from bridge.errors import PoisonRecord
from bridge.records import Record

SCHEMA_ID_HEADER = "__value_schema_id"
"""Confluent's name for the header that carries a value's schema id (clients since 2.10.1)."""

_ID_BYTES = 5
_GUID_BYTES = 17
_MAGIC_ID = 0
_MAGIC_GUID = 1
_SINGLE_OBJECT = b"\xc3\x01"
_SINGLE_OBJECT_BYTES = 10
_OTHER_FORMAT = "Set the topic's `wire_format` under `avro.topics` if its records are framed so"
_FIX = (
    "If the topic's producers do not use a Confluent serializer, set the topic's `wire_format` "
    "under `avro.topics`"
)


class SchemaId(NamedTuple):
    """A schema's number in the registry."""

    number: int

    def __str__(self) -> str:
        return f"schema id {self.number}"


class SchemaGuid(NamedTuple):
    """A schema's GUID, the same in every registry."""

    guid: str

    def __str__(self) -> str:
        return f"schema GUID {self.guid}"


class SchemaFile(NamedTuple):
    """A schema in a local file, which the settings name for a topic."""

    path: str

    def __str__(self) -> str:
        return f"schema file {self.path}"


SchemaKey = SchemaId | SchemaGuid | SchemaFile


class FramedValue(NamedTuple):
    """The bytes that name the schema, as written, and the offset of the body in the value.

    The bytes are compared and hashed as they are: no record pays for a number or a GUID
    that is known already.
    """

    token: bytes
    start: int


class WireFormat(Protocol):
    """How the values of a topic name their schema."""

    prefix_bytes: int
    """So long is the prefix that names the schema, in front of most values of this format."""

    reads_headers: bool
    """Whether a header may name the schema instead."""

    def locate_body(self, record: Record) -> FramedValue:
        """Find the schema's name and the body; raises PoisonRecord where the shape is wrong."""
        ...

    def key(self, token: bytes) -> SchemaKey:
        """Turn the bytes that name a schema into its key."""
        ...


class ConfluentFormat:
    """Confluent's framing: the header `__value_schema_id`, else the prefix of the value.

    Header or prefix: 0x00 and the id (4 bytes, big-endian), or 0x01 and the GUID (16 bytes).
    With the header the value is the bare body. Of several such headers the first counts, as in
    Confluent's clients. Apicurio 3 writes the same prefix.
    """

    prefix_bytes = _ID_BYTES
    reads_headers = True

    def locate_body(self, record: Record) -> FramedValue:
        """Find id or GUID; raises PoisonRecord."""
        headers = record.read_headers()
        if headers:
            for name, content in headers:
                if name == SCHEMA_ID_HEADER and content is not None:
                    return FramedValue(_whole_token(content), 0)
        value = record.value or b""
        magic = value[0] if value else -1
        if magic == _MAGIC_ID and len(value) >= _ID_BYTES:
            return FramedValue(value[:_ID_BYTES], _ID_BYTES)
        if magic == _MAGIC_GUID and len(value) >= _GUID_BYTES:
            return FramedValue(value[:_GUID_BYTES], _GUID_BYTES)
        raise _prefix_refusal(value)

    def key(self, token: bytes) -> SchemaKey:
        """Read the number or the GUID behind the magic byte."""
        if token[0] == _MAGIC_ID:
            return SchemaId(int.from_bytes(token[1:], "big"))
        return SchemaGuid(str(uuid.UUID(bytes=bytes(token[1:]))))


class RawFormat:
    """No framing: the whole value is one body, written with the schema in a local file."""

    prefix_bytes = 0
    reads_headers = False

    def __init__(self, file: str) -> None:
        self._key = SchemaFile(file)

    def locate_body(self, record: Record) -> FramedValue:
        """Every value has the same schema and begins at 0."""
        return FramedValue(b"", 0)

    def key(self, token: bytes) -> SchemaKey:
        """Name the local file."""
        return self._key


class SingleObjectFormat:
    """Avro's single-object encoding: 0xC3 0x01, the schema's fingerprint (8 bytes), the body.

    The fingerprint is CRC-64-AVRO, little-endian. No registry can be asked for one, so the
    schemas are local files: `files` by fingerprint, as on the wire.
    """

    prefix_bytes = _SINGLE_OBJECT_BYTES
    reads_headers = False

    def __init__(self, files: Mapping[bytes, str]) -> None:
        self._keys = {token: SchemaFile(file) for token, file in files.items()}

    def locate_body(self, record: Record) -> FramedValue:
        """Find the fingerprint; raises PoisonRecord."""
        value = record.value or b""
        if value[:2] != _SINGLE_OBJECT and not _SINGLE_OBJECT.startswith(value):
            wrong = 0 if value[0] != _SINGLE_OBJECT[0] else 1
            raise PoisonRecord(
                f"byte {wrong} is 0x{value[wrong]:02x}; Avro's single-object encoding begins with "
                f"0xc3 0x01. {_OTHER_FORMAT}",
                stage="decode",
                reason="wrong_magic_byte",
                byte_offset=wrong,
            )
        if len(value) < _SINGLE_OBJECT_BYTES:
            raise PoisonRecord(
                f"the value has {len(value)} bytes; Avro's single-object encoding alone takes "
                f"{_SINGLE_OBJECT_BYTES}. {_OTHER_FORMAT}",
                stage="decode",
                reason="too_short",
                byte_offset=len(value),
            )
        return FramedValue(value[2:_SINGLE_OBJECT_BYTES], _SINGLE_OBJECT_BYTES)

    def key(self, token: bytes) -> SchemaFile:
        """Name the file whose schema has this fingerprint; raises PoisonRecord."""
        found = self._keys.get(token)
        if found is None:
            raise PoisonRecord(
                f"no schema file has the fingerprint {token[::-1].hex()} (CRC-64-AVRO): add the "
                "schema that wrote the record to the topic's `schema` list under `avro.topics`",
                stage="decode",
                reason="unknown_fingerprint",
                byte_offset=2,
            )
        return found


def _whole_token(content: bytes) -> bytes:
    sizes = {_MAGIC_ID: _ID_BYTES, _MAGIC_GUID: _GUID_BYTES}
    if content and sizes.get(content[0]) == len(content):
        return content
    raise PoisonRecord(
        f"the header {SCHEMA_ID_HEADER} has {len(content)} bytes; Confluent's serializers write "
        "0x00 and 4 bytes of schema id, or 0x01 and 16 bytes of GUID. Something else "
        "writes or changes this header",
        stage="decode",
        reason="bad_schema_header",
    )


def _prefix_refusal(value: bytes) -> PoisonRecord:
    if value and value[0] not in (_MAGIC_ID, _MAGIC_GUID):
        return PoisonRecord(
            f"byte 0 is 0x{value[0]:02x}; Confluent's framing begins with 0x00 (schema id) or "
            f"0x01 (GUID), or the record has the header {SCHEMA_ID_HEADER}. {_FIX}",
            stage="decode",
            reason="wrong_magic_byte",
            byte_offset=0,
        )
    needed = _GUID_BYTES if value[:1] == b"\x01" else _ID_BYTES
    return PoisonRecord(
        f"the value has {len(value)} bytes; Confluent's framing alone takes {needed}. {_FIX}",
        stage="decode",
        reason="too_short",
        byte_offset=len(value),
    )
