"""A bounded Avro reader in plain Python, which reports what is wrong with a body and where.

Invariants: it reads exactly what Avro's specification allows, with a bounded number of steps per
byte. Values are raw (no logical types). It takes two or three times as long as fastavro: `reader`
uses it for schemas that are not bounded, and for bodies that the faster readers refuse.

An error has the field's path and a byte offset in the record's value, at which the unreadable part
begins. Map keys are payload, so a path contains `[*]` instead. Messages do not contain lengths and
indexes either, because in damaged bytes they can be anything.
"""

import struct
from collections.abc import Callable, Mapping
from typing import Any

from bridge.errors import PoisonRecord
from bridge.schema.limits import DEPTH_MAX, VALUES_MAX
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

Read = Callable[[bytes, int], object]
"""Takes a record's value and the offset of its body; returns the raw value.

Raises PoisonRecord.
"""

_VARINT_BYTES_MAX = 10
_INT_MIN, _INT_MAX = -(2**31), 2**31 - 1
_FLOAT = struct.Struct("<f")
_DOUBLE = struct.Struct("<d")
_FIX = "The value does not fit its schema: check if it is cut off, or written with another schema"


def walk(schema: Schema, data: bytes, start: int) -> object:
    """Read the body that begins at `start` and must end at the end of `data`.

    Raises PoisonRecord (stage `decode`) with reason, path and byte offset.
    """
    walker = _Walker(schema, data, start)
    try:
        value = walker.value(schema.root)
    except RecursionError:
        raise walker.decode_error("too_deep", "values are nested too deeply", start) from None
    if walker.position != len(data):
        raise walker.decode_error(
            "trailing_bytes",
            f"{len(data) - walker.position} bytes follow the end of the value",
            walker.position,
        )
    return value


def read_index(data: bytes, start: int) -> tuple[int, int]:
    """Read the union index (or any other long) at `start`; returns it and the next offset."""
    walker = _Walker(Schema(Primitive("long"), {}), data, start)
    return walker.long(), walker.position


