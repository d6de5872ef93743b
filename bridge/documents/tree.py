"""Reads YAML text into a tree of nodes with positions; only this module uses the YAML parser.

Invariants: the tree is built from parser events, never by the library's constructors, so no text
can create an object, run code, or nest or expand without limit. Each exceeded limit is a problem.

Codes: D001 too large, D002 not text, D003 not YAML, D004 nested too deeply, D005 aliases expand
too far, D006 unknown alias, D007 duplicate key, D008 key not text, D009 merge key, D010 tag,
D011 several documents, D012 empty, D013 number out of range.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import yaml

from bridge.documents.scalars import resolve

DEPTH_MAX = 64
"""Levels of lists and objects; a hand-written file has fewer than ten."""

EXPANSION_MAX = 10_000
"""Nodes that aliases may add to a file: prevents the "billion laughs" attack."""

YamlStep = str | int
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Mark(NamedTuple):
    """A position in the text, all 0-based, in characters."""

    offset: int
    line: int
    column: int


class YamlFault(NamedTuple):
    """A mistake in the YAML, at its position."""

    code: str
    message: str
    mark: Mark
    fix: str | None = None


class Malformed(Exception):
    """Parsing cannot continue."""

    def __init__(self, fault: YamlFault) -> None:
        super().__init__(fault.message)
        self.fault = fault


class Child(NamedTuple):
    """A node under its key or at its index, and the position of the key."""

    key: Mark
    node: "YamlNode"


@dataclass(frozen=True, slots=True)
class YamlNode:
    """A value with its start and end in the text.

    `children` is None for a scalar; `written` is a scalar's text before it is resolved.
    `size` counts nodes, `height` levels, both with aliases expanded.
    """

    start: Mark
    end: Mark
    value: Any
    children: dict[YamlStep, Child] | None = None
    written: str | None = None
    size: int = 1
    height: int = 1


class TreeReader:
    """Reads one document; `faults` has the mistakes that did not stop the parsing."""

    def __init__(self, text: str) -> None:
        self._events: Iterator[Any] = yaml.parse(text, Loader=_LOADER)
        self._anchors: dict[str, YamlNode | None] = {}
        self._expanded = 0
        self.faults: list[YamlFault] = []

    def read(self) -> YamlNode:
        """The root node.

        Raises:
            Malformed: empty, several documents, or over a limit.
            yaml.YAMLError: the text is not YAML.
        """
        next(self._events)
        event = next(self._events)
        if isinstance(event, yaml.StreamEndEvent):
            raise Malformed(YamlFault("D012", "the file is empty", Mark(0, 0, 0)))
        root = self._node(next(self._events), 1)
        next(self._events)
        event = next(self._events)
        if not isinstance(event, yaml.StreamEndEvent):
            message = "a second document begins here; a file can have only one"
            fix = "move it to its own file, or remove the `---`"
            raise Malformed(YamlFault("D011", message, _mark(event.start_mark), fix))
        if root.written == "" and root.value is None:
            raise Malformed(YamlFault("D012", "the file is empty", Mark(0, 0, 0)))
        return root

    def _node(self, event: Any, depth: int) -> YamlNode:
        mark = _mark(event.start_mark)
        if depth > DEPTH_MAX:
            raise Malformed(YamlFault("D004", f"nested deeper than {DEPTH_MAX} levels", mark))
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, depth)
        if event.tag is not None:
            tag = _short(event.tag.replace("tag:yaml.org,2002:", "!!"))
            message = f"the tag `{tag}` is not supported"
            fix = "remove it; quote a value that must be text"
            self.faults.append(YamlFault("D010", message, mark, fix))
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        node = self._plain_node(event, depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _plain_node(self, event: Any, depth: int) -> YamlNode:
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(event, depth)
        return self._mapping(event, depth)

    def _scalar(self, event: Any) -> YamlNode:
        value: Any = event.value
        mark = _mark(event.start_mark)
        if event.implicit[0]:
            try:
                value = resolve(event.value)
            except ValueError as error:
                self.faults.append(YamlFault("D013", str(error), mark, "quote it if it is text"))
        return YamlNode(mark, _mark(event.end_mark), value, written=event.value)

    def _sequence(self, start: Any, depth: int) -> YamlNode:
        children: dict[YamlStep, Child] = {}
        event = next(self._events)
        while not isinstance(event, yaml.SequenceEndEvent):
            node = self._node(event, depth + 1)
            children[len(children)] = Child(node.start, node)
            event = next(self._events)
        value = [child.node.value for child in children.values()]
        return _branch(start, event, value, children)

    def _mapping(self, start: Any, depth: int) -> YamlNode:
        children: dict[YamlStep, Child] = {}
        event = next(self._events)
        while not isinstance(event, yaml.MappingEndEvent):
            plain = isinstance(event, yaml.ScalarEvent) and event.implicit[0]
            key = self._node(event, depth + 1)
            node = self._node(next(self._events), depth + 1)
            if self._is_key(key, plain=plain, seen=children):
                children[key.value] = Child(key.start, node)
            event = next(self._events)
        value = {key: child.node.value for key, child in children.items()}
        return _branch(start, event, value, children)

    def _is_key(self, key: YamlNode, *, plain: bool, seen: dict[YamlStep, Child]) -> bool:
        """Whether the node is a valid key here; records a fault if not."""
        fault: YamlFault | None = None
        if not isinstance(key.value, str):
            shown = f'write it as "{_short(key.written)}"' if key.written else "write text"
            fault = YamlFault("D008", "a key must be text", key.start, shown)
        elif plain and key.value == "<<":
            message = "merge keys (`<<`) are not supported"
            fault = YamlFault("D009", message, key.start, "write the keys out")
        elif key.value in seen:
            first = seen[key.value].key.line + 1
            message = f"duplicate key `{_short(key.value)}`, first in line {first}"
            fault = YamlFault("D007", message, key.start, "remove one of them")
        if fault is not None:
            self.faults.append(fault)
        return fault is None

    def _alias(self, event: Any, depth: int) -> YamlNode:
        mark = _mark(event.start_mark)
        name = _short(event.anchor)
        if event.anchor not in self._anchors:
            fix = f'quote the text if it begins with an asterisk: "*{name}"'
            message = f"there is no anchor `&{name}` before this alias"
            raise Malformed(YamlFault("D006", message, mark, fix))
        node = self._anchors[event.anchor]
        if node is None:
            message = f"the alias `*{name}` is inside its own anchor"
            raise Malformed(YamlFault("D005", message, mark))
        self._expanded += node.size
        if self._expanded > EXPANSION_MAX:
            message = f"aliases add more than {EXPANSION_MAX} values"
            raise Malformed(YamlFault("D005", message, mark, "write the values out"))
        if depth + node.height - 1 > DEPTH_MAX:
            raise Malformed(YamlFault("D004", f"nested deeper than {DEPTH_MAX} levels", mark))
        end = _mark(event.end_mark)
        return YamlNode(mark, end, node.value, node.children, node.written, node.size, node.height)


def _branch(start: Any, end: Any, value: Any, children: dict[YamlStep, Child]) -> YamlNode:
    nodes = [child.node for child in children.values()]
    size = 1 + sum(node.size for node in nodes)
    height = 1 + max((node.height for node in nodes), default=0)
    marks = _mark(start.start_mark), _mark(end.end_mark)
    return YamlNode(*marks, value, children, size=size, height=height)


def _mark(mark: Any) -> Mark:
    return Mark(mark.index, mark.line, mark.column)


def _short(text: str | None) -> str:
    """The text, shortened for a message."""
    shown = (text or "").replace("\n", " ")
    return shown if len(shown) <= 60 else f"{shown[:59]}…"
