"""Generated readers: for one schema and the paths that are wanted, a function that reads those.

Most records of a bus are not wanted, and a filter looks at one or two of their fields. fastavro
builds every field of every record. A generated function passes over what nobody reads, stops
behind the last field that a filter needs, and builds dictionaries of the wanted fields only.

Laws:
- What it gives is what `walker` gives, less the fields that nobody wants. Whatever is unusual (a
  number in more bytes than it needs, damage of any kind) makes it fail, and `walker` reads the
  record again: it gives the value after all, or says what is wrong and where.
- Every step over bytes is checked: by the next byte that is looked up, or against the end.
- What is passed over is checked for its length only: text that nobody reads may be no UTF-8.
- No input makes it run for long: a list has no more items than bytes are left, and a type that
  contains itself is left at `DEPTH_MAX`. A schema gets no function if its lists can hold items that
  take no byte, or if one of its records makes many values of few bytes (`_FREE_MAX`). Values that
  take no byte are not counted: what has too many of them for `walker` is a value here, as it is for
  fastavro; the length of the body bounds them.
- A type that is used often becomes a function of its own where lines become too many, so that no
  schema makes more lines than it has types and fields; one with too many gets no function.
"""

import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from bridge.avro.shape import DEPTH_MAX, Shape
from bridge.avro.source_code import SourceCode, TooLong
from bridge.avro.walker import Read
from bridge.mapping.schema import (
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

Path = tuple[str, ...]
_ONE_BYTE_MAX = 64
"""So many symbols or branches are numbered by one byte."""

_LOOPS_MAX = 3
"""Loops within loops in one function: Python allows twenty blocks, and nobody reads more."""

_INLINE_FIELDS_MAX = 40
_INLINE_DEPTH_MAX = 3
"""A record within records so deep is passed over in place; calling a function costs more."""

_LINES_MAX = 4_000
_COMPACT_LINES_MAX = 20_000
"""A function with more lines takes a good part of a second, and some 100 MB, to compile."""

_VALUES_PER_BYTE = 4
_FREE_MAX = 30
"""So many values more than `_VALUES_PER_BYTE` may one record hold: nulls, records in records."""

_BEYOND = 1 << 62
"""Further than any body goes."""

_STEPS = tuple(1 + (n >> 1) if not n & 1 else _BEYOND for n in range(128))
"""By the first byte of text shorter than 64 bytes: its length with that byte; negative: no end."""

_SIZES = {"boolean": 1, "float": 4, "double": 8}
_VARINT_BYTES = {"int": 5, "long": 10}


class Unusual(Exception):
    """The bytes are not what the function is made for; `walker` says what they are."""


class _Everything(dict[str, "_Everything"]):
    """Wanted with all that is in it."""


EVERYTHING: Mapping[str, Any] = _Everything()


def project(schema: Schema, paths: Iterable[Path], *, to_end: bool) -> Read | None:
    """A function that reads the value at `paths` (`()`: all of it); None: this schema gets none.

    `to_end` reads until the end of the record, so that what is cut off or left over is noticed;
    else the function stops behind the last of the paths. Both raise for what is unusual.
    """
    with suppress(TooLong, RecursionError, SyntaxError, MemoryError):
        if not Shape(schema).has_free_items() and not _has_heavy_records(schema):
            wanted = _tree(paths)
            with suppress(TooLong):
                return _Generator(schema, compact=False).reader(wanted, to_end=to_end)
            return _Generator(schema, compact=True).reader(wanted, to_end=to_end)
    return None


def _has_heavy_records(schema: Schema) -> bool:
    """Whether a few bytes can make many values, as with two records in each of two, twenty deep."""
    known: dict[str, int] = {}

    def surplus(type_: Type) -> int:
        """How many values more than its bytes allow for."""
        match type_:
            case Reference(name):
                if name not in known:
                    known[name] = 0  # for what contains itself: it is never read to its end
                    known[name] = surplus(schema.names[name])
                return known[name]
            case Record(fields=fields):
                return 1 + sum(surplus(field.type) for field in fields)
            case Primitive("null") | Fixed(size=0):
                return 1
        return 1 - _VALUES_PER_BYTE

    return any(surplus(Reference(name)) > _FREE_MAX for name in schema.names)


def _tree(paths: Iterable[Path]) -> Mapping[str, Any]:
    """The paths by their first name; what is wanted whole swallows what is wanted within it."""
    below: dict[str, list[Path]] = {}
    for path in paths:
        if not path:
            return EVERYTHING
        below.setdefault(path[0], []).append(path[1:])
    return {name: _tree(rest) for name, rest in below.items()}


class _Generator:
    """Writes the functions of one schema: `b` are the bytes, `p` the position, `end` the end.

    `compact` makes fewer lines, which take longer: functions of all that is more than a scalar.
    """

    def __init__(self, schema: Schema, *, compact: bool) -> None:
        self._schema = schema
        self._compact = compact
        self._code = SourceCode(_COMPACT_LINES_MAX if compact else _LINES_MAX)
        self._functions: dict[tuple[str, Type], str] = {}
        self._waiting: list[tuple[str, str, Type]] = []
        self._symbols: dict[str, str] = {}
        self._loops = 0
        self._containers = 0
        """How many records, lists and maps of the function being written enclose the next line."""

        self._inlined: list[str] = []
        for name, value in _HELPERS.items():
            self._code.bind(name, value)

    def reader(self, wanted: Mapping[str, Any], *, to_end: bool) -> Read:
        with self._code.block("def reader(b,p):"):
            self._code.line("end=len(b); d=0")
            self._read(self._schema.root, "out", wanted, stop=not to_end)
            if to_end:
                self._code.line("if p!=end: raise Unusual")
            self._code.line("return out")
        while self._waiting:
            self._write_function(*self._waiting.pop())
        return self._code.compiled("reader")

    def _function(self, what: str, type_: Type) -> str:
        """The function that reads or passes over values of a type, written when it is asked for."""
        key = what, type_
        if key not in self._functions:
            self._functions[key] = f"{what}_{len(self._functions)}"
            self._waiting.append((self._functions[key], what, type_))
        return self._functions[key]

    def _write_function(self, name: str, what: str, type_: Type) -> None:
        with self._code.block(f"def {name}(b,p,end,d):"):
            self._code.line(f"if d>{DEPTH_MAX}: raise Unusual")
            if what == "skip":
                self._skip_here(self._schema.resolve(type_))
                self._code.line("return p")
            else:
                self._read_here(self._schema.resolve(type_), "out", EVERYTHING, stop=False)
                self._code.line("return out,p")

    # Reading

    def _read(self, type_: Type, out: str, wanted: Mapping[str, Any], *, stop: bool) -> None:
        """Read what is wanted of a value into `out`; `stop` behind the last of it."""
        actual = self._schema.resolve(type_)
        if wanted is EVERYTHING and (isinstance(actual, Record) or self._is_apart(actual)):
            self._call_read(type_, out)
        else:
            self._read_here(actual, out, wanted, stop=stop)

    def _is_apart(self, type_: Type) -> bool:
        return self._compact and isinstance(type_, Union | Array | Map)

    def _call_read(self, type_: Type, out: str) -> None:
        self._code.line(f"{out},p={self._function('read', type_)}(b,p,end,d+{self._containers})")

    def _read_here(self, type_: Type, out: str, wanted: Mapping[str, Any], *, stop: bool) -> None:
        match type_:
            case Primitive(name):
                self._read_primitive(name, out)
            case Fixed(size=size):
                self._code.line(f"e=p+{min(size, _BEYOND)}")
                self._take(out, "b[p:e]")
            case Enum():
                self._index(out, len(type_.symbols))
                self._code.line(f"{out}={self._symbols_of(type_)}[{out}]")
            case Record():
                self._read_fields(type_, out, wanted, stop=stop)
            case Union():
                self._union(type_, lambda branch: self._read(branch, out, wanted, stop=stop))
            case Array(items):
                self._read_items(items, out)
            case Map(values):
                self._read_entries(values, out)

    def _symbols_of(self, enum: Enum) -> str:
        """The constant with the symbols by their numbers, doubled as they are written."""
        if enum.name not in self._symbols:
            numbered = {2 * number: symbol for number, symbol in enumerate(enum.symbols)}
            self._symbols[enum.name] = self._code.constant(numbered)
        return self._symbols[enum.name]

    def _read_primitive(self, name: str, out: str) -> None:
        code = self._code
        if name == "null":
            code.line(f"{out}=None")
        elif name == "boolean":
            code.line(f"{out}=BOOLEANS[b[p]]")
            code.step(1)
        elif name in _SIZES:
            code.line(f"{out}={name.upper()}(b,p)[0]")
            code.step(_SIZES[name])
        elif name in _VARINT_BYTES:
            self._varint(out, _VARINT_BYTES[name])
            code.line(f"{out}=({out}>>1)^-({out}&1)")
        else:
            self._varint("n", 10)
            code.line("if n&1: raise Unusual")
            code.line("e=p+(n>>1)")
            self._take(out, "str(b[p:e],'utf-8')" if name == "string" else "b[p:e]")

    def _take(self, out: str, taken: str) -> None:
        self._code.line("if e>end: raise Unusual")
        self._code.line(f"{out}={taken}; p=e")

    def _read_fields(
        self, record: Record, out: str, wanted: Mapping[str, Any], *, stop: bool
    ) -> None:
        whole = wanted is EVERYTHING
        fields = record.fields
        last = max((n for n, f in enumerate(fields) if whole or f.name in wanted), default=-1)
        found: list[str] = []
        self._enter()
        for number, field in enumerate(fields[: last + 1] if stop else fields):
            if not whole and field.name not in wanted:
                self._skip(field.type)
                continue
            name = self._code.name()
            below = EVERYTHING if whole else wanted[field.name]
            self._read(field.type, name, below, stop=stop and number == last)
            found.append(f"{self._code.constant(field.name)}:{name}")
        self._leave()
        self._code.line(f"{out}={{{','.join(found)}}}")

    def _enter(self) -> None:
        """A record, list or map begins; the same count of them as `walker` has."""
        self._containers += 1
        self._code.line(f"if d>{DEPTH_MAX - self._containers}: raise Unusual")

    def _leave(self) -> None:
        self._containers -= 1

    def _read_items(self, items: Type, out: str) -> None:
        self._enter()
        self._code.line(f"{out}=[]")
        item = self._code.name()

        def one() -> None:
            self._read_within(items, item)
            self._code.line(f"{out}.append({item})")

        self._blocks(one, sized=False)
        self._leave()

    def _read_entries(self, values: Type, out: str) -> None:
        self._enter()
        self._code.line(f"{out}={{}}")
        key, value = self._code.name(), self._code.name()

        def one() -> None:
            self._read_primitive("string", key)
            self._read_within(values, value)
            self._code.line(f"{out}[{key}]={value}")

        self._blocks(one, sized=False)
        self._leave()

    def _read_within(self, type_: Type, out: str) -> None:
        """A value within a loop: in a function of its own where loops are many already."""
        if self._loops < _LOOPS_MAX:
            self._read(type_, out, EVERYTHING, stop=False)
        else:
            self._call_read(type_, out)

    # Passing over

    def _skip(self, type_: Type) -> None:
        actual = self._schema.resolve(type_)
        if isinstance(actual, Record):
            self._skip_record(type_, actual)
        elif self._is_apart(actual):
            self._call_skip(type_)
        else:
            self._skip_here(actual)

    def _skip_record(self, type_: Type, record: Record) -> None:
        """A small record within its surroundings, any other in a function of its own."""
        small = len(record.fields) <= _INLINE_FIELDS_MAX and len(self._inlined) < _INLINE_DEPTH_MAX
        if small and record.name not in self._inlined and not self._compact:
            self._inlined.append(record.name)
            self._skip_here(record)
            self._inlined.pop()
        else:
            self._call_skip(type_)

    def _call_skip(self, type_: Type) -> None:
        deeper = self._containers + isinstance(self._schema.resolve(type_), Record)
        self._code.line(f"p={self._function('skip', type_)}(b,p,end,d+{deeper})")

    def _skip_here(self, type_: Type) -> None:
        match type_:
            case Primitive(name):
                self._skip_primitive(name)
            case Fixed(size=size):
                self._code.step(min(size, _BEYOND))
            case Enum(symbols=symbols) if len(symbols) <= _ONE_BYTE_MAX:
                self._code.line(f"if b[p]>{2 * len(symbols) - 2}: raise Unusual")
                self._code.step(1)
            case Enum():
                self._skip_varint(5)
            case Union():
                self._union(type_, self._skip)
            case Record(fields=fields):
                for field in fields:
                    self._skip(field.type)
            case Array(inner):
                self._blocks(lambda: self._skip_within(inner), sized=True)
            case Map(inner):
                self._blocks(lambda: self._skip_entry(inner), sized=True)

    def _skip_primitive(self, name: str) -> None:
        if name in _SIZES:
            self._code.step(_SIZES[name])
        elif name in _VARINT_BYTES:
            self._skip_varint(_VARINT_BYTES[name])
        elif name != "null":
            self._code.line("n=b[p]")
            self._code.line("if n<128: p+=STEPS[n]")
            self._code.line("elif b[p+1]<128 and not n&1: p+=2+((n&127)>>1)+(b[p+1]<<6)")
            self._code.line("else: p=skip_sized(b,p)")

    def _skip_varint(self, bytes_max: int) -> None:
        """One comparison a byte: a loop would take half as long again."""
        if self._compact:
            self._varint("n", bytes_max)
            return
        for size in range(1, bytes_max + 1):
            word = "elif" if size > 1 else "if"
            self._code.line(f"{word} b[p+{size - 1}]<128: p+={size}")
        self._code.line("else: raise Unusual")

    def _skip_entry(self, values: Type) -> None:
        self._skip_primitive("string")
        self._skip_within(values)

    def _skip_within(self, type_: Type) -> None:
        if self._loops < _LOOPS_MAX:
            self._skip(type_)
        else:
            self._call_skip(type_)

    # Both

    def _union(self, union: Union, one: Callable[[Type], None]) -> None:
        which = self._code.name()
        self._index(which, len(union.branches))
        self._branches(which, 0, union.branches, one)

    def _branches(
        self, which: str, first: int, branches: Sequence[Type], one: Callable[[Type], None]
    ) -> None:
        """A few in a row, many in halves: thousands of `elif` are too deep to compile."""
        half = len(branches) // 2
        if half > 2:
            with self._code.block(f"if {which}<{2 * (first + half)}:"):
                self._branches(which, first, branches[:half], one)
            with self._code.block("else:"):
                self._branches(which, first + half, branches[half:], one)
            return
        for number, type_ in enumerate(branches, first):
            with self._code.block(f"{'if' if number == first else 'elif'} {which}=={2 * number}:"):
                one(type_)
        self._code.line("else: raise Unusual" if branches else "raise Unusual")

    def _index(self, out: str, length: int) -> None:
        """The number of a symbol or branch, doubled as it is written."""
        if length <= _ONE_BYTE_MAX:
            self._code.line(f"{out}=b[p]")
            self._code.step(1)
        else:
            self._varint(out, 5)

    def _varint(self, out: str, bytes_max: int) -> None:
        """A number as it is written, zigzag; of no more bits than its type has."""
        self._code.line(f"{out}=b[p]; p+=1")
        bits = 32 if bytes_max == 5 else 64
        self._code.line(f"if {out}>127: {out},p=varint{bits}(b,p,{out})")

    def _blocks(self, one: Callable[[], None], *, sized: bool) -> None:
        """The blocks of a list or map; those that tell their size are passed over if `sized`."""
        count, left = self._code.name(), self._code.name()
        self._loops += 1
        with self._code.block("while True:"):
            self._varint(count, 10)
            self._code.line(f"if not {count}: break")
            self._code.line(f"{left}=-1")
            with self._code.block(f"if {count}&1:"):
                self._varint(left, 10)
                self._code.line(f"if {left}&1: raise Unusual")
                self._code.line(f"{left}=p+({left}>>1)")
                self._code.line(f"if {left}>end: raise Unusual")
                self._code.line(f"p={left}; continue" if sized else f"{count}+=1")
            self._code.line(f"if {count}>>1>end-p: raise Unusual")
            with self._code.block(f"for _ in range({count}>>1):"):
                one()
            if not sized:
                self._code.line(f"if {left}>=0 and p!={left}: raise Unusual")
        self._loops -= 1


def _rest_of_varint(b: bytes, p: int, first: int, bits: int) -> tuple[int, int]:
    number = first & 127
    shift = 7
    while True:
        byte = b[p]
        p += 1
        number |= (byte & 127) << shift
        if byte < 128:
            break
        shift += 7
        if shift > 63:
            raise Unusual
    if number >> bits:
        raise Unusual
    return number, p


def _varint32(b: bytes, p: int, first: int) -> tuple[int, int]:
    return _rest_of_varint(b, p, first, 32)


def _varint64(b: bytes, p: int, first: int) -> tuple[int, int]:
    return _rest_of_varint(b, p, first, 64)


def _skip_sized(b: bytes, p: int) -> int:
    """The position behind text or bytes of any length."""
    size, p = _rest_of_varint(b, p + 1, b[p], 64)
    if size & 1:
        raise Unusual
    return p + (size >> 1)


_HELPERS: Mapping[str, Any] = {
    "Unusual": Unusual,
    "BOOLEANS": (False, True),
    "FLOAT": struct.Struct("<f").unpack_from,
    "DOUBLE": struct.Struct("<d").unpack_from,
    "STEPS": _STEPS,
    "varint32": _varint32,
    "varint64": _varint64,
    "skip_sized": _skip_sized,
}
