"""What a schema allows its values to do to a reader: how deep, how many from how few bytes.

Law: fastavro has no bounds. It dies with a segmentation fault at some 4,700 levels of nesting,
and reads a million items out of five bytes where an item takes none. Schemas that allow either
are read by `walker`, which is bounded; all others cannot do harm.
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
"""Records, arrays and maps within each other in one value, as Apache Avro limits them too."""

VALUES_MAX = 100_000
"""Values that need no byte of their own, within one value."""


def is_bounded(schema: Schema) -> bool:
    """True when no payload can make an unbounded reader nest deep or grow beyond its bytes."""
    try:
        return SchemaLimits(schema).is_bounded()
    except RecursionError:  # hundreds of types, each within the next
        return False


class SchemaLimits:
    """The facts of each named type, worked out once."""

    def __init__(self, schema: Schema) -> None:
        self._names = schema.names
        self._root = schema.root
        self._sizes: dict[str, bool] = {}
        self._weights: dict[str, tuple[int, int]] = {}

    def is_bounded(self) -> bool:
        """Whether a reader without bounds can do no harm."""
        if self._is_recursive():
            return False
        depth, values = self._measure(self._root)
        return depth <= DEPTH_MAX and values <= VALUES_MAX and not self.has_free_items()

    def _is_recursive(self) -> bool:
        """True when types refer to each other in a circle: what only leads on is taken away."""
        users: dict[str, list[str]] = {name: [] for name in self._names}
        open_ends = {}
        for name, named in self._names.items():
            needs = set(_references(named))
            open_ends[name] = len(needs)
            for needed in needs:
                users[needed].append(name)
        ready = [name for name, count in open_ends.items() if not count]
        for name in ready:  # grows while it is read
            for user in users[name]:
                open_ends[user] -= 1
                if not open_ends[user]:
                    ready.append(user)
        return len(ready) < len(self._names)

    def has_free_items(self) -> bool:
        """Whether a list can hold items that take no byte."""
        types = [self._root, *self._names.values()]
        return any(
            self._is_free(inner.items)
            for type_ in types
            for inner in _within(type_)
            if isinstance(inner, Array)
        )

    def _is_free(self, type_: Type) -> bool:
        """True when a value of the type may take no byte."""
        match type_:
            case Reference(name):
                if name not in self._sizes:
                    self._sizes[name] = self._is_free(self._names[name])
                return self._sizes[name]
            case Record(fields=fields):
                return all(self._is_free(field.type) for field in fields)
            case Fixed(size=size):
                return size == 0
            case Primitive(name=name):
                return name == "null"
        return False

    def _measure(self, type_: Type) -> tuple[int, int]:
        """How deep one value can nest, and how many values it holds at least, arrays empty."""
        match type_:
            case Reference(name):
                if name not in self._weights:
                    self._weights[name] = self._measure(self._names[name])
                return self._weights[name]
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


def _within(type_: Type) -> Iterator[Type]:
    """The type and all types written inside it; references are not followed."""
    yield type_
    match type_:
        case Record(fields=fields):
            for field in fields:
                yield from _within(field.type)
        case Union(branches):
            for branch in branches:
                yield from _within(branch)
        case Array(items=inner) | Map(values=inner):
            yield from _within(inner)


def _references(type_: Type) -> Iterator[str]:
    return (inner.name for inner in _within(type_) if isinstance(inner, Reference))