class _Walker:
    """Reads one body."""

    def __init__(self, schema: Schema, data: bytes, start: int) -> None:
        self.position = start
        self._data = data
        self._names = schema.names
        self._path: list[str] = []
        self._depth = 0
        self._zero_byte_values = 0

    def value(self, type_: Type) -> object:
        """Read a value of any type."""
        return _BY_TYPE[type(type_)](self, type_)

    def decode_error(self, reason: str, what: str, offset: int) -> PoisonRecord:
        """The error for the value at the current path."""
        path = "".join(self._path).lstrip(".")
        field = f"field {path}, " if path else ""
        return PoisonRecord(
            f"{field}byte {offset} of {len(self._data)}: {what}. {_FIX}",
            stage="decode",
            reason=reason,
            path=path or None,
            byte_offset=offset,
        )

    def long(self) -> int:
        """Read a zigzag varint of at most 64 bits, in at most ten bytes."""
        data, start = self._data, self.position
        raw = 0
        for i, byte in enumerate(data[start : start + _VARINT_BYTES_MAX]):
            raw |= (byte & 0x7F) << (7 * i)
            if byte < 0x80:
                self.position = start + i + 1
                if raw >> 64:
                    raise self.decode_error(
                        "varint_too_long", "a number of more than 64 bits", start
                    )
                return (raw >> 1) ^ -(raw & 1)
        if len(data) - start < _VARINT_BYTES_MAX:
            raise self.decode_error("truncated", "the value ends inside a number", start)
        raise self.decode_error("varint_too_long", "a number of more than ten bytes", start)

    def read_int(self) -> int:
        start = self.position
        number = self.long()
        if not _INT_MIN <= number <= _INT_MAX:
            raise self.decode_error("int_out_of_range", "an `int` of more than 32 bits", start)
        return number

    def read_null(self) -> None:
        self._count_zero_byte_value()

    def read_boolean(self) -> bool:
        start = self.position
        byte = self._take(1, start)[0]
        if byte > 1:
            raise self.decode_error("bad_boolean", "a boolean that is neither 0 nor 1", start)
        return byte == 1

    def read_float(self) -> float:
        return float(_FLOAT.unpack(self._take(4, self.position))[0])

    def read_double(self) -> float:
        return float(_DOUBLE.unpack(self._take(8, self.position))[0])

    def read_bytes(self) -> bytes:
        start = self.position
        length = self.long()
        if length < 0:
            raise self.decode_error("negative_length", "a negative length", start)
        return self._take(length, start)

    def read_string(self) -> str:
        start = self.position
        content = self.read_bytes()
        try:
            return content.decode("utf-8")
        except UnicodeDecodeError as error:
            body = self.position - len(content)
            offset = max(start, body + error.start)
        raise self.decode_error("invalid_utf8", "a string that is not UTF-8", offset)

    def primitive(self, type_: Primitive) -> object:
        """Read a value of a primitive type."""
        return _BY_NAME[type_.name](self)

    def fixed(self, type_: Fixed) -> bytes:
        """Read the bytes of a fixed."""
        if not type_.size:
            self._count_zero_byte_value()
        return self._take(type_.size, self.position)

    def enum(self, type_: Enum) -> str:
        """Read the symbol of an enum."""
        return type_.symbols[self._index(len(type_.symbols), "enum", "symbols")]

    def union(self, type_: Union) -> object:
        """Read the branch index and the value of that branch."""
        branch = type_.branches[self._index(len(type_.branches), "union", "branches")]
        if isinstance(branch, Primitive) and branch.name == "null":
            return None
        return self.value(branch)

    def record(self, type_: Record) -> dict[str, object]:
        """Read all fields of a record, by name."""
        if not type_.fields:
            self._count_zero_byte_value()
        self._enter()
        values = {}
        for field in type_.fields:
            self._path.append(f".{field.name}")
            values[field.name] = self.value(field.type)
            self._path.pop()
        self._depth -= 1
        return values

    def array(self, type_: Array) -> list[object]:
        """Read the items of all blocks."""
        self._enter()
        items: list[object] = []
        while block := self._block():
            count, end = block
            for _ in range(count):
                self._path.append(f"[{len(items)}]")
                items.append(self.value(type_.items))
                self._path.pop()
            self._check_end(end)
        self._depth -= 1
        return items

    def map(self, type_: Map) -> dict[str, object]:
        """Read the entries of all blocks; if a key occurs twice, the last entry counts."""
        self._enter()
        entries: dict[str, object] = {}
        while block := self._block():
            count, end = block
            for _ in range(count):
                self._path.append("[*]")
                key = self.read_string()
                entries[key] = self.value(type_.values)
                self._path.pop()
            self._check_end(end)
        self._depth -= 1
        return entries

    def reference(self, type_: Reference) -> object:
        """Read a value of a named type."""
        return self.value(self._names[type_.name])

    def _block(self) -> tuple[int, int | None] | None:
        """The number of items in the next block, and its end if it has a size; None at the end."""
        start = self.position
        count = self.long()
        if count >= 0:
            return (count, None) if count else None
        size = self.long()
        if not 0 <= size <= len(self._data) - self.position:
            raise self.decode_error(
                "bad_block_size", "a block size that is negative or beyond the end", start
            )
        return -count, self.position + size

    def _check_end(self, end: int | None) -> None:
        if end is not None and end != self.position:
            raise self.decode_error(
                "bad_block_size", "a block whose length differs from its size", self.position
            )

    def _index(self, length: int, kind: str, what: str) -> int:
        start = self.position
        index = self.long()
        if not 0 <= index < length:
            raise self.decode_error(
                f"bad_{kind}_index", f"an index outside the {length} {what}", start
            )
        return index

    def _take(self, length: int, start: int) -> bytes:
        end = self.position + length
        if end > len(self._data):
            raise self.decode_error("truncated", "the value ends too early", start)
        taken = self._data[self.position : end]
        self.position = end
        return taken

    def _enter(self) -> None:
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise self.decode_error(
                "too_deep", f"values are nested more than {DEPTH_MAX} levels deep", self.position
            )

    def _count_zero_byte_value(self) -> None:
        """Count a value without bytes; only their number is not bounded by the body's length."""
        self._zero_byte_values += 1
        if self._zero_byte_values > VALUES_MAX:
            raise self.decode_error(
                "too_many_empty_values",
                f"more than {VALUES_MAX} values that take no bytes",
                self.position,
            )


_BY_NAME: Mapping[str, Callable[[_Walker], object]] = {
    "null": _Walker.read_null,
    "boolean": _Walker.read_boolean,
    "int": _Walker.read_int,
    "long": _Walker.long,
    "float": _Walker.read_float,
    "double": _Walker.read_double,
    "bytes": _Walker.read_bytes,
    "string": _Walker.read_string,
}
_BY_TYPE: Mapping[type, Callable[[_Walker, Any], object]] = {
    Primitive: _Walker.primitive,
    Fixed: _Walker.fixed,
    Enum: _Walker.enum,
    Array: _Walker.array,
    Map: _Walker.map,
    Union: _Walker.union,
    Record: _Walker.record,
    Reference: _Walker.reference,
}
