"""Paths into a record: `a.b`, `items[0].sku`, `items[*].sku`, `meta["x.y"]`, `$headers.NAME`.

Invariants: a path is parsed once, at load. Its first word is a field of the decoded value or a
metadata root, which starts with `$`.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal, get_args

from bridge.documents.problems import suggest
from bridge.mapping.language.codes import Code
from bridge.mapping.language.diagnostics import MappingFault

Root = Literal["value", "key", "topic", "partition", "offset", "timestamp", "headers", "record"]

_ROOTS: Final = tuple(f"${root}" for root in get_args(Root))
_FIX: Final = 'paths look like a.b, items[0].sku, items[*].sku or meta["x.y"]'
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_BRACKET = re.compile(r'\[(?:(?P<index>\d{1,9})|(?P<every>\*)|"(?P<key>(?:[^"\\]|\\["\\])*)")\]')


@dataclass(frozen=True, slots=True)
class Name:
    """A field of a record, or a key of a map."""

    name: str


@dataclass(frozen=True, slots=True)
class Index:
    """One item of an array, counted from 0."""

    index: int


@dataclass(frozen=True, slots=True)
class Every:
    """All items of an array."""


@dataclass(frozen=True, slots=True)
class MapKey:
    """A key of a map, with any characters."""

    key: str


Step = Name | Index | Every | MapKey


@dataclass(frozen=True, slots=True)
class Path:
    """A parsed path; `text` is the path as written. For `$headers`, `header` is the name."""

    text: str
    root: Root
    steps: tuple[Step, ...] = ()
    header: str = ""

    @property
    def names(self) -> str:
        """The path in normal form: paths to the same place give the same text."""
        return path_text(self.steps)


def path_text(steps: tuple[Step, ...]) -> str:
    """Steps as text, in the syntax of mapping files."""
    parts: list[str] = []
    for step in steps:
        match step:
            case Name(name):
                parts.append(f".{name}" if parts else name)
            case Index(index):
                parts.append(f"[{index}]")
            case Every():
                parts.append("[*]")
            case MapKey(key):
                parts.append(f'["{key}"]')
    return "".join(parts) or "$value"


def parse_path(text: str) -> Path:
    """Parse a path.

    Raises:
        MappingFault: `text` is not a path; the message says where the syntax error is.
    """
    if not text.startswith("$"):
        return Path(text, "value", _steps(text, "." + text))
    word = re.match(r"\$[a-z]*", text)
    root = word[0] if word else "$"
    if root not in _ROOTS:
        fix = suggest(root, _ROOTS)
        raise MappingFault(Code.PATH_FORM, f"`{root}` is not a part of a record", fix)
    rest = text[len(root) :]
    if root == "$value":
        return Path(text, "value", _steps(text, rest))
    if root == "$headers":
        return Path(text, "headers", header=_header(text, rest))
    if rest:
        message = f"there is nothing below `{root}`"
        raise MappingFault(Code.PATH_FORM, message, f"write `{root}` alone")
    return Path(text, _root(root), ())


def _root(word: str) -> Root:
    roots: dict[str, Root] = {f"${root}": root for root in get_args(Root)}
    return roots[word]


def _header(text: str, rest: str) -> str:
    bracket = _BRACKET.fullmatch(rest)
    name = bracket["key"] if bracket else rest.removeprefix(".")
    if not name or (not bracket and not rest.startswith(".")):
        raise MappingFault(Code.PATH_FORM, f"`{text}` has no header name", "write $headers.NAME")
    return name


def _steps(text: str, rest: str) -> tuple[Step, ...]:
    steps: list[Step] = []
    at = 0
    while at < len(rest):
        step, at = _step(text, rest, at)
        steps.append(step)
    return tuple(steps)


def _step(text: str, rest: str, at: int) -> tuple[Step, int]:
    if rest[at] == "." and (name := _NAME.match(rest, at + 1)):
        return Name(name[0]), name.end()
    if rest[at] == "[" and (bracket := _BRACKET.match(rest, at)):
        return _bracketed(bracket), bracket.end()
    parsed = text[: max(0, at + len(text) - len(rest))]
    where = f"after `{parsed}`" if parsed else "at the start"
    raise MappingFault(Code.PATH_FORM, f"`{text}` is not a valid path: syntax error {where}", _FIX)


def _bracketed(match: re.Match[str]) -> Step:
    if match["index"] is not None:
        return Index(int(match["index"]))
    if match["every"] is not None:
        return Every()
    return MapKey(re.sub(r"\\(.)", r"\1", match["key"]))
