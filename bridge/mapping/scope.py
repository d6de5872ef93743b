"""What one mapping sees while it is compiled for one schema: its paths, and what they need."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from bridge.mapping import readers
from bridge.mapping.codes import Code
from bridge.mapping.findings import Fault, Findings, Within
from bridge.mapping.leaves import Leaf
from bridge.mapping.locate import Located, Locator
from bridge.mapping.options import Options
from bridge.mapping.paths import Path, parse_path
from bridge.mapping.schema import Record, Schema

_TEXT = Leaf("text", "text")


@dataclass(slots=True)
class Scope:
    """Locates paths for one mapping; `schema` None is a tombstone, where every value is missing.

    `wanted` collects what has been asked for, as field names from the root; `taken`, by the path
    as the file writes it, what its value is taken for.
    """

    topic: str
    schema: Schema | None
    options: Options
    findings: Findings
    present: Iterable[str] = ()
    wanted: set[tuple[str, ...]] = field(default_factory=set)
    taken: dict[str, tuple[Leaf, ...]] = field(default_factory=dict)
    reads_record: bool = False
    """Whether something was asked for that stands beside the value: key, header, time …"""

    def locate(self, text: str) -> Located:
        """What a path leads to.

        Raises:
            Fault: it leads nowhere.
        """
        return self.locate_path(parse_path(text))

    def locate_all(self, texts: Iterable[str]) -> list[Located]:
        """What the paths of a `first_of` lead to.

        Raises:
            Fault: one of them leads nowhere.
        """
        found = []
        for index, text in enumerate(texts):
            with Within("first_of", index):
                found.append(self.locate(text))
        return found

    def locate_path(self, path: Path) -> Located:
        """What a parsed path leads to.

        Raises:
            Fault: it leads nowhere.
        """
        if path.root == "value":
            return self._value(path)
        if path.root == "record":
            name = self._record_name(path)
            return Located(path, (_TEXT,), readers.constant(name), constant=name)
        return self._metadata(path)

    def _value(self, path: Path) -> Located:
        if self.schema is None:
            return Located(path, (), readers.missing, missing=True)
        located = Locator(self.schema, self.present).locate(path)
        if located.wanted is not None:
            self.wanted.add(located.wanted)
        self.taken[path.text] = located.leaves
        return located

    def _metadata(self, path: Path) -> Located:
        number = Leaf("int", "whole number")
        self.reads_record |= path.root != "topic"
        match path.root:
            case "key":
                return Located(path, (_TEXT,), readers.key, missing=True)
            case "headers":
                return Located(path, (_TEXT,), readers.header(path.header), missing=True)
            case "partition":
                return Located(path, (number,), readers.partition)
            case "offset":
                return Located(path, (number,), readers.offset)
            case "timestamp":
                leaf = Leaf("instant", "timestamp-millis", digits=3)
                return Located(path, (leaf,), readers.timestamp)
            case _:
                read = readers.constant(self.topic)
                return Located(path, (_TEXT,), read, constant=self.topic)

    def _record_name(self, path: Path) -> str:
        if self.schema is None:
            return ""
        locator = Locator(self.schema)
        names = [type_.name for type_ in locator.roots() if isinstance(type_, Record)]
        if len(names) != 1:
            message = f"`{path.text}`: the schema's top is not one record"
            raise Fault(Code.RECORD_NAME, message, "tell them apart by a field")
        return names[0]
