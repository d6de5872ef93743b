"""Writes the functions of one schema; the laws are in `project.py`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bridge.avro.projection.runtime import BEYOND, HELPERS
from bridge.avro.projection.source_code import SourceCode
from bridge.avro.walker import Read
from bridge.schema.limits import DEPTH_MAX
from bridge.schema.types import (
    Array,
    Enum,
    Fixed,
    Map,
    Primitive,
    Record,
    Schema,
    Type,
    Union,
)

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

_NULL = Primitive("null")
_SIZES = {"boolean": 1, "float": 4, "double": 8}
_VARINT_BYTES = {"int": 5, "long": 10}


class _Everything(dict[str, "_Everything"]):
    """Wanted with all that is in it."""


ALL_FIELDS: Mapping[str, Any] = _Everything()


class Generator:
    """Writes the functions of one schema: `b` are the bytes, `p` the position, `end` the end.

    `compact` makes fewer lines, which take longer: functions of all that is more than a scalar.
    `bare` gives what the one path leads to, in place of the records that it leads through.
    """

    def __init__(self, schema: Schema, *, compact: bool, bare: bool = False) -> None:
        self._schema = schema
        self._compact = compact
        self._bare = bare
        self._code = SourceCode(_COMPACT_LINES_MAX if compact else _LINES_MAX)
        self._functions: dict[tuple[str, Type], str] = {}
        self._waiting: list[tuple[str, str, Type]] = []
        self._symbols: dict[str, str] = {}
        self._loops = 0
        self._containers = 0
        """How many records, lists and maps of the function being written enclose the next line."""

        self._in_function = False
        """What is written is called by the reader, at a depth `d` that only the body tells."""

        self._inlined: list[str] = []
        for name, value in HELPERS.items():
            self._code.bind(name, value)

    def reader(self, wanted: Mapping[str, Any], *, to_end: bool) -> Read:
        """The compiled function; raises TooLong, or what Python has against its code."""
        with self._code.block("def reader(b,p,d=0):"):
            self._code.line("end=len(b)")
            self._read(self._schema.root, "out", wanted, stop=not to_end)
            if to_end:
                self._code.line("if p!=end: raise Unusual")
            self._code.line("return out")
        self._in_function = True
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
                self._read_here(self._schema.resolve(type_), "out", ALL_FIELDS, stop=False)
                self._code.line("return out,p")

    # Reading

    def _read(self, type_: Type, out: str, wanted: Mapping[str, Any], *, stop: bool) -> None:
        """Read what is wanted of a value into `out`; `stop` behind the last of it."""
        actual = self._schema.resolve(type_)
        if wanted is ALL_FIELDS and (isinstance(actual, Record) or self._is_apart(actual)):
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
                self._code.line(f"e=p+{min(size, BEYOND)}")
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
        whole = wanted is ALL_FIELDS
        fields = record.fields
        last = max((n for n, f in enumerate(fields) if whole or f.name in wanted), default=-1)
        found: list[str] = []
        name = "None"
        self._enter()
        for number, field in enumerate(fields[: last + 1] if stop else fields):
            if not whole and field.name not in wanted:
                self._skip(field.type)
                continue
            name = self._code.name()
            below = ALL_FIELDS if whole else wanted[field.name]
            self._read(field.type, name, below, stop=stop and number == last)
            found.append(f"{self._code.constant(field.name)}:{name}")
        self._leave()
        bare = self._bare and not whole
        self._code.line(f"{out}={name}" if bare else f"{out}={{{','.join(found)}}}")

    def _enter(self) -> None:
        """A record, list or map begins; the same count of them as `walker` has."""
        self._containers += 1
        if self._in_function or self._containers > DEPTH_MAX:
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
            self._read(type_, out, ALL_FIELDS, stop=False)
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
                self._code.step(min(size, BEYOND))
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
            self._code.line(f"{word} b[{f'p+{size - 1}' if size > 1 else 'p'}]<128: p+={size}")
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
        numbered = list(enumerate(branches, first))
        numbered.sort(key=lambda pair: pair[1] == _NULL)  # most values are there
        for place, (number, type_) in enumerate(numbered):
            with self._code.block(f"{'elif' if place else 'if'} {which}=={2 * number}:"):
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
