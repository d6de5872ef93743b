"""From a value as people write it (JSON, YAML) to the Avro bytes of a schema.

Invariants: a value that does not fit is refused with its path and the types, never with itself.
What can be missing may be left out: a field's default is filled in, and null where it can be null.
The bytes are written here and read by the same reader as Kafka's, so each checks the other.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from bridge.avro.literals import LiteralMismatch, found
from bridge.avro.scalars import is_null, write_long, write_scalar, write_sized
from bridge.avro.schema_store import WriterSchema
from bridge.documents.problems import suggest
from bridge.mapping.language.paths import Index, MapKey, Name, Step, path_text
from bridge.schema.avro_types import Measure, avro_type_of
from bridge.schema.parser import parse_defaults
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

_NATURAL: Final[Mapping[type, tuple[Measure, ...]]] = {
    str: ("text", "enum"),
    bool: ("bool",),
    int: ("int",),
    float: ("double", "float", "decimal"),
}
"""The branches of a union that are tried before all others."""

_At = tuple[Step, ...]


class Encoder:
    """Writes values with one schema."""

    def __init__(self, writer: WriterSchema) -> None:
        self._schema: Schema = writer.schema
        self._defaults = parse_defaults(writer.texts)

    def encode(self, value: object) -> bytes:
        """The Avro body of a value, without framing.

        Raises:
            Misfit: the value does not fit the schema.
        """
        return self._type(self._schema.root, value, ())

    def _type(self, type_: Type, value: Any, at: _At) -> bytes:
        type_ = self._schema.resolve(type_)
        match type_:
            case Union(branches):
                return self._union(branches, value, at)
            case Record():
                return self._record(type_, value, at)
            case Array(items):
                return self._array(items, value, at)
            case Map(values):
                return self._map(values, value, at)
            case _:
                pass
        try:
            return write_scalar(type_, value)
        except LiteralMismatch as mismatch:
            raise LiteralMismatch(mismatch.message, _spelt(at), mismatch.fix) from None

    def _record(self, record: Record, value: Any, at: _At) -> bytes:
        if not isinstance(value, Mapping):
            what = f"an object with the fields of {record.name} is wanted here"
            raise LiteralMismatch(f"{what}, not {found(value)}", _spelt(at))
        names = [field.name for field in record.fields]
        unknown = next((name for name in value if name not in names), None)
        if unknown is not None:
            message = f"{record.name} has no such field"
            raise LiteralMismatch(message, _spelt((*at, Name(unknown))), suggest(unknown, names))
        self._refuse_missing(record, value, at)
        return b"".join(
            self._field(record, field.name, field.type, value, (*at, Name(field.name)))
            for field in record.fields
        )

    def _field(
        self, record: Record, name: str, type_: Type, values: Mapping[str, Any], at: _At
    ) -> bytes:
        if name in values:
            return self._type(type_, values[name], at)
        if (record.name, name) in self._defaults:
            default = self._defaults[record.name, name]
            return self._type(type_, self._of_default(type_, default), at)
        return self._type(type_, None, at)

    def _refuse_missing(self, record: Record, values: Mapping[str, Any], at: _At) -> None:
        missing = [
            field.name
            for field in record.fields
            if field.name not in values
            and (record.name, field.name) not in self._defaults
            and not self._takes_null(field.type)
        ]
        if missing:
            listed = ", ".join(f"`{name}`" for name in missing)
            fields = "fields are" if len(missing) > 1 else "field is"
            message = f"{len(missing)} {fields} missing that the schema gives no default: {listed}"
            raise LiteralMismatch(message, _spelt(at))

    def _of_default(self, type_: Type, default: Any) -> Any:
        """A default as a value: in a schema, bytes are text of one character a byte."""
        type_ = self._schema.resolve(type_)
        match type_, default:
            case Union(branches), _:
                resolved = [self._schema.resolve(branch) for branch in branches]
                if isinstance(default, str) and not any(_natural(b, default) for b in resolved):
                    return default.encode("latin-1")
                holder = next((b for b in resolved if isinstance(b, Record | Array | Map)), type_)
                return default if holder is type_ else self._of_default(holder, default)
            case Record(fields=fields), dict():
                types = {field.name: field.type for field in fields}
                return {
                    key: self._of_default(types[key], v) if key in types else v
                    for key, v in default.items()
                }
            case (Map(inner), dict()):
                return {key: self._of_default(inner, v) for key, v in default.items()}
            case (Array(inner), list()):
                return [self._of_default(inner, v) for v in default]
            case (Fixed() | Primitive("bytes"), str()):
                return default.encode("latin-1")
        return default

    def _takes_null(self, type_: Type) -> bool:
        type_ = self._schema.resolve(type_)
        branches = type_.branches if isinstance(type_, Union) else (type_,)
        return any(is_null(branch) for branch in branches)

    def _array(self, items: Type, value: Any, at: _At) -> bytes:
        if not isinstance(value, list):
            raise LiteralMismatch(f"a list is wanted here, not {found(value)}", _spelt(at))
        return _block([self._type(items, item, (*at, Index(n))) for n, item in enumerate(value)])

    def _map(self, values: Type, value: Any, at: _At) -> bytes:
        if not isinstance(value, Mapping):
            raise LiteralMismatch(f"an object is wanted here, not {found(value)}", _spelt(at))
        return _block(
            [
                write_sized(key.encode()) + self._type(values, item, (*at, MapKey(key)))
                for key, item in value.items()
            ]
        )

    def _union(self, branches: Sequence[Type], value: Any, at: _At) -> bytes:
        """The first branch that fits, those of the value's own kind before the others.

        An object of one key that names a branch (Avro's JSON form) chooses that branch.
        """
        resolved = [self._schema.resolve(branch) for branch in branches]
        mismatches: list[LiteralMismatch] = []
        for index in sorted(range(len(resolved)), key=lambda n: not _natural(resolved[n], value)):
            try:
                return write_long(index) + self._type(resolved[index], value, at)
            except LiteralMismatch as mismatch:
                if not is_null(resolved[index]):
                    mismatches.append(mismatch)
        if isinstance(value, Mapping) and len(value) == 1:
            name, inner = next(iter(value.items()))
            for index, branch in enumerate(resolved):
                if name in _names(branch):
                    return write_long(index) + self._type(branch, inner, at)
        deeper = [mismatch for mismatch in mismatches if mismatch.path != _spelt(at)]
        if len(mismatches) == 1 or len(deeper) == 1:
            raise (deeper or mismatches)[0]
        wanted = " or ".join(_what(branch) for branch in resolved)
        raise LiteralMismatch(f"{wanted} is wanted here, not {found(value)}", _spelt(at))


def _natural(type_: Type, value: Any) -> bool:
    """Whether a value is of this type's own kind."""
    if is_null(type_) or isinstance(type_, Union | Reference):
        return value is None
    return avro_type_of(type_).measure in _NATURAL.get(type(value), ())


def _names(type_: Type) -> tuple[str, ...]:
    """What Avro's JSON form calls a branch, and the name without its namespace."""
    if isinstance(type_, Record | Enum | Fixed):
        return type_.name, type_.name.rpartition(".")[2]
    if isinstance(type_, Primitive):
        return (type_.name,)
    return ("array",) if isinstance(type_, Array) else ("map",)


def _what(type_: Type) -> str:
    return "null" if is_null(type_) else avro_type_of(type_).what


def _spelt(at: _At) -> str:
    return path_text(at) if at else ""


def _block(items: Iterable[bytes]) -> bytes:
    """The items of an array or a map: one block, then the empty one."""
    written = list(items)
    return (write_long(len(written)) + b"".join(written) if written else b"") + b"\x00"
