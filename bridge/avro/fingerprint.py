"""Computes the fingerprint that identifies a schema in Avro's single-object encoding.

Source: the Avro specification 1.12, "Parsing Canonical Form for Schemas" and "Single-object
encoding". The canonical form comes from the type tree, not from fastavro: fastavro refuses some
schemas for their defaults and names, which readers do not need.
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
    """CRC-64-AVRO of a schema: eight bytes in wire order (little-endian)."""
    return bytes.fromhex(fastavro_fingerprint(canonical_form(schema), "CRC-64-AVRO"))


def canonical_form(schema: Schema) -> str:
    """The schema's Parsing Canonical Form."""
    form = _form(schema, schema.root, set())
    return json.dumps(form, ensure_ascii=False, separators=(",", ":"))


def by_fingerprint(schemas: Mapping[str, Schema]) -> dict[bytes, str]:
    """Index schema names by fingerprint.

    Raises:
        SetupError: two schemas have the same fingerprint, so records cannot tell them apart.
    """
    names: dict[bytes, str] = {}
    for name, schema in schemas.items():
        other = names.setdefault(fingerprint(schema), name)
        if other != name:
            message = f"the schemas {other} and {name} have the same fingerprint"
            raise SetupError(f"{message}, so records cannot tell them apart: remove one")
    return names


def _form(schema: Schema, type_: Type, defined: set[str]) -> Any:
    """A type in canonical form; a named type is defined at its first use."""
    match type_:
        case Primitive(name):
            return name
        case Union(branches):
            return [_form(schema, branch, defined) for branch in branches]
        case Array(items):
            return {"type": "array", "items": _form(schema, items, defined)}
        case Map(values):
            return {"type": "map", "values": _form(schema, values, defined)}
        case Reference(name) if name in defined:
            return name
    named = schema.resolve(type_)
    match named:
        case Enum(name=name, symbols=symbols):
            defined.add(name)
            return {"name": name, "type": "enum", "symbols": list(symbols)}
        case Fixed(name=name, size=size):
            defined.add(name)
            return {"name": name, "type": "fixed", "size": size}
        case Record(name=name, fields=fields):
            defined.add(name)
            inner = [{"name": f.name, "type": _form(schema, f.type, defined)} for f in fields]
            return {"name": name, "type": "record", "fields": inner}
    raise TypeError(f"{type(named).__name__} is not an Avro type")
