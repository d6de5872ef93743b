"""Schemas and bodies for several test files; fastavro encodes the bodies."""

import inspect
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
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
    """Parse a schema given as plain data."""
    return parse_schema(json.dumps(node))


def encode(node: Any, value: Any) -> bytes:
    """Encode a value as an Avro body."""
    stream = BytesIO()
    schemaless_writer(stream, parse_for_fastavro(node), value)
    return stream.getvalue()


def long(number: int) -> bytes:
    """Encode an Avro long."""
    return encode("long", number)


@contextmanager
def recursion_limit(frames: int) -> Iterator[None]:
    """Leave only so many Python stack frames, so that small inputs reach the recursion limit."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + frames)
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)
