"""Makes the function that reads the bodies of a schema; each reader falls back on a slower one.

1. A generated function (`projection/`) reads the wanted fields.
2. fastavro reads bodies that the generated function refuses, if the schema is bounded.
3. `walker` reads bodies that fastavro refuses, or reports what is wrong with them.

fastavro gets a schema rebuilt from the type tree, without defaults, docs, logical types or names
that it might refuse. Two changes after parsing add checks at no cost:
- Enum symbols and union branches are looked up in dictionaries, so that a negative index fails.
  In a list, -1 would be the last one.
- A union at the root is resolved here, which also gives the name of the record that was written.
Bytes after the end of the value are an error.

fastavro accepts some bodies that the specification forbids: a boolean of 7 (true), an `int` of
more than 32 bits, numbers of more than ten bytes, a wrong block size. These values are harmless,
and checks for them would cost more than they find.

If fastavro fails, `walker` reads the same body again and reports where it is damaged. If `walker`
succeeds, its value counts, because `walker` follows the specification.
"""

from collections.abc import Callable, Collection
from io import BytesIO
from typing import Any

from fastavro import parse_schema, schemaless_reader

from bridge.avro.projection.project import FieldPath, project
from bridge.avro.walker import Read, read_index, walk
from bridge.schema.limits import is_bounded
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

NameOf = Callable[[bytes, int], str | None]
"""Takes a record's value and the offset of its body; returns the full name of the root record."""


def make_reader(schema: Schema) -> Read:
    """Make the fastest safe reader for bodies of this schema."""
    if not is_bounded(schema):
        return lambda data, start: walk(schema, data, start)
    root = schema.resolve(schema.root)
    return _union_reader(schema, root) if isinstance(root, Union) else _fastavro_reader(schema)


def make_projecting_reader(schema: Schema, paths: Collection[FieldPath]) -> Read:
    """Make the fastest safe reader for at least these paths (`()` is the whole value)."""
    slow = make_reader(schema)
    fast = project(schema, paths, to_end=True)
    if fast is None:
        return slow

    def read(data: bytes, start: int) -> object:
        try:
            return fast(data, start)
        except Exception:  # the slower readers give a better error, or the value
            return slow(data, start)

    return read


def make_name_of(schema: Schema) -> NameOf:
    """Make the function that finds the record's full name; in a union it depends on the value."""
    if not isinstance(schema.root, Union):
        name = record_name(schema, schema.root)
        return lambda data, start: name
    names = [record_name(schema, branch) for branch in schema.root.branches]
    return lambda data, start: names[read_index(data, start)[0]]


def record_name(schema: Schema, type_: Type) -> str | None:
    """The full name of a record type, or None for any other type."""
    type_ = schema.resolve(type_)
    return type_.name if isinstance(type_, Record) else None


def _fastavro_reader(schema: Schema) -> Read:
    parsed = _fastavro_schema(schema)

    def read(data: bytes, start: int) -> object:
        stream = BytesIO(data)
        stream.seek(start)
        try:
            value: object = schemaless_reader(stream, parsed, None)
        except Exception:  # fastavro raises a dozen types; walker reports the cause
            return walk(schema, data, start)
        return value if stream.tell() == len(data) else walk(schema, data, start)

    return read


def _union_reader(schema: Schema, union: Union) -> Read:
    readers = [_fastavro_reader(Schema(branch, schema.names)) for branch in union.branches]

    def read(data: bytes, start: int) -> object:
        index, body = read_index(data, start)
        if 0 <= index < len(readers):
            return readers[index](data, body)
        return walk(schema, data, start)

    return read


def _fastavro_schema(schema: Schema) -> Any:
    """The schema in fastavro's own form, with the changes that the module's docstring lists."""
    emitter = _Emitter(schema)
    parsed = parse_schema(emitter.emit(schema.root))
    emitter.reject_negative_indexes(parsed)
    return parsed


class _Emitter:
    """Writes the type tree as a schema with generated type names (`T0`, `T1` …)."""

    def __init__(self, schema: Schema) -> None:
        self._names = schema.names
        self._generated_names: dict[str, str] = {}
        self._symbols: dict[str, dict[int, str]] = {}

    def emit(self, type_: Type) -> Any:
        match type_:
            case Primitive(name):
                return name
            case Reference(name):
                known = self._generated_names.get(name)
                return known if known is not None else self._define(self._names[name])
            case Union(branches):
                return [self.emit(branch) for branch in branches]
            case Array(items):
                return {"type": "array", "items": self.emit(items)}
            case Map(values):
                return {"type": "map", "values": self.emit(values)}
        raise TypeError(f"expected a reference to a named type, not {type(type_).__name__}")

    def _define(self, named: Record | Enum | Fixed) -> Any:
        generated_name = self._generated_names[named.name] = f"T{len(self._generated_names)}"
        match named:
            case Enum(symbols=symbols):
                self._symbols[generated_name] = dict(enumerate(symbols))
                placeholders = [f"S{i}" for i in range(len(symbols))]
                return {"type": "enum", "name": generated_name, "symbols": placeholders}
            case Fixed(size=size):
                return {"type": "fixed", "name": generated_name, "size": size}
            case Record(fields=fields):
                written = [{"name": f.name, "type": self.emit(f.type)} for f in fields]
                return {"type": "record", "name": generated_name, "fields": written}

    def reject_negative_indexes(self, parsed: Any) -> None:
        """Replace the list of every enum and union in the parsed schema with a dictionary."""
        seen: set[int] = set()
        pending = [parsed]
        while pending:
            node = pending.pop()
            if id(node) in seen or not isinstance(node, dict):
                continue
            seen.add(id(node))
            if node["type"] == "enum":
                node["symbols"] = self._symbols[node["name"]]
            for holder, key in _inner_types(node):
                if isinstance(holder[key], list):
                    holder[key] = {"type": "union", **dict(enumerate(holder[key]))}
                inner = holder[key]
                if isinstance(inner, dict) and inner["type"] == "union":
                    pending.extend(branch for key, branch in inner.items() if key != "type")
                else:
                    pending.append(inner)
            pending.extend(node.get("__named_schemas", {}).values())


def _inner_types(node: dict[str, Any]) -> list[tuple[dict[str, Any], str]]:
    """The places of a type's inner types: the object that contains each, and its key."""
    places = [(field, "type") for field in node.get("fields", ())]
    return places + [(node, key) for key in ("items", "values") if key in node]
