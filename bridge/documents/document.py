"""A parsed YAML file: plain data, and the position of every path."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

import yaml

from bridge.documents.problems import Problem, Problems, SourcePlace
from bridge.documents.syntax import syntax_fault
from bridge.documents.tree import Child, Malformed, Mark, TreeReader, YamlFault, YamlNode, YamlStep

DataPath = tuple[YamlStep, ...]
"""Keys and list indexes from the root."""

SIZE_BYTES_MAX = 1024 * 1024
"""The limit for one file in UTF-8; it holds ten thousand mappings."""

_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
_NOT_TEXT = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Document:
    """One parsed file; `data` consists of dict, list, str, int, float, bool and None only.

    Aliased parts are shared objects: treat `data` as read-only.
    """

    file: str
    text: str
    data: Any
    root: YamlNode
    lines: tuple[str, ...]

    def place(self, path: DataPath, *, key: bool = False) -> SourcePlace:
        """The position of the value at `path`, or of its key; if missing, of the nearest parent."""
        child, exists = self._find(path)
        mark = child.key if key or not exists else child.node.start
        return SourcePlace(self.file, mark.line + 1, mark.column + 1)

    def problem(
        self,
        code: str,
        message: str,
        path: DataPath,
        *,
        key: bool = False,
        fix: str | None = None,
        severity: Literal["error", "warning"] = "error",
    ) -> Problem:
        """A problem at `place(path)`, with its source line."""
        place = self.place(path, key=key)
        return Problem(code, message, place, fix, self._line(place.line), severity)

    def written(self, path: DataPath) -> str | None:
        """The scalar at `path` as written (`0.10`, not 0.1); None if there is no scalar."""
        child, exists = self._find(path)
        return child.node.written if exists else None

    def masked(self, paths: Iterable[DataPath]) -> "Document":
        """A copy whose problem reports show asterisks in place of these values."""
        text = list(self.text)
        for child, exists in map(self._find, paths):
            for index in range(child.node.start.offset, child.node.end.offset) if exists else ():
                text[index] = "*" if not _BREAK.match(text[index]) else text[index]
        shown = "".join(text)
        return replace(self, text=shown, lines=tuple(_BREAK.split(shown)))

    def _find(self, path: DataPath) -> tuple[Child, bool]:
        child = Child(self.root.start, self.root)
        for step in path:
            below = (child.node.children or {}).get(step)
            if below is None:
                return child, False
            child = below
        return child, True

    def _line(self, line: int) -> str:
        return self.lines[line - 1] if line <= len(self.lines) else ""


def dotted(path: DataPath) -> str:
    """A path in dotted form: `avro.registry.url[0]`."""
    parts = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in path]
    return "".join(parts).removeprefix(".")


def parse(text: str, file: str) -> Document:
    """Parse `text`; `file` is only its name in messages.

    Raises:
        Problems: not YAML, not one document, over a limit, or a construct that the format
            forbids (a duplicate key, a tag, a merge key). It has every mistake found before
            parsing had to stop.
    """
    text = text.removeprefix("\ufeff")
    lines = tuple(_BREAK.split(text))
    reader: TreeReader | None = None
    faults: list[YamlFault] = []
    try:
        _check_input(text)
        reader = TreeReader(text)
        root = reader.read()
    except Malformed as malformed:
        faults.append(malformed.fault)
    except yaml.YAMLError as error:
        faults.append(syntax_fault(error))
    else:
        if not reader.faults:
            return Document(file, text, root.value, root, lines)
    raise Problems(
        _problem(fault, file, lines) for fault in (*(reader.faults if reader else ()), *faults)
    )


def _check_input(text: str) -> None:
    """Stop before parsing if the text is too long or has characters that are not text."""
    match = _NOT_TEXT.search(text)
    if match is not None:
        before = _BREAK.split(text[: match.start()])
        mark = Mark(match.start(), len(before) - 1, len(before[-1]))
        message = f"the character U+{ord(match[0]):04X} is not text"
        raise Malformed(YamlFault("D002", message, mark, "save the file as UTF-8 text without it"))
    if len(text.encode()) > SIZE_BYTES_MAX:
        message = f"the file has more than {SIZE_BYTES_MAX} bytes"
        raise Malformed(YamlFault("D001", message, Mark(0, 0, 0), "split it into several files"))


def _problem(fault: YamlFault, file: str, lines: tuple[str, ...]) -> Problem:
    line = min(fault.mark.line, len(lines) - 1)
    column = fault.mark.column if line == fault.mark.line else len(lines[line])
    place = SourcePlace(file, line + 1, column + 1)
    return Problem(fault.code, fault.message, place, fault.fix, lines[line])
