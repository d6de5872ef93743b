"""Parses a writer schema's JSON, and the schemas it references, into the frozen type tree.

Invariants: lenient if records can still be read: defaults are not checked, names may contain any
character, types may be wrapped in types, comments are allowed. Strict if records cannot be read:
unknown names, one name with two definitions. Names come only from the schema.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, cast, get_args

from bridge.schema.logical_types import logical_of, why_ignored
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
"""Maximum nesting of types in one schema; deeper nesting is a mistake or an attack."""

_PRIMITIVES = frozenset(get_args(PrimitiveName))
_NAMED = frozenset({"record", "error", "enum", "fixed"})
_COMMENT = re.compile(r'("(?:\\.|[^"\\])*")|//[^\n]*|/\*.*?\*/', re.DOTALL)


class UnusableSchema(Exception):
    """A writer schema that cannot be used to read records; the message names the place in it."""


def parse_schema(text: str, references: Mapping[str, str] = MappingProxyType({})) -> Schema:
    """Parse a schema; `references` are the schemas it needs, each after its own references.

    They map a label for messages to the schema's text. Raises UnusableSchema.
    """
    parser = _Parser()
    for label, reference in references.items():
        parser.parse_reference(label, _load_json(reference))
    return Schema(parser.parse(_load_json(text)), dict(parser.names))


def parse_defaults(texts: Sequence[str]) -> Mapping[tuple[str, str], object]:
    """The defaults in schema texts (references first), by full record name and field name.

    Only writers of records need defaults, so the type tree has none. Raises UnusableSchema.
    """
    parser = _Parser()
    for text in texts:
        parser.parse(_load_json(text))
    return parser.defaults


def _load_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return json.loads(_COMMENT.sub(lambda match: match[1] or " ", text))
    except RecursionError:
        raise UnusableSchema("the schema is nested too deeply") from None
    except ValueError as error:
        raise UnusableSchema(f"the schema is not JSON: {error}") from None


class _Parser:
    """Parses schemas that share their names.

    For messages, `_location` is the path in the JSON, `_reference` the label of the reference that
    is parsed ("" for the schema itself), and `_defined_in` the one that first defined each name.
    """

    def __init__(self) -> None:
        self.names: dict[str, Named] = {}
        self._reference = ""
        self._defined_in: dict[str, str] = {}
        self.defaults: dict[tuple[str, str], object] = {}
        self._known: set[str] = set()
        self._location: list[str] = []

    def parse_reference(self, label: str, node: object) -> None:
        """Parse a schema whose types the following ones use."""
        self._reference = label
        self.parse(node)
        self._reference = ""

    def parse(self, node: object, namespace: str = "") -> Type:
        """Parse one type."""
        if isinstance(node, str):
            return self._named_or_primitive(node, namespace)
        if isinstance(node, list):
            branches = [
                self._parse_at(f"[{i}]", branch, namespace) for i, branch in enumerate(node)
            ]
            return Union(tuple(branches))
        if isinstance(node, dict):
            return self._parse_object(cast("Mapping[str, Any]", node), namespace)
        raise self._error(f"a type must be a name, a list or an object, not {type(node).__name__}")

    def _parse_at(self, step: str, node: object, namespace: str) -> Type:
        with self._inside(step):
            return self.parse(node, namespace)

    @contextmanager
    def _inside(self, step: str) -> Iterator[None]:
        self._location.append(step)
        if len(self._location) > NESTING_MAX:
            raise self._error(f"types are nested more than {NESTING_MAX} levels deep")
        yield
        self._location.pop()

    def _named_or_primitive(self, name: str, namespace: str) -> Type:
        if name in _PRIMITIVES:
            return Primitive(cast("PrimitiveName", name))
        inner = f"{namespace}.{name}" if namespace and "." not in name else name
        for candidate in (inner, name):
            if candidate in self._known:
                return Reference(candidate)
        raise self._error(
            f"the type {inner!r} is not defined before its use; check that the schema's "
            "references include it"
        )

    def _parse_object(self, node: Mapping[str, Any], namespace: str) -> Type:
        kind = node.get("type")
        if kind is None:
            raise self._error("the type has no `type`")
        if kind == "array":
            return Array(self._parse_at(".items", self._require(node, "items"), namespace))
        if kind == "map":
            return Map(self._parse_at(".values", self._require(node, "values"), namespace))
        if isinstance(kind, str) and kind in _NAMED:
            return self._define(kind, node, namespace)
        return self._add_logical(self._parse_at(".type", kind, namespace), node)

    def _define(self, kind: str, node: Mapping[str, Any], namespace: str) -> Reference:
        own_namespace, name = self._full_name(node, namespace)
        self._known.add(name)
        named: Named
        if kind == "enum":
            named = Enum(name, self._symbols(node))
        elif kind == "fixed":
            named = self._fixed(name, node)
        else:
            aliases = tuple(
                _qualified(alias, own_namespace) for alias in _strings(node.get("aliases"))
            )
            named = Record(name, self._fields(node, own_namespace, name), aliases)
        other = self._defined_in.setdefault(name, self._reference)
        if self.names.setdefault(name, named) != named:
            where = (
                ""
                if other == self._reference
                else f", the other one in {other}: reference one version"
            )
            raise self._error(f"the type {name!r} has two different definitions{where}")
        return Reference(name)

    def _full_name(self, node: Mapping[str, Any], namespace: str) -> tuple[str, str]:
        name = self._require(node, "name")
        own_namespace = node.get("namespace", namespace)
        if not isinstance(name, str) or not isinstance(own_namespace, str | None):
            raise self._error("`name` and `namespace` must be strings")
        full = _qualified(name, own_namespace or "")
        return full.rpartition(".")[0], full

    def _symbols(self, node: Mapping[str, Any]) -> tuple[str, ...]:
        symbols = self._require(node, "symbols")
        if not isinstance(symbols, list) or not all(isinstance(s, str) for s in symbols):
            raise self._error("the `symbols` of an enum must be a list of strings")
        return tuple(symbols)

    def _fixed(self, name: str, node: Mapping[str, Any]) -> Fixed:
        size = self._require(node, "size")
        if type(size) is not int or size < 0:
            raise self._error("the `size` of a fixed must be an integer of at least 0")
        logical = logical_of("fixed", node, size)
        ignored = "" if logical else why_ignored("fixed", node, size)
        return Fixed(name, size, logical, ignored)

    def _fields(self, node: Mapping[str, Any], namespace: str, record: str) -> tuple[Field, ...]:
        fields = self._require(node, "fields")
        if not isinstance(fields, list):
            raise self._error("the `fields` of a record must be a list")
        parsed = []
        for i, field in enumerate(fields):
            with self._inside(f".fields[{i}]"):
                parsed.append(self._field(field, namespace))
                if "default" in field:
                    self.defaults[record, parsed[-1].name] = field["default"]
        return tuple(parsed)

    def _field(self, node: object, namespace: str) -> Field:
        if not isinstance(node, dict):
            raise self._error("a field must be an object")
        name = self._require(node, "name")
        if not isinstance(name, str):
            raise self._error("a field's `name` must be a string")
        type_ = self._parse_at(".type", self._require(node, "type"), namespace)
        return Field(name, self._add_logical(type_, node), tuple(_strings(node.get("aliases"))))

    def _add_logical(self, type_: Type, attributes: Mapping[str, Any]) -> Type:
        """The type with the logical type in `attributes`, if it has none of its own."""
        if isinstance(type_, Union):
            return Union(tuple(self._with_logical(b, attributes) for b in type_.branches))
        if isinstance(type_, Primitive) and type_.logical is None:
            logical = logical_of(type_.name, attributes)
            ignored = "" if logical else type_.ignored or why_ignored(type_.name, attributes)
            return Primitive(type_.name, logical, ignored)
        return type_

    def _with_logical(self, branch: Type, attributes: Mapping[str, Any]) -> Type:
        """A union's branch with the logical type next to the union, if it is meant for it."""
        added = self._add_logical(branch, attributes)
        return branch if isinstance(added, Primitive) and added.logical is None else added

    def _require(self, node: Mapping[str, Any], key: str) -> Any:
        if key not in node:
            raise self._error(f"missing `{key}`")
        return node[key]

    def _error(self, message: str) -> UnusableSchema:
        location = "".join(self._location).lstrip(".")
        where = f"at {location}: " if location else ""
        reference = f"in {self._reference}: " if self._reference else ""
        return UnusableSchema(f"{reference}{where}{message}")


def _qualified(name: str, namespace: str) -> str:
    return f"{namespace}.{name}" if namespace and "." not in name else name


def _strings(node: object) -> list[str]:
    return [text for text in node if isinstance(text, str)] if isinstance(node, list) else []
