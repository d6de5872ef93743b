"""From a schema to the function that reads its bodies; the faster ones fall back on the slower.

A generated function (`projection/`) reads what is wanted; fastavro what that finds unusual, where
the schema keeps it from running for long; `walker` what fastavro refuses, or says what is wrong.

fastavro gets a schema made anew from the type tree: no defaults, docs, logical types or odd
names that it might refuse, and two changes after parsing, which close holes at no cost:
- the symbols of an enum and the branches of a union are looked up in dictionaries, so that a
  negative index fails; in a list, -1 would be the last one.
- a union at the root is opened here, which also tells the name of the record that was written.
What is written of a body must be all of it: bytes left over are an error.

What fastavro accepts though the specification does not, left so because each value stays
harmless and its check would cost more than it finds: a boolean of 7 (true), an `int` of more
than 32 bits, numbers written in more than ten bytes, a wrong size of a block.

When fastavro fails, `walker` reads the same body again and says where it breaks. Should it
succeed, the value is taken: the specification is on its side, and a record is saved.
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
"""Value of a record and the offset of its body -> the full name of the root's record."""


def make_reader(schema: Schema) -> Read:
    """The fastest safe way to read bodies of this schema."""
    if not is_bounded(schema):
        return lambda data, start: walk(schema, data, start)
    root = schema.resolve(schema.root)
    return _union_reader(schema, root) if isinstance(root, Union) else _fast_reader(schema)


def make_reader_of(schema: Schema, paths: Collection[FieldPath]) -> Read:
    """The fastest safe way to read at least these paths (`()`: all) of bodies of this schema."""
    slow = make_reader(schema)
    fast = project(schema, paths, to_end=True)
    if fast is None:
        return slow

    def read(data: bytes, start: int) -> object:
        try:
            return fast(data, start)
        except Exception:  # whatever it was: the others say it better, or have the value after all
            return slow(data, start)

    return read


def make_name_of(schema: Schema) -> NameOf:
    """How to learn the record's full name, which differs by value where the root is a union."""
    if not isinstance(schema.root, Union):
        name = record_name(schema, schema.root)
        return lambda data, start: name
    names = [record_name(schema, branch) for branch in schema.root.branches]
    return lambda data, start: names[read_index(data, start)[0]]


def record_name(schema: Schema, type_: Type) -> str | None:
    """The full name of a type that is a record."""
    type_ = schema.resolve(type_)
    return type_.name if isinstance(type_, Record) else None


def _fast_reader(schema: Schema) -> Read:
    parsed = _for_fastavro(schema)

    def read(data: bytes, start: int) -> object:
        stream = BytesIO(data)
        stream.seek(start)
        try:
            value: object = schemaless_reader(stream, parsed, None)
        except Exception:  # fastavro raises a dozen kinds; walker says what it was
            return walk(schema, data, start)
        return value if stream.tell() == len(data) else walk(schema, data, start)

    return read


def _union_reader(schema: Schema, union: Union) -> Read:
    readers = [_fast_reader(Schema(branch, schema.names)) for branch in union.branches]

    def read(data: bytes, start: int) -> object:
        index, body = read_index(data, start)
        if 0 <= index < len(readers):
            return readers[index](data, body)
        return walk(schema, data, start)

    return read


def _for_fastavro(schema: Schema) -> Any:
    """The schema in fastavro's own form; see the top of the file for what is changed in it."""
    emitter = _Emitter(schema)
    parsed = parse_schema(emitter.emit(schema.root))
    emitter.close_holes(parsed)
    return parsed


class _Emitter:
    """Writes the tree as a schema in which types are numbered (`T0`, `T1` …)."""

    def __init__(self, schema: Schema) -> None:
        self._names = schema.names
        self._numbers: dict[str, str] = {}
        self._symbols: dict[str, dict[int, str]] = {}

    def emit(self, type_: Type) -> Any:
        match type_:
            case Primitive(name):
                return name
            case Reference(name):
                known = self._numbers.get(name)
                return known if known is not None else self._define(self._names[name])
            case Union(branches):
                return [self.emit(branch) for branch in branches]
            case Array(items):
                return {"type": "array", "items": self.emit(items)}
            case Map(values):
                return {"type": "map", "values": self.emit(values)}
        raise TypeError(f"a named type stands behind a reference, not {type(type_).__name__}")

    def _define(self, named: Record | Enum | Fixed) -> Any:
        number = self._numbers[named.name] = f"T{len(self._numbers)}"
        match named:
            case Enum(symbols=symbols):
                self._symbols[number] = dict(enumerate(symbols))
                placeholders = [f"S{i}" for i in range(len(symbols))]
                return {"type": "enum", "name": number, "symbols": placeholders}
            case Fixed(size=size):
                return {"type": "fixed", "name": number, "size": size}
            case Record(fields=fields):
                written = [{"name": f.name, "type": self.emit(f.type)} for f in fields]
                return {"type": "record", "name": number, "fields": written}

    def close_holes(self, parsed: Any) -> None:
        """Give every enum and union of the parsed schema a dictionary in place of its list."""
        seen: set[int] = set()
        waiting = [parsed]
        while waiting:
            node = waiting.pop()
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
                    waiting.extend(branch for key, branch in inner.items() if key != "type")
                else:
                    waiting.append(inner)
            waiting.extend(node.get("__named_schemas", {}).values())


def _inner_types(node: dict[str, Any]) -> list[tuple[dict[str, Any], str]]:
    """Where the types stand that this one is made of: (the object that holds it, its key)."""
    found = [(field, "type") for field in node.get("fields", ())]
    return found + [(node, key) for key in ("items", "values") if key in node]
