"""The type tree of a writer schema, which `check` and the compiler read.

Invariants: frozen and pure. A named type is stored once, in `Schema.names`. Everywhere else it is
a `Reference`, so that a recursive schema has a finite tree.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

PrimitiveName = Literal["null", "boolean", "int", "long", "float", "double", "bytes", "string"]


@dataclass(frozen=True, slots=True)
class Logical:
    """A logical type (declared in the type, in the field, or as `connect.name`).

    `name` is Avro's name (`decimal`, `timestamp-millis`, `date`, `uuid` …). Only `decimal` uses
    `precision` and `scale`.
    """

    name: str
    precision: int = 0
    scale: int = 0


@dataclass(frozen=True, slots=True)
class Primitive:
    """One of Avro's primitive types; `ignored` says why a declared logical type is ignored."""

    name: PrimitiveName
    logical: Logical | None = None
    ignored: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Fixed:
    """A type of exactly `size` bytes; `ignored` says why a declared logical type is ignored."""

    name: str
    size: int
    logical: Logical | None = None
    ignored: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Enum:
    """A closed set of symbols."""

    name: str
    symbols: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Array:
    """A list of one type."""

    items: "Type"


@dataclass(frozen=True, slots=True)
class Map:
    """A map from strings to values of one type."""

    values: "Type"


@dataclass(frozen=True, slots=True)
class Union:
    """One of several types; a value is nullable if `null` is one of them."""

    branches: tuple["Type", ...]


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a record, with its aliases."""

    name: str
    type: "Type"
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Record:
    """A record type; `name` is its full name."""

    name: str
    fields: tuple[Field, ...]
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reference:
    """A named type by its full name; look it up in `Schema.names`."""

    name: str


Named = Record | Enum | Fixed
Type = Primitive | Fixed | Enum | Array | Map | Union | Record | Reference


@dataclass(frozen=True, slots=True)
class Schema:
    """A whole writer schema.

    `root` is the top type (a `Reference` for a record). `names` holds every named type.
    """

    root: Type
    names: Mapping[str, Named]

    @property
    def records(self) -> list[Record]:
        """The record types that a whole value can have; none if values are not records."""
        root = self.resolve(self.root)
        branches = root.branches if isinstance(root, Union) else (root,)
        resolved = (self.resolve(branch) for branch in branches)
        return [type_ for type_ in resolved if isinstance(type_, Record)]

    def resolve(self, type_: Type) -> Type:
        """Return the type behind a reference, or the type itself."""
        return self.names[type_.name] if isinstance(type_, Reference) else type_
