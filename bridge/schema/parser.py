"""A writer schema's JSON, with the schemas it refers to, made into the frozen type tree.

Invariants: lenient where the bytes stay readable (defaults are never looked at, names may hold any
character, types may be wrapped in types, comments are allowed), strict where they do not
(unknown names, one name with two meanings). Names never come from anything but the schema.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast, get_args

from bridge.schema.logical_types import logical_of
from bridge.schema.types import (
    Array,
    Enum,
    Field,
    Fixed,
    Map,
    Named,
    Primitive,
    PrimitiveName,
    Record,
    Reference,
    Schema,
    Type,
    Union,
)

NESTING_MAX = 100
"""Types within types in one schema text; deeper ones are a mistake or an attack."""

_PRIMITIVES = frozenset(get_args(PrimitiveName))
_NAMED = frozenset({"record", "error", "enum", "fixed"})
_COMMENT = re.compile(r'("(?:\\.|[^"\\])*")|//[^\n]*|/\*.*?\*/', re.DOTALL)


class UnusableSchema(Exception):
    """A writer schema with which no record can be read; the message names the place in it."""


def parse_schema(text: str, references: Sequence[str] = ()) -> Schema:
    """Make the tree of a schema; `references` are the texts it needs, in an order to read them.

    Raises UnusableSchema.
    """
    parser = _Parser()
    for reference in references:
        parser.parse(_json(reference))
    return Schema(parser.parse(_json(text)), dict(parser.names))


def parse_defaults(texts: Sequence[str]) -> Mapping[tuple[str, str], object]:
    """The defaults in schema texts (references first), by full name of the record and field.

    Defaults are for who writes a record, so the tree, which is for reading, has none.
    Raises UnusableSchema.
    """
    parser = _Parser()
    for text in texts:
        parser.parse(_json(text))
    return parser.defaults


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return json.loads(_COMMENT.sub(lambda found: found[1] or " ", text))
    except RecursionError:
        raise UnusableSchema("the schema is nested too deep") from None
    except ValueError as error:
        raise UnusableSchema(f"the schema is not JSON: {error}") from None


class _Parser:
    """One schema on its way into a tree; `where` is the path in its JSON, for messages."""

    def __init__(self) -> None:
        self.names: dict[str, Named] = {}
        self.defaults: dict[tuple[str, str], object] = {}
        self._known: set[str] = set()
        self._where: list[str] = []

    def parse(self, node: object, namespace: str = "") -> Type:
        """Make the tree of one type."""
        if isinstance(node, str):
            return self._named_or_primitive(node, namespace)
        if isinstance(node, list):
            branches = [self._at(f"[{i}]", branch, namespace) for i, branch in enumerate(node)]
            return Union(tuple(branches))
        if isinstance(node, dict):
            return self._object(cast("Mapping[str, Any]", node), namespace)
        raise self._refusal(f"a type is a name, a list or an object, not {type(node).__name__}")

    def _at(self, where: str, node: object, namespace: str) -> Type:
        with self._inside(where):
            return self.parse(node, namespace)

    @contextmanager
    def _inside(self, where: str) -> Iterator[None]:
        self._where.append(where)
        if len(self._where) > NESTING_MAX:
            raise self._refusal(f"types are nested more than {NESTING_MAX} deep")
        yield
        self._where.pop()

    def _named_or_primitive(self, name: str, namespace: str) -> Type:
        if name in _PRIMITIVES:
            return Primitive(cast("PrimitiveName", name))
        inner = f"{namespace}.{name}" if namespace and "." not in name else name
        for candidate in (inner, name):
            if candidate in self._known:
                return Reference(candidate)
        raise self._refusal(
            f"the type {inner!r} is not defined before it is used; is it missing from the "
            "schema's references?"
        )

    def _object(self, node: Mapping[str, Any], namespace: str) -> Type:
        kind = node.get("type")
        if kind is None:
            raise self._refusal("a type without `type`")
        if kind == "array":
            return Array(self._at(".items", self._need(node, "items"), namespace))
        if kind == "map":
            return Map(self._at(".values", self._need(node, "values"), namespace))
        if isinstance(kind, str) and kind in _NAMED:
            return self._define(kind, node, namespace)
        return self._with_logical(self._at(".type", kind, namespace), node)

    def _define(self, kind: str, node: Mapping[str, Any], namespace: str) -> Reference:
        space, name = self._full_name(node, namespace)
        self._known.add(name)
        named: Named
        if kind == "enum":
            named = Enum(name, self._symbols(node))
        elif kind == "fixed":
            named = self._fixed(name, node)
        else:
            aliases = tuple(_in_space(alias, space) for alias in _texts(node.get("aliases")))
            named = Record(name, self._fields(node, space, name), aliases)
        if self.names.setdefault(name, named) != named:
            raise self._refusal(f"the type {name!r} is defined twice, with different contents")
        return Reference(name)

    def _full_name(self, node: Mapping[str, Any], namespace: str) -> tuple[str, str]:
        name = self._need(node, "name")
        space = node.get("namespace", namespace)
        if not isinstance(name, str) or not isinstance(space, str | None):
            raise self._refusal("`name` and `namespace` are texts")
        full = _in_space(name, space or "")
        return full.rpartition(".")[0], full

    def _symbols(self, node: Mapping[str, Any]) -> tuple[str, ...]:
        symbols = self._need(node, "symbols")
        if not isinstance(symbols, list) or not all(isinstance(s, str) for s in symbols):
            raise self._refusal("the `symbols` of an enum are a list of texts")
        return tuple(symbols)

    def _fixed(self, name: str, node: Mapping[str, Any]) -> Fixed:
        size = self._need(node, "size")
        if type(size) is not int or size < 0:
            raise self._refusal("the `size` of a fixed is a whole number of bytes")
        return Fixed(name, size, logical_of("fixed", node, size))

    def _fields(self, node: Mapping[str, Any], namespace: str, record: str) -> tuple[Field, ...]:
        fields = self._need(node, "fields")
        if not isinstance(fields, list):
            raise self._refusal("the `fields` of a record are a list")
        found = []
        for i, field in enumerate(fields):
            with self._inside(f".fields[{i}]"):
                found.append(self._field(field, namespace))
                if "default" in field:
                    self.defaults[record, found[-1].name] = field["default"]
        return tuple(found)

    def _field(self, node: object, namespace: str) -> Field:
        if not isinstance(node, dict):
            raise self._refusal("a field is an object")
        name = self._need(node, "name")
        if not isinstance(name, str):
            raise self._refusal("a field's `name` is a text")
        type_ = self._at(".type", self._need(node, "type"), namespace)
        return Field(name, self._with_logical(type_, node), tuple(_texts(node.get("aliases"))))

    def _with_logical(self, type_: Type, attributes: Mapping[str, Any]) -> Type:
        """The type with the logical type that stands beside it, if it has none of its own."""
        if isinstance(type_, Union):
            return Union(tuple(self._with_logical(b, attributes) for b in type_.branches))
        if isinstance(type_, Primitive) and type_.logical is None:
            return Primitive(type_.name, logical_of(type_.name, attributes))
        return type_

    def _need(self, node: Mapping[str, Any], key: str) -> Any:
        if key not in node:
            raise self._refusal(f"`{key}` is missing")
        return node[key]

    def _refusal(self, message: str) -> UnusableSchema:
        where = "".join(self._where).lstrip(".")
        return UnusableSchema(f"at {where}: {message}" if where else message)


def _in_space(name: str, namespace: str) -> str:
    return f"{namespace}.{name}" if namespace and "." not in name else name


def _texts(node: object) -> list[str]:
    return [text for text in node if isinstance(text, str)] if isinstance(node, list) else []
