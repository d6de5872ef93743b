"""The type tree of a writer schema: what `check` and the compiler know about a record.

Invariants: frozen, pure, made by `avro/` and read here. A named type stands once in `Schema.names`;
everywhere else it is a `Reference`, so that recursive schemas have a finite tree.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

PrimitiveName = Literal["null", "boolean", "int", "long", "float", "double", "bytes", "string"]


@dataclass(frozen=True, slots=True)
class Logical:
    """A logical type, wherever it was written (in the type, beside it, or as `connect.name`).

    `name` is Avro's (`decimal`, `timestamp-millis`, `date`, `uuid` …). `precision` and `scale`
    belong to `decimal` only.
    """

    name: str
    precision: int = 0
    scale: int = 0


@dataclass(frozen=True, slots=True)
class Primitive:
    """One of Avro's eight primitive types."""

    name: PrimitiveName
    logical: Logical | None = None


@dataclass(frozen=True, slots=True)
class Fixed:
    """`size` bytes."""

    name: str
    size: int
    logical: Logical | None = None


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
    """Text keys, values of one type."""

    values: "Type"


@dataclass(frozen=True, slots=True)
class Union:
    """One of several types; `null` among them makes a value nullable."""

    branches: tuple["Type", ...]


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a record, with the other names it goes by."""

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

    `root` is the top type (a `Reference` for a record), `names` holds every named type.
    """

    root: Type
    names: Mapping[str, Named]

    def resolve(self, type_: Type) -> Type:
        """The type itself, with a reference followed once."""
        return self.names[type_.name] if isinstance(type_, Reference) else type_
