"""Wire formats: find the schema that wrote a value, and the offset of the Avro body.

Invariants: a topic has one wire format, and nothing is guessed: a wrong guess could decode to
nonsense without an error. A value that does not match the format is a poison record. Messages
contain byte offsets and the magic byte, and nothing else of the payload.

Confluent's format always reads headers before the prefix. If a header names the schema, the value
has no prefix, but its body can begin with the same bytes as a prefix. The bridge would then use a
wrong schema id, and the record might still decode. Reading headers costs 0.7 us for a record with
three headers (a twentieth of a decode) and 0.05 us for one without headers.
"""

import uuid
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, Protocol

from bridge.avro.fingerprint import by_fingerprint
from bridge.avro.schema_headers import SCHEMA_ID_HEADER, refuse_other, schema_header
from bridge.errors import PoisonRecord
from bridge.records import Record
from bridge.schema.types import Schema

_ID_BYTES = 5
_GUID_BYTES = 17
_MAGIC_ID = 0
_MAGIC_GUID = 1
_SINGLE_OBJECT = b"\xc3\x01"
_SINGLE_OBJECT_BYTES = 10
_CHECK_FORMAT = "Check the topic's `wire_format` under `avro.topics`"
_FIX = (
    "If the topic's producers do not use a Confluent serializer, set the topic's `wire_format` "
    "under `avro.topics`"
)


class SchemaId(NamedTuple):
    """A schema's id in a context of the registry: that of `subject`, or the default one."""

    number: int
    subject: str = ""

    def __str__(self) -> str:
        return f"schema id {self.number}" + (f" of {self.subject}" if self.subject else "")


class SchemaGuid(NamedTuple):
    """A schema's GUID, which is the same in every registry."""

    guid: str

    def __str__(self) -> str:
        return f"schema GUID {self.guid}"


class SchemaFile(NamedTuple):
    """A schema in a local file from the settings of a topic."""

    path: str

    def __str__(self) -> str:
        return f"schema file {self.path}"


SchemaKey = SchemaId | SchemaGuid | SchemaFile


def in_context(key: SchemaKey, subject: str) -> SchemaKey:
    """The key of a record whose topic has this subject: ids count per context of the registry.

    A subject without a context leaves the id as it is, so that topics share what is fetched.
    """
    return (
        key._replace(subject=subject) if isinstance(key, SchemaId) and context_of(subject) else key
    )


def context_of(subject: str) -> str:
    """The prefix of a subject that names its context, `:.eu:`; "" is the default context."""
    return subject[: subject.find(":", 2) + 1] if subject.startswith(":.") else ""


class BodyLocation(NamedTuple):
    """The schema token (the raw bytes that identify the schema), and the offset of the body.

    The token is compared and hashed as raw bytes, so that records do not pay for parsing a known
    schema id or GUID.
    """

    token: bytes
    start: int


class WireFormat(Protocol):
    """How the values of a topic identify their schema."""

    name: str
    """The value of the setting `wire_format`."""

    prefix_bytes: int
    """The usual length of the prefix that identifies the schema."""

    reads_headers: bool
    """Whether a header can identify the schema instead."""

    def locate_body(self, record: Record) -> BodyLocation:
        """Find the schema token and the body; raises PoisonRecord for a wrong format."""
        ...

    def key(self, token: bytes) -> SchemaKey:
        """Parse a schema token."""
        ...


class ConfluentFormat:
    """Confluent's framing: the header `__value_schema_id`, or else the prefix of the value.

    Header or prefix: 0x00 and the id (4 bytes, big-endian), or 0x01 and the GUID (16 bytes).
    With the header, the value is the body alone. If there are several such headers, the first one
    counts, as in Confluent's clients. Apicurio 3 writes the same prefix.
    """

    name = "confluent"
    prefix_bytes = _ID_BYTES
    reads_headers = True

    def locate_body(self, record: Record) -> BodyLocation:
        """Find the schema id or GUID; raises PoisonRecord."""
        headers = record.read_headers()
        named = schema_header(headers) if headers else None
        if named is not None:
            name, content = named
            refuse_other(name)
            return BodyLocation(_check_header(content), 0)
        value = record.value or b""
        magic = value[0] if value else -1
        if magic == _MAGIC_ID and len(value) >= _ID_BYTES:
            return BodyLocation(value[:_ID_BYTES], _ID_BYTES)
        if magic == _MAGIC_GUID and len(value) >= _GUID_BYTES:
            return BodyLocation(value[:_GUID_BYTES], _GUID_BYTES)
        raise _prefix_error(value)

    def key(self, token: bytes) -> SchemaKey:
        """Parse the id or the GUID after the magic byte."""
        if token[0] == _MAGIC_ID:
            return SchemaId(int.from_bytes(token[1:], "big"))
        return SchemaGuid(str(uuid.UUID(bytes=bytes(token[1:]))))


