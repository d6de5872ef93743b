"""What one mapping sees while it is compiled for one schema: its paths, and what they need."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from bridge.mapping.compiler.path_resolver import PathResolver, ResolvedPath
from bridge.mapping.language.codes import Code
from bridge.mapping.language.diagnostics import Diagnostics, MappingFault, Within
from bridge.mapping.language.options import Options
from bridge.mapping.language.paths import Path, parse_path
from bridge.mapping.runtime import readers
from bridge.schema.avro_types import AvroType
from bridge.schema.types import Record, Schema

_TEXT = AvroType("text", "text")


@dataclass(slots=True)
class MappingScope:
    """Locates paths for one mapping; `schema` None is a tombstone, where every value is missing.

    `wanted` collects what has been asked for, as field names from the root; `taken`, by the path
    as the file writes it, what its value is taken for.
    """

    topic: str
    schema: Schema | None
    options: Options
    diagnostics: Diagnostics
    present: Iterable[str] = ()
    wanted: set[tuple[str, ...]] = field(default_factory=set)
    taken: dict[str, tuple[AvroType, ...]] = field(default_factory=dict)
    reads_record: bool = False
    """Whether something was asked for that stands beside the value: key, header, time …"""

    def resolve(self, text: str) -> ResolvedPath:
        """What a path leads to.

        Raises:
            Fault: it leads nowhere.
        """
        return self.resolve_path(parse_path(text))

    def resolve_all(self, texts: Iterable[str]) -> list[ResolvedPath]:
        """What the paths of a `first_of` lead to.

        Raises:
            Fault: one of them leads nowhere.
        """
        found = []
        for index, text in enumerate(texts):
            with Within("first_of", index):
                found.append(self.resolve(text))
        return found

    def resolve_path(self, path: Path) -> ResolvedPath:
        """What a parsed path leads to.

        Raises:
            Fault: it leads nowhere.
        """
        if path.root == "value":
            return self._value(path)
        if path.root == "record":
            name = self._record_name(path)
            return ResolvedPath(path, (_TEXT,), readers.constant(name), constant=name)
        return self._metadata(path)

    def _value(self, path: Path) -> ResolvedPath:
        if self.schema is None:
            return ResolvedPath(path, (), readers.missing, missing=True)
        located = PathResolver(self.schema, self.present).resolve(path)
        if located.wanted is not None:
            self.wanted.add(located.wanted)
        self.taken[path.text] = located.avro_types
        return located

    def _metadata(self, path: Path) -> ResolvedPath:
        number = AvroType("int", "whole number")
        self.reads_record |= path.root != "topic"
        match path.root:
            case "key":
                return ResolvedPath(path, (_TEXT,), readers.key, missing=True)
            case "headers":
                return ResolvedPath(path, (_TEXT,), readers.header(path.header), missing=True)
            case "partition":
                return ResolvedPath(path, (number,), readers.partition)
            case "offset":
                return ResolvedPath(path, (number,), readers.offset)
            case "timestamp":
                avro_type = AvroType("instant", "timestamp-millis", digits=3)
                return ResolvedPath(path, (avro_type,), readers.timestamp)
            case _:
                read = readers.constant(self.topic)
                return ResolvedPath(path, (_TEXT,), read, constant=self.topic)

    def _record_name(self, path: Path) -> str:
        if self.schema is None:
            return ""
        resolver = PathResolver(self.schema)
        names = [type_.name for type_ in resolver.roots() if isinstance(type_, Record)]
        if len(names) != 1:
            message = f"`{path.text}`: the schema's top is not one record"
            raise MappingFault(Code.RECORD_NAME, message, "tell them apart by a field")
        return names[0]
