"""Bodies and schemas of which several test files make use; fastavro is the encoder."""

import json
from io import BytesIO
from typing import Any

from fastavro import parse_schema as parse_for_fastavro
from fastavro import schemaless_writer

from bridge.schema.parser import parse_schema
from bridge.schema.types import Schema

ADDRESS = {
    "type": "record",
    "name": "Address",
    "fields": [{"name": "street", "type": "string"}, {"name": "zip", "type": ["null", "int"]}],
}
PAYMENT = {
    "type": "record",
    "name": "shop.Payment",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "status", "type": {"type": "enum", "name": "Status", "symbols": ["OK", "FAILED"]}},
        {"name": "customer", "type": {
            "type": "record", "name": "Customer", "fields": [{"name": "address", "type": ADDRESS}],
        }},
        {"name": "paid", "type": "boolean"},
        {"name": "items", "type": {"type": "array", "items": "Address"}},
        {"name": "meta", "type": {"type": "map", "values": "double"}},
    ],
}  # fmt: skip
PAYMENT_VALUE: dict[str, Any] = {
    "id": "pay-1",
    "status": "FAILED",
    "customer": {"address": {"street": "Rue du Lac 1", "zip": 1003}},
    "paid": True,
    "items": [{"street": "a", "zip": None}, {"street": "b", "zip": -5}],
    "meta": {"x.y": 1.5, "z": -0.25},
}
NODE = {
    "type": "record",
    "name": "Node",
    "fields": [{"name": "id", "type": "int"}, {"name": "next", "type": ["null", "Node"]}],
}


def tree(node: Any) -> Schema:
    """The type tree of a schema given as plain data."""
    return parse_schema(json.dumps(node))


def encode(node: Any, value: Any) -> bytes:
    """The Avro body of a value."""
    stream = BytesIO()
    schemaless_writer(stream, parse_for_fastavro(node), value)
    return stream.getvalue()


def long(number: int) -> bytes:
    """A number as Avro writes it."""
    return encode("long", number)