class RawFormat:
    """No framing: the whole value is the body, and its schema is a local file."""

    name = "raw"
    prefix_bytes = 0
    reads_headers = False

    def __init__(self, file: str) -> None:
        self._key = SchemaFile(file)

    def locate_body(self, record: Record) -> BodyLocation:
        """Return the same token and the offset 0 for every value."""
        return BodyLocation(b"", 0)

    def key(self, token: bytes) -> SchemaKey:
        """Return the local file."""
        return self._key


class SingleObjectFormat:
    """Avro's single-object encoding: 0xC3 0x01, the schema's fingerprint (8 bytes), the body.

    The fingerprint is CRC-64-AVRO, little-endian. Registries have no lookup by fingerprint, so
    the schemas are local files: `files` maps fingerprints (in wire order) to paths.
    """

    name = "single_object"
    prefix_bytes = _SINGLE_OBJECT_BYTES
    reads_headers = False

    def __init__(self, files: Mapping[bytes, str]) -> None:
        self._keys = {token: SchemaFile(file) for token, file in files.items()}

    def locate_body(self, record: Record) -> BodyLocation:
        """Find the fingerprint; raises PoisonRecord."""
        value = record.value or b""
        if not value:
            raise _empty_value()
        if value[:2] != _SINGLE_OBJECT and not _SINGLE_OBJECT.startswith(value):
            wrong = 0 if value[0] != _SINGLE_OBJECT[0] else 1
            raise PoisonRecord(
                f"byte {wrong} is 0x{value[wrong]:02x}, but Avro's single-object encoding begins "
                f"with 0xc3 0x01. {_CHECK_FORMAT}",
                stage="decode",
                reason="wrong_magic_byte",
                byte_offset=wrong,
            )
        if len(value) < _SINGLE_OBJECT_BYTES:
            raise PoisonRecord(
                f"the value has {len(value)} bytes, but the prefix of Avro's single-object "
                f"encoding takes {_SINGLE_OBJECT_BYTES}. {_CHECK_FORMAT}",
                stage="decode",
                reason="too_short",
                byte_offset=len(value),
            )
        return BodyLocation(value[2:_SINGLE_OBJECT_BYTES], _SINGLE_OBJECT_BYTES)

    def key(self, token: bytes) -> SchemaFile:
        """Find the file whose schema has this fingerprint; raises PoisonRecord."""
        key = self._keys.get(token)
        if key is None:
            raise PoisonRecord(
                f"no schema file has the fingerprint {token[::-1].hex()} (CRC-64-AVRO): add the "
                "schema that wrote the record to the topic's `schema` list under `avro.topics`",
                stage="decode",
                reason="unknown_fingerprint",
                byte_offset=2,
            )
        return key


WIRE_FORMATS: Final[Mapping[str, Callable[[Mapping[str, Schema]], WireFormat]]] = {
    "confluent": lambda _: ConfluentFormat(),
    "raw": lambda files: RawFormat([*files][-1]),
    "single_object": lambda files: SingleObjectFormat(by_fingerprint(files)),
}
"""How to make the formats that the setting `wire_format` names, from a topic's schema files."""


def _check_header(content: bytes) -> bytes:
    sizes = {_MAGIC_ID: _ID_BYTES, _MAGIC_GUID: _GUID_BYTES}
    if content and sizes.get(content[0]) == len(content):
        return content
    raise PoisonRecord(
        f"the header {SCHEMA_ID_HEADER} has {len(content)} bytes, but Confluent's serializers "
        "write 0x00 and a schema id of 4 bytes, or 0x01 and a GUID of 16 bytes. Check what else "
        "writes or changes this header",
        stage="decode",
        reason="bad_schema_header",
    )


def _empty_value() -> PoisonRecord:
    return PoisonRecord(
        "the value has 0 bytes, so it is no Avro value. It is no tombstone either, because those "
        "have no value (null). Check what the producers mean by it",
        stage="decode",
        reason="empty_value",
        byte_offset=0,
    )


def _prefix_error(value: bytes) -> PoisonRecord:
    if not value:
        return _empty_value()
    if value[0] not in (_MAGIC_ID, _MAGIC_GUID):
        return PoisonRecord(
            f"byte 0 is 0x{value[0]:02x} and there is no header {SCHEMA_ID_HEADER}, but "
            f"Confluent's framing begins with 0x00 (schema id) or 0x01 (GUID). {_FIX}",
            stage="decode",
            reason="wrong_magic_byte",
            byte_offset=0,
        )
    needed = _GUID_BYTES if value[:1] == b"\x01" else _ID_BYTES
    return PoisonRecord(
        f"the value has {len(value)} bytes, but the prefix of Confluent's framing takes {needed}. "
        f"{_FIX}",
        stage="decode",
        reason="too_short",
        byte_offset=len(value),
    )
