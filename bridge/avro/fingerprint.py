"""Which schema wrote a single object: the fingerprint of its Parsing Canonical Form.

Source: the Avro specification 1.12, "Parsing Canonical Form for Schemas" and "Single-object
encoding". The form is written from the type tree, not by fastavro, which refuses schemas for
their defaults and names; neither is in the form, or matters to who reads.
"""

import json
from collections.abc import Mapping
from typing import Any

from fastavro.schema import fingerprint as fastavro_fingerprint

from bridge.errors import SetupError
from bridge.schema.types import (
    Array,
    Enum,
    Fixed,
    Map,
    Primitive,
    Record,
    Reference,
    Schema,
    Type,
    Union,
)


def fingerprint(schema: Schema) -> bytes:
    """CRC-64-AVRO of a schema, its eight bytes in the order of the wire (little-endian)."""
    return bytes.fromhex(fastavro_fingerprint(canonical_form(schema), "CRC-64-AVRO"))


def canonical_form(schema: Schema) -> str:
    """The schema's Parsing Canonical Form."""
    form = _form(schema, schema.root, set())
    return json.dumps(form, ensure_ascii=False, separators=(",", ":"))


def by_fingerprint(schemas: Mapping[str, Schema]) -> dict[bytes, str]:
    """The names of schemas by their fingerprints.

    Raises:
        SetupError: two have the same one, so that no record says which of them wrote it.
    """
    found: dict[bytes, str] = {}
    for name, schema in schemas.items():
        other = found.setdefault(fingerprint(schema), name)
        if other != name:
            message = f"the schemas {other} and {name} have the same fingerprint"
            raise SetupError(f"{message}: records cannot say which of them it was; keep one")
    return found


def _form(schema: Schema, type_: Type, written: set[str]) -> Any:
    """A type in canonical form; a named one is written out where it is met first."""
    match type_:
        case Primitive(name):
            return name
        case Union(branches):
            return [_form(schema, branch, written) for branch in branches]
        case Array(items):
            return {"type": "array", "items": _form(schema, items, written)}
        case Map(values):
            return {"type": "map", "values": _form(schema, values, written)}
        case Reference(name) if name in written:
            return name
    named = schema.resolve(type_)
    match named:
        case Enum(name=name, symbols=symbols):
            written.add(name)
            return {"name": name, "type": "enum", "symbols": list(symbols)}
        case Fixed(name=name, size=size):
            written.add(name)
            return {"name": name, "type": "fixed", "size": size}
        case Record(name=name, fields=fields):
            written.add(name)
            inner = [{"name": f.name, "type": _form(schema, f.type, written)} for f in fields]
            return {"name": name, "type": "record", "fields": inner}
    raise TypeError(f"{type(named).__name__} is no type of Avro")
