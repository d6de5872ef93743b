"""What the bytes of a value look like that is not in the wire format of its topic."""

import io
import json
import struct

import fastavro
import pytest

from bridge.avro.format_guess import guess_format
from bridge.schema.parser import parse_schema

SCHEMA = {
    "type": "record",
    "name": "Paid",
    "fields": [{"name": "n", "type": "long"}, {"name": "user", "type": "string"}],
}


def _body() -> bytes:
    body = io.BytesIO()
    fastavro.schemaless_writer(body, SCHEMA, {"n": 7, "user": "usr:1"})
    return body.getvalue()


def _protobuf() -> bytes:
    """Field 1: 150, field 2: a text, field 3: a double, field 4: a float."""
    text = b"\x12\x05usr:1"
    return b"\x08\x96\x01" + text + b"\x19" + struct.pack("<d", 9.5) + b"\x25" + bytes(4)


BODY = _body()
UUID = bytes(range(16))


@pytest.mark.parametrize(
    ("value", "wire_format", "looks_like"),
    [
        (b'{"user": "usr:1"}', "confluent", "JSON"),
        (b' [{"user": "usr:1"}]\n', "raw", "JSON"),
        (b"<paid><user>usr:1</user></paid>", "confluent", "XML"),
        (b"Obj\x01" + BODY, "confluent", "Avro files with their schema"),
        (b"\x03\x00" + UUID + BODY, "raw", "the framing of the AWS Glue Schema Registry"),
        (bytes(8) + b"\x07" + BODY, "confluent", "ids of 8 bytes"),
        (b"\xc3\x01" + bytes(8) + BODY, "confluent", "the wire format `single_object`"),
        (b"\x00\x00\x00\x00\x07" + BODY, "raw", "the wire format `confluent`"),
        (b"\x01" + UUID + BODY, "single_object", "the wire format `confluent`"),
        (b"\x00\x00\x00\x00\x07" + BODY, "confluent", "`confluent` around something else"),
        (BODY, "confluent", "Avro without a prefix (`raw`)"),
        (_protobuf(), "confluent", "Protobuf"),
        (_protobuf()[:-1], "confluent", "no format that the bridge knows"),
        (b"\xff" * 30, "confluent", "no format that the bridge knows"),
        (b"{not JSON", "confluent", "no format that the bridge knows"),
        (b"", "confluent", "no format that the bridge knows"),
    ],
)
def test_a_format_is_guessed_from_the_bytes(
    value: bytes, wire_format: str, looks_like: str
) -> None:
    """The guess never contains any of them."""
    guess = guess_format(value, wire_format, parse_schema(json.dumps(SCHEMA)))
    assert looks_like in guess.looks_like
    assert "usr:1" not in "".join(guess)


def test_without_a_schema_avro_without_a_prefix_is_not_recognized() -> None:
    """Its bytes alone do not show what they are."""
    assert "no format" in guess_format(BODY, "confluent", None).looks_like


@pytest.mark.parametrize("wire_format", ["confluent", "single_object", "raw"])
def test_the_fix_of_another_wire_format_is_a_setting(wire_format: str) -> None:
    """It names the format and the place in the settings."""
    value = {
        "confluent": b"\x00\x00\x00\x00\x07" + BODY,
        "single_object": b"\xc3\x01" + bytes(8) + BODY,
        "raw": BODY,
    }[wire_format]
    other = "raw" if wire_format != "raw" else "confluent"
    fix = guess_format(value, other, parse_schema(json.dumps(SCHEMA))).fix
    assert f"`wire_format: {wire_format}` under `avro.topics`" in fix
