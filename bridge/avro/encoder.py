"""Encodes a value from JSON or YAML as the Avro bytes of a schema.

Invariants: the error for a value that does not fit has its path and the types, never the value.
An omitted field gets its default, or null if it is nullable. The reader for Kafka's records reads
these bytes, so writer and reader check each other.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from bridge.avro.literals import LiteralMismatch, type_mismatch
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

_USUAL_MEASURES: Final[Mapping[type, tuple[Measure, ...]]] = {
    str: ("text", "enum"),
    bool: ("bool",),
    int: ("int",),
    float: ("double", "float", "decimal"),
}
"""By Python type, the branches of a union that are tried first."""

_Path = tuple[Step, ...]


class Encoder:
    """Encodes values with one schema."""

    def __init__(self, writer: WriterSchema) -> None:
        self._schema: Schema = writer.schema
        self._defaults = parse_defaults(writer.texts)

    def encode(self, value: object) -> bytes:
        """The Avro body of a value, without framing.

        Raises:
            LiteralMismatch: the value does not fit the schema.
        """
        return self._encode(self._schema.root, value, ())

    def _encode(self, type_: Type, value: Any, path: _Path) -> bytes:
        type_ = self._schema.resolve(type_)
        match type_:
            case Union(branches):
                return self._union(branches, value, path)
            case Record():
                return self._record(type_, value, path)
            case Array(items):
                return self._array(items, value, path)
            case Map(values):
                return self._map(values, value, path)
            case _:
                pass
        try:
            return write_scalar(type_, value)
        except LiteralMismatch as mismatch:
            raise LiteralMismatch(mismatch.message, _formatted(path), mismatch.fix) from None

    def _record(self, record: Record, value: Any, path: _Path) -> bytes:
        if not isinstance(value, Mapping):
            expected = f"an object with the fields of {record.name}"
            raise type_mismatch(expected, value, _formatted(path))
        names = [field.name for field in record.fields]
        unknown = next((name for name in value if name not in names), None)
        if unknown is not None:
            message = f"{record.name} has no such field"
            raise LiteralMismatch(
                message, _formatted((*path, Name(unknown))), suggest(unknown, names)
            )
        self._check_missing_fields(record, value, path)
        return b"".join(
            self._field(record, field.name, field.type, value, (*path, Name(field.name)))
            for field in record.fields
        )

    def _field(
        self, record: Record, name: str, type_: Type, values: Mapping[str, Any], path: _Path
    ) -> bytes:
        if name in values:
            return self._encode(type_, values[name], path)
        if (record.name, name) in self._defaults:
            return self._default(record, name, type_, path)
        return self._encode(type_, None, path)

    def _default(self, record: Record, name: str, type_: Type, path: _Path) -> bytes:
        default = self._defaults[record.name, name]
        try:
            return self._encode(type_, self._default_value(type_, default), path)
        except (LiteralMismatch, UnicodeEncodeError) as error:
            why = error.message if isinstance(error, LiteralMismatch) else "it is not bytes"
            message = f"the schema's default of `{name}` in {record.name} does not fit: {why}"
            fix = "give the field a value, or correct the schema"
            raise LiteralMismatch(message, _formatted(path), fix) from None

    def _check_missing_fields(self, record: Record, values: Mapping[str, Any], path: _Path) -> None:
        missing = [
            field.name
            for field in record.fields
            if field.name not in values
            and (record.name, field.name) not in self._defaults
            and not self._is_nullable(field.type)
        ]
        if missing:
            listed = ", ".join(f"`{name}`" for name in missing)
            fields = "fields" if len(missing) > 1 else "field"
            message = f"missing {len(missing)} {fields} without a default: {listed}"
            raise LiteralMismatch(message, _formatted(path))

    def _default_value(self, type_: Type, default: Any) -> Any:
        """A default as a value; in a schema, bytes are text with one character per byte."""
        type_ = self._schema.resolve(type_)
        match type_, default:
            case Union(branches), _:
                resolved = [self._schema.resolve(branch) for branch in branches]
                if isinstance(default, str) and not any(
                    _is_usual_type(b, default) for b in resolved
                ):
                    return default.encode("latin-1")
                container = next(
                    (b for b in resolved if isinstance(b, Record | Array | Map)), type_
                )
                return default if container is type_ else self._default_value(container, default)
            case Record(fields=fields), dict():
                types = {field.name: field.type for field in fields}
                return {
                    key: self._default_value(types[key], v) if key in types else v
                    for key, v in default.items()
                }
            case (Map(inner), dict()):
                return {key: self._default_value(inner, v) for key, v in default.items()}
            case (Array(inner), list()):
                return [self._default_value(inner, v) for v in default]
            case (Fixed() | Primitive("bytes"), str()):
                return default.encode("latin-1")
        return default

    def _is_nullable(self, type_: Type) -> bool:
        type_ = self._schema.resolve(type_)
        branches = type_.branches if isinstance(type_, Union) else (type_,)
        return any(is_null(branch) for branch in branches)

    def _array(self, items: Type, value: Any, path: _Path) -> bytes:
        if not isinstance(value, list):
            raise type_mismatch("a list", value, _formatted(path))
        return _block(
            [self._encode(items, item, (*path, Index(n))) for n, item in enumerate(value)]
        )

    def _map(self, values: Type, value: Any, path: _Path) -> bytes:
        if not isinstance(value, Mapping):
            raise type_mismatch("an object", value, _formatted(path))
        return _block(
            [
                write_sized(key.encode()) + self._encode(values, item, (*path, MapKey(key)))
                for key, item in value.items()
            ]
        )

    def _union(self, branches: Sequence[Type], value: Any, path: _Path) -> bytes:
        """Encode with the first branch that fits; branches of the value's own type come first.

        An object whose only key names a branch (Avro's JSON encoding) selects that branch.
        """
        resolved = [self._schema.resolve(branch) for branch in branches]
        mismatches: list[LiteralMismatch] = []
        for index in sorted(
            range(len(resolved)), key=lambda n: not _is_usual_type(resolved[n], value)
        ):
            try:
                return write_long(index) + self._encode(resolved[index], value, path)
            except LiteralMismatch as mismatch:
                if not is_null(resolved[index]):
                    mismatches.append(mismatch)
        if isinstance(value, Mapping) and len(value) == 1:
            name, inner = next(iter(value.items()))
            for index, branch in enumerate(resolved):
                if name in _branch_names(branch):
                    return write_long(index) + self._encode(branch, inner, path)
        deeper = [mismatch for mismatch in mismatches if mismatch.path != _formatted(path)]
        if len(mismatches) == 1 or len(deeper) == 1:
            raise (deeper or mismatches)[0]
        expected = " or ".join(_type_label(branch) for branch in resolved)
        raise type_mismatch(expected, value, _formatted(path))


def _is_usual_type(type_: Type, value: Any) -> bool:
    """Whether the type is the usual one for a value of this Python type."""
    if is_null(type_) or isinstance(type_, Union | Reference):
        return value is None
    return avro_type_of(type_).measure in _USUAL_MEASURES.get(type(value), ())


def _branch_names(type_: Type) -> tuple[str, ...]:
    """The names of a branch in Avro's JSON encoding, with and without the namespace."""
    if isinstance(type_, Record | Enum | Fixed):
        return type_.name, type_.name.rpartition(".")[2]
    if isinstance(type_, Primitive):
        return (type_.name,)
    return ("array",) if isinstance(type_, Array) else ("map",)


def _type_label(type_: Type) -> str:
    return "null" if is_null(type_) else avro_type_of(type_).what


def _formatted(path: _Path) -> str:
    return path_text(path) if path else ""


def _block(items: Iterable[bytes]) -> bytes:
    """The items of an array or a map as one block, then the empty block."""
    encoded = list(items)
    return (write_long(len(encoded)) + b"".join(encoded) if encoded else b"") + b"\x00"
