"""Closures that read one path of a decoded value or of a record, built once for each path.

Invariants: None means missing. What can be bound when the closure is built is bound then.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

from bridge.mapping.language.paths import Every, Index, MapKey, Name, Step
from bridge.records import Record
from bridge.schema.conversions import Convert, MappingError

Reader = Callable[[Record, Any], Any]
_Walk = Callable[[Any], Any]

_BINARY = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
"""Control characters, except for tab, line feed and carriage return."""


def reader_of(steps: tuple[Step, ...], *, flatten: bool = False, mixed: bool = False) -> Reader:
    """A reader of the value at `steps`.

    `flatten` joins the lists after `[*]` into one; `mixed` says that a union on the way has
    branches in which the path does not exist.
    """
    names = [step.name for step in steps if isinstance(step, Name)]
    if not mixed and len(names) == len(steps) and len(names) in _BY_NAMES:
        return _BY_NAMES[len(names)](*names)
    walk = _walk_of(steps, flatten=flatten)
    return lambda _, value: walk(value)


def converting_reader(read: Reader, convert: Convert | None, text: str) -> Reader:
    """Reads and converts a value; `text` is the path that errors name."""

    def find(record: Record, value: Any) -> Any:
        try:
            raw = read(record, value)
            return raw if raw is None or convert is None else convert(raw)
        except MappingError as error:
            error.path = text
            raise

    return find


def first_found(reads: Sequence[Reader]) -> Reader:
    """A reader of the first value that is not missing."""
    if len(reads) == 1:
        return reads[0]

    def find(record: Record, value: Any) -> Any:
        for read in reads:
            found = read(record, value)
            if found is not None:
                return found
        return None

    return find


def reader_in_json(read: Reader, parse: Convert, steps: tuple[Step, ...]) -> Reader:
    """A reader of the value at `steps` in the JSON that `read` finds as text."""
    walk = _walk_of(steps, flatten=False)

    def find(record: Record, value: Any) -> Any:
        text = read(record, value)
        return None if text is None else walk(parse(text))

    return find


def constant(value: object) -> Reader:
    """A reader that returns the same value for every record."""
    return lambda _, __: value


def missing(_: Record, __: Any) -> None:
    """The reader of any path into a tombstone: always None."""


def key(record: Record, _: Any) -> str | None:
    """The record's key as text."""
    return None if record.key is None else utf8(record.key, "key")


def header(name: str) -> Reader:
    """A reader of the last header with a name, as text."""

    def read(record: Record, _: Any) -> str | None:
        last = None
        for found, value in record.headers:
            if found == name:
                last = value
        return None if last is None else utf8(last, "header")

    return read


def partition(record: Record, _: Any) -> int:
    """The record's partition."""
    return record.partition


def offset(record: Record, _: Any) -> int:
    """The record's offset."""
    return record.offset


def timestamp(record: Record, _: Any) -> int | None:
    """Kafka's timestamp of the record in milliseconds, or None if it has none."""
    return None if record.timestamp_ms < 0 else record.timestamp_ms


def utf8(raw: bytes, what: str) -> str:
    """Decode the record's key or a header.

    Many binary keys are valid UTF-8: a long, an id, an Avro value with its prefix. Control
    characters show that they are not text.

    Raises:
        MappingError: the bytes are not UTF-8, or contain control characters other than white space.
    """
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise MappingError("not_utf8", f"the record's {what} is not UTF-8 text") from None
    if not text.isprintable() and _BINARY.search(text):
        message = f"the record's {what} is binary: it contains control characters, and only text"
        raise MappingError("not_text", f"{message} can be read from it")
    return text


def _root() -> Reader:
    return lambda _, value: value


def _one(first: str) -> Reader:
    def read(_: Record, value: Any) -> Any:
        return value.get(first)

    return read


def _two(first: str, second: str) -> Reader:
    def read(_: Record, value: Any) -> Any:
        outer = value.get(first)
        return None if outer is None else outer.get(second)

    return read


def _three(first: str, second: str, third: str) -> Reader:
    def read(_: Record, value: Any) -> Any:
        outer = value.get(first)
        if outer is None:
            return None
        inner = outer.get(second)
        return None if inner is None else inner.get(third)

    return read


_BY_NAMES: dict[int, Callable[..., Reader]] = {0: _root, 1: _one, 2: _two, 3: _three}


def _walk_of(steps: tuple[Step, ...], *, flatten: bool) -> _Walk:
    if not steps:
        return lambda value: value
    rest = _walk_of(steps[1:], flatten=flatten)
    deeper = flatten or Every() in steps[1:]
    match steps[0]:
        case Name(name) | MapKey(name):
            return _get(name, rest)
        case Index(index):
            return _item(index, rest)
        case Every():
            return _flat(rest) if deeper else _all(rest)


def _get(name: str, rest: _Walk) -> _Walk:
    def walk(value: Any) -> Any:
        below = value.get(name) if isinstance(value, dict) else None
        return None if below is None else rest(below)

    return walk


def _item(index: int, rest: _Walk) -> _Walk:
    def walk(value: Any) -> Any:
        below = value[index] if isinstance(value, list) and index < len(value) else None
        return None if below is None else rest(below)

    return walk


def _all(rest: _Walk) -> _Walk:
    def walk(value: Any) -> Any:
        if not isinstance(value, list):
            return None
        return [found for item in value if item is not None and (found := rest(item)) is not None]

    return walk


def _flat(rest: _Walk) -> _Walk:
    lists = _all(rest)

    def walk(value: Any) -> Any:
        found = lists(value)
        return None if found is None else [item for below in found for item in below]

    return walk
