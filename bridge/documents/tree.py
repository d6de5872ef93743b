"""YAML text to a tree of nodes with marks: the only file that talks to the YAML parser.

Invariants: built from parser events, never by the library's constructors, so no text can make an
object, run code, nest without end or expand without end. Every limit is told as a problem.

Codes: D001 too large, D002 not text, D003 not YAML, D004 nested too deeply, D005 aliases expand
too far, D006 unknown alias, D007 key twice, D008 key not text, D009 merge key, D010 tag,
D011 several documents, D012 empty, D013 a number that cannot be held.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import yaml

from bridge.documents.scalars import resolve

DEPTH_MAX = 64
"""Levels of lists and objects; a hand-written file has fewer than ten."""

EXPANSION_MAX = 10_000
"""Nodes that aliases may add to a file: ends the "billion laughs"."""

YamlStep = str | int
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Mark(NamedTuple):
    """A position in the text, all 0-based, in characters."""

    offset: int
    line: int
    column: int


class YamlFault(NamedTuple):
    """A mistake of form, at a spot."""

    code: str
    message: str
    spot: Mark
    fix: str | None = None


class Malformed(Exception):
    """Reading cannot go on."""

    def __init__(self, fault: YamlFault) -> None:
        super().__init__(fault.message)
        self.fault = fault


class Child(NamedTuple):
    """A node under its key (or at its index), and where the key stands."""

    key: Mark
    node: "YamlNode"


@dataclass(frozen=True, slots=True)
class YamlNode:
    """A value with its extent in the text.

    `children` is None for a scalar; `written` is a scalar's text before it was given a type.
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
    """Reads one document; `faults` holds the mistakes that did not end the reading."""

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
            message = "a second document begins here; one file holds one"
            fix = "move it to a file of its own, or remove the `---`"
            raise Malformed(YamlFault("D011", message, _spot(event.start_mark), fix))
        if root.written == "" and root.value is None:
            raise Malformed(YamlFault("D012", "the file is empty", Mark(0, 0, 0)))
        return root

    def _node(self, event: Any, depth: int) -> YamlNode:
        spot = _spot(event.start_mark)
        if depth > DEPTH_MAX:
            raise Malformed(YamlFault("D004", f"nested deeper than {DEPTH_MAX} levels", spot))
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, depth)
        if event.tag is not None:
            tag = _short(event.tag.replace("tag:yaml.org,2002:", "!!"))
            message = f"the tag `{tag}` has no meaning here"
            fix = "remove it; quote a value that must be text"
            self.faults.append(YamlFault("D010", message, spot, fix))
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
        spot = _spot(event.start_mark)
        if event.implicit[0]:
            try:
                value = resolve(event.value)
            except ValueError as error:
                self.faults.append(YamlFault("D013", str(error), spot, "quote it if it is text"))
        return YamlNode(spot, _spot(event.end_mark), value, written=event.value)

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
        """Whether it can stand as a key here; notes the fault when not."""
        fault: YamlFault | None = None
        if not isinstance(key.value, str):
            shown = f'write it as "{_short(key.written)}"' if key.written else "write text"
            fault = YamlFault("D008", "a key must be text", key.start, shown)
        elif plain and key.value == "<<":
            message = "merge keys (`<<`) are not part of this format"
            fault = YamlFault("D009", message, key.start, "write the keys out")
        elif key.value in seen:
            first = seen[key.value].key.line + 1
            message = f"the key `{_short(key.value)}` stands twice, first in line {first}"
            fault = YamlFault("D007", message, key.start, "remove one of them")
        if fault is not None:
            self.faults.append(fault)
        return fault is None

    def _alias(self, event: Any, depth: int) -> YamlNode:
        spot = _spot(event.start_mark)
        name = _short(event.anchor)
        if event.anchor not in self._anchors:
            fix = f'quote the text if it begins with an asterisk: "*{name}"'
            raise Malformed(YamlFault("D006", f"nothing before is named `&{name}`", spot, fix))
        node = self._anchors[event.anchor]
        if node is None:
            raise Malformed(YamlFault("D005", f"`*{name}` stands inside of what it names", spot))
        self._expanded += node.size
        if self._expanded > EXPANSION_MAX:
            message = f"aliases add more than {EXPANSION_MAX} values"
            raise Malformed(YamlFault("D005", message, spot, "write the values out"))
        if depth + node.height - 1 > DEPTH_MAX:
            raise Malformed(YamlFault("D004", f"nested deeper than {DEPTH_MAX} levels", spot))
        end = _spot(event.end_mark)
        return YamlNode(spot, end, node.value, node.children, node.written, node.size, node.height)


def _branch(start: Any, end: Any, value: Any, children: dict[YamlStep, Child]) -> YamlNode:
    nodes = [child.node for child in children.values()]
    size = 1 + sum(node.size for node in nodes)
    height = 1 + max((node.height for node in nodes), default=0)
    spots = _spot(start.start_mark), _spot(end.end_mark)
    return YamlNode(*spots, value, children, size=size, height=height)


def _spot(mark: Any) -> Mark:
    return Mark(mark.index, mark.line, mark.column)


def _short(text: str | None) -> str:
    """A name of theirs, short enough for a message."""
    shown = (text or "").replace("\n", " ")
    return shown if len(shown) <= 60 else f"{shown[:59]}…"
