"""How deep the values of a schema can nest, and how many values its bodies can hold.

Invariants: fastavro gets only schemas whose values are bounded by the length of their body. Its C
reader has no limits of its own: it crashed and hung on values of other schemas. `walker`, which
has limits, reads those.
"""

from collections.abc import Iterator

from bridge.schema.types import (
    Array,
    Fixed,
    Map,
    Primitive,
    Record,
    Reference,
    Schema,
    Type,
    Union,
)

DEPTH_MAX = 100
"""Maximum nesting of records, arrays and maps in one value; Apache Avro has the same limit."""

VALUES_MAX = 100_000
"""Maximum number of values without bytes of their own within one value."""


def is_bounded(schema: Schema) -> bool:
    """Whether the schema limits both the depth of its values and their number per byte."""
    try:
        return SchemaLimits(schema).is_bounded()
    except RecursionError:  # hundreds of nested types
        return False


class SchemaLimits:
    """Computes the limits of a schema; the result for each named type is cached."""

    def __init__(self, schema: Schema) -> None:
        self._names = schema.names
        self._root = schema.root
        self._zero_byte_types: dict[str, bool] = {}
        self._measured: dict[str, tuple[int, int]] = {}

    def is_bounded(self) -> bool:
        """Whether a reader without limits can read values of this schema safely."""
        if self._is_recursive():
            return False
        depth, values = self._measure(self._root)
        return depth <= DEPTH_MAX and values <= VALUES_MAX and not self.has_zero_byte_items()

    def _is_recursive(self) -> bool:
        """Whether any types refer to each other in a cycle (topological sort)."""
        users: dict[str, list[str]] = {name: [] for name in self._names}
        unresolved = {}
        for name, named in self._names.items():
            needs = set(_references(named))
            unresolved[name] = len(needs)
            for needed in needs:
                users[needed].append(name)
        ready = [name for name, count in unresolved.items() if not count]
        for name in ready:  # grows during the iteration
            for user in users[name]:
                unresolved[user] -= 1
                if not unresolved[user]:
                    ready.append(user)
        return len(ready) < len(self._names)

    def has_zero_byte_items(self) -> bool:
        """Whether an array can hold items that take no bytes."""
        types = [self._root, *self._names.values()]
        return any(
            self._takes_no_bytes(inner.items)
            for type_ in types
            for inner in _nested_types(type_)
            if isinstance(inner, Array)
        )

    def _takes_no_bytes(self, type_: Type) -> bool:
        """Whether a value of the type can take no bytes."""
        match type_:
            case Reference(name):
                if name not in self._zero_byte_types:
                    self._zero_byte_types[name] = self._takes_no_bytes(self._names[name])
                return self._zero_byte_types[name]
            case Record(fields=fields):
                return all(self._takes_no_bytes(field.type) for field in fields)
            case Fixed(size=size):
                return size == 0
            case Primitive(name=name):
                return name == "null"
        return False

    def _measure(self, type_: Type) -> tuple[int, int]:
        """Maximum depth of one value, and the number of values in it while arrays are empty."""
        match type_:
            case Reference(name):
                if name not in self._measured:
                    self._measured[name] = self._measure(self._names[name])
                return self._measured[name]
            case Record(fields=fields):
                parts = [self._measure(field.type) for field in fields]
                return 1 + max((d for d, _ in parts), default=0), 1 + sum(v for _, v in parts)
            case Union(branches):
                parts = [self._measure(branch) for branch in branches]
                return max((d for d, _ in parts), default=0), max((v for _, v in parts), default=1)
            case Array(items=inner) | Map(values=inner):
                depth, values = self._measure(inner)
                return 1 + depth, values
        return 0, 1


def _nested_types(type_: Type) -> Iterator[Type]:
    """The type and all types inside it, without following references."""
    yield type_
    match type_:
        case Record(fields=fields):
            for field in fields:
                yield from _nested_types(field.type)
        case Union(branches):
            for branch in branches:
                yield from _nested_types(branch)
        case Array(items=inner) | Map(values=inner):
            yield from _nested_types(inner)


def _references(type_: Type) -> Iterator[str]:
    return (inner.name for inner in _nested_types(type_) if isinstance(inner, Reference))
