"""Generates the reader functions of one schema; `project.py` has the invariants."""

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

_ONE_BYTE_INDEXES = 64
"""Maximum number of symbols or branches whose index fits into one byte."""

_LOOP_DEPTH_MAX = 3
"""Maximum nesting of loops in one function; Python allows twenty nested blocks."""

_INLINE_FIELDS_MAX = 40
_INLINE_DEPTH_MAX = 3
"""Records up to this size and depth are skipped inline; a function call costs more."""

_LINES_MAX = 4_000
_COMPACT_LINES_MAX = 20_000
"""Compiling more lines takes a large part of a second and about 100 MB."""

_NULL = Primitive("null")
_SIZES = {"boolean": 1, "float": 4, "double": 8}
_VARINT_BYTES = {"int": 5, "long": 10}


class _AllFields(dict[str, "_AllFields"]):
    """Marks a value that is read with all its fields."""


ALL_FIELDS: Mapping[str, Any] = _AllFields()


class Generator:
    """Generates the functions of one schema (`b`: the bytes, `p`: the position, `end`: the end).

    `compact` generates fewer but slower lines: each type except scalars gets a function. `bare`
    returns the value at the one path, without the records around it.
    """

    def __init__(self, schema: Schema, *, compact: bool, bare: bool = False) -> None:
        self._schema = schema
        self._compact = compact
        self._bare = bare
        self._code = SourceCode(_COMPACT_LINES_MAX if compact else _LINES_MAX)
        self._functions: dict[tuple[str, Type], str] = {}
        self._pending: list[tuple[str, str, Type]] = []
        self._symbols: dict[str, str] = {}
        self._loops = 0
        self._containers = 0
        """The number of records, arrays and maps around the next line of the current function."""

        self._in_function = False
        """Whether the current function is called at a depth `d` that depends on the body."""

        self._inlined: list[str] = []
        for name, value in HELPERS.items():
            self._code.bind(name, value)

    def reader(self, wanted: Mapping[str, Any], *, to_end: bool) -> Read:
        """Generate and compile the function; raises TooLong, or Python's compile errors."""
        with self._code.block("def reader(b,p,d=0):"):
            self._code.line("end=len(b)")
            self._read(self._schema.root, "out", wanted, stop=not to_end)
            if to_end:
                self._code.line("if p!=end: raise Unusual")
            self._code.line("return out")
        self._in_function = True
        while self._pending:
            self._write_function(*self._pending.pop())
        return self._code.compiled("reader")

    def _function(self, action: str, type_: Type) -> str:
        """The name of the function that reads or skips values of a type; it is written later."""
        key = action, type_
        if key not in self._functions:
            self._functions[key] = f"{action}_{len(self._functions)}"
            self._pending.append((self._functions[key], action, type_))
        return self._functions[key]

    def _write_function(self, name: str, action: str, type_: Type) -> None:
        with self._code.block(f"def {name}(b,p,end,d):"):
            self._code.line(f"if d>{DEPTH_MAX}: raise Unusual")
            if action == "skip":
                self._skip_here(self._schema.resolve(type_))
                self._code.line("return p")
            else:
                self._read_here(self._schema.resolve(type_), "out", ALL_FIELDS, stop=False)
                self._code.line("return out,p")

    # Reading

    def _read(self, type_: Type, out: str, wanted: Mapping[str, Any], *, stop: bool) -> None:
        """Read the wanted parts of a value into `out`; `stop` ends after the last of them."""
        actual = self._schema.resolve(type_)
        if wanted is ALL_FIELDS and (isinstance(actual, Record) or self._needs_function(actual)):
            self._call_read(type_, out)
        else:
            self._read_here(actual, out, wanted, stop=stop)

    def _needs_function(self, type_: Type) -> bool:
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
        """The constant that maps encoded (doubled) indexes to symbols."""
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
        entries: list[str] = []
        name = "None"
        self._enter()
        for number, field in enumerate(fields[: last + 1] if stop else fields):
            if not whole and field.name not in wanted:
                self._skip(field.type)
                continue
            name = self._code.name()
            inner_wanted = ALL_FIELDS if whole else wanted[field.name]
            self._read(field.type, name, inner_wanted, stop=stop and number == last)
            entries.append(f"{self._code.constant(field.name)}:{name}")
        self._leave()
        bare = self._bare and not whole
        self._code.line(f"{out}={name}" if bare else f"{out}={{{','.join(entries)}}}")

    def _enter(self) -> None:
        """Begin a record, array or map; counts the depth as `walker` does."""
        self._containers += 1
        if self._in_function or self._containers > DEPTH_MAX:
            self._code.line(f"if d>{DEPTH_MAX - self._containers}: raise Unusual")

    def _leave(self) -> None:
        self._containers -= 1

    def _read_items(self, items: Type, out: str) -> None:
        self._enter()
        self._code.line(f"{out}=[]")
        item = self._code.name()

        def emit_item() -> None:
            self._read_in_loop(items, item)
            self._code.line(f"{out}.append({item})")

        self._blocks(emit_item, sized=False)
        self._leave()

    def _read_entries(self, values: Type, out: str) -> None:
        self._enter()
        self._code.line(f"{out}={{}}")
        key, value = self._code.name(), self._code.name()

        def emit_item() -> None:
            self._read_primitive("string", key)
            self._read_in_loop(values, value)
            self._code.line(f"{out}[{key}]={value}")

        self._blocks(emit_item, sized=False)
        self._leave()

    def _read_in_loop(self, type_: Type, out: str) -> None:
        """Read a value inside a loop, in a separate function if loops are nested too deeply."""
        if self._loops < _LOOP_DEPTH_MAX:
            self._read(type_, out, ALL_FIELDS, stop=False)
        else:
            self._call_read(type_, out)

    # Skipping

    def _skip(self, type_: Type) -> None:
        actual = self._schema.resolve(type_)
        if isinstance(actual, Record):
            self._skip_record(type_, actual)
        elif self._needs_function(actual):
            self._call_skip(type_)
        else:
            self._skip_here(actual)

    def _skip_record(self, type_: Type, record: Record) -> None:
        """Skip a small record inline, any other in a separate function."""
        small = len(record.fields) <= _INLINE_FIELDS_MAX and len(self._inlined) < _INLINE_DEPTH_MAX
        if small and record.name not in self._inlined and not self._compact:
            self._inlined.append(record.name)
            self._skip_here(record)
            self._inlined.pop()
        else:
            self._call_skip(type_)

    def _call_skip(self, type_: Type) -> None:
        extra_depth = self._containers + isinstance(self._schema.resolve(type_), Record)
        self._code.line(f"p={self._function('skip', type_)}(b,p,end,d+{extra_depth})")

    def _skip_here(self, type_: Type) -> None:
        match type_:
            case Primitive(name):
                self._skip_primitive(name)
            case Fixed(size=size):
                self._code.step(min(size, BEYOND))
            case Enum(symbols=symbols) if len(symbols) <= _ONE_BYTE_INDEXES:
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
                self._blocks(lambda: self._skip_in_loop(inner), sized=True)
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
        """Skip a varint with one comparison per byte; a loop would take 50 % longer."""
        if self._compact:
            self._varint("n", bytes_max)
            return
        for size in range(1, bytes_max + 1):
            word = "elif" if size > 1 else "if"
            self._code.line(f"{word} b[{f'p+{size - 1}' if size > 1 else 'p'}]<128: p+={size}")
        self._code.line("else: raise Unusual")

    def _skip_entry(self, values: Type) -> None:
        self._skip_primitive("string")
        self._skip_in_loop(values)

    def _skip_in_loop(self, type_: Type) -> None:
        if self._loops < _LOOP_DEPTH_MAX:
            self._skip(type_)
        else:
            self._call_skip(type_)

    # Both

    def _union(self, union: Union, emit_item: Callable[[Type], None]) -> None:
        index = self._code.name()
        self._index(index, len(union.branches))
        self._branches(index, 0, union.branches, emit_item)

    def _branches(
        self,
        index: str,
        first: int,
        branches: Sequence[Type],
        emit_item: Callable[[Type], None],
    ) -> None:
        """Branch on the index, with a binary search if there are many branches.

        Thousands of `elif` are nested too deeply to compile.
        """
        half = len(branches) // 2
        if half > 2:
            with self._code.block(f"if {index}<{2 * (first + half)}:"):
                self._branches(index, first, branches[:half], emit_item)
            with self._code.block("else:"):
                self._branches(index, first + half, branches[half:], emit_item)
            return
        numbered = list(enumerate(branches, first))
        numbered.sort(key=lambda pair: pair[1] == _NULL)  # most values are not null
        for place, (number, type_) in enumerate(numbered):
            with self._code.block(f"{'elif' if place else 'if'} {index}=={2 * number}:"):
                emit_item(type_)
        self._code.line("else: raise Unusual" if branches else "raise Unusual")

    def _index(self, out: str, length: int) -> None:
        """Read the index of a symbol or branch as it is encoded (doubled)."""
        if length <= _ONE_BYTE_INDEXES:
            self._code.line(f"{out}=b[p]")
            self._code.step(1)
        else:
            self._varint(out, 5)

    def _varint(self, out: str, bytes_max: int) -> None:
        """Read a varint without zigzag decoding; it fails if the type has fewer bits."""
        self._code.line(f"{out}=b[p]; p+=1")
        bits = 32 if bytes_max == 5 else 64
        self._code.line(f"if {out}>127: {out},p=varint{bits}(b,p,{out})")

    def _blocks(self, emit_item: Callable[[], None], *, sized: bool) -> None:
        """Loop over the blocks of an array or map; `sized` skips blocks that have a size."""
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
                emit_item()
            if not sized:
                self._code.line(f"if {left}>=0 and p!={left}: raise Unusual")
        self._loops -= 1
