"""The context in which one mapping is compiled for one schema: resolves its paths."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bridge.mapping.compiler.path_resolver import PathResolver, ResolvedPath
from bridge.mapping.language.codes import Code
from bridge.mapping.language.diagnostics import Diagnostics, MappingFault, Within
from bridge.mapping.language.options import Options
from bridge.mapping.language.paths import Every, Path, Step, parse_path, path_text
from bridge.mapping.runtime import readers
from bridge.mapping.runtime.json_text import JsonText
from bridge.schema.avro_types import JSON_TYPES, AvroType, is_text
from bridge.schema.types import Schema

_TEXT = AvroType("text", "text")


def parsers_of(
    paths: Iterable[str], known: dict[str, JsonText] | None = None
) -> dict[tuple[Step, ...], JsonText]:
    """The parser of each text field with JSON; mappings that share `known` share their parsers."""
    known = {} if known is None else known
    return {parse_path(text).steps: known.setdefault(text, JsonText(text)) for text in paths}


@dataclass(slots=True)
class MappingScope:
    """Resolves paths for one mapping; `schema` None is a tombstone: every value is missing.

    `wanted` collects the fields that the mapping reads, as field names from the root. `avro_types`
    collects the types of each path, by its text in the file.
    """

    topic: str
    schema: Schema | None
    options: Options
    diagnostics: Diagnostics
    present: Iterable[str] = ()
    wanted: set[tuple[str, ...]] = field(default_factory=set)
    avro_types: dict[str, tuple[AvroType, ...]] = field(default_factory=dict)
    parsers: Mapping[tuple[Step, ...], JsonText] = field(default_factory=dict)
    """The text fields with JSON, by the steps that lead to them."""
    reads_metadata: bool = False
    """Whether the mapping reads record metadata, such as the key, a header or the timestamp."""

    def resolve(self, text: str) -> ResolvedPath:
        """Resolve a path.

        Raises:
            MappingFault: the path does not exist.
        """
        return self.resolve_path(parse_path(text))

    def resolve_all(self, texts: Iterable[str]) -> list[ResolvedPath]:
        """Resolve the paths of a `first_of`.

        Raises:
            MappingFault: one of the paths does not exist.
        """
        resolved = []
        for index, text in enumerate(texts):
            with Within("first_of", index):
                resolved.append(self.resolve(text))
        return resolved

    def resolve_path(self, path: Path) -> ResolvedPath:
        """Resolve a parsed path.

        Raises:
            MappingFault: the path does not exist.
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
        for end in range(len(path.steps) - 1, -1, -1):
            if path.steps[:end] in self.parsers:
                return self._in_json(path, end)
        resolved = PathResolver(self.schema, self.present).resolve(path)
        if resolved.wanted is not None:
            self.wanted.add(resolved.wanted)
        self.avro_types[path.text] = resolved.avro_types
        return resolved

    def _in_json(self, path: Path, end: int) -> ResolvedPath:
        """A path whose first `end` steps lead to a text with JSON.

        Everything in JSON can be missing, unless the filter proves it present.
        """
        parse, steps = self.parsers[path.steps[:end]], path.steps[end:]
        text = self._value(Path(parse.path, "value", path.steps[:end]))
        many = Every() in steps
        fixed = path.steps[: path.steps.index(Every())] if many else path.steps
        missing = path_text(fixed) not in self.present
        read = readers.reader_in_json(text.read, parse, steps)
        return ResolvedPath(path, JSON_TYPES, read, missing=missing, many=many)

    def check_parsed(self) -> None:
        """Report fields that are to be parsed, but do not exist or are not text."""
        if self.schema is None:
            return
        for steps, parse in self.parsers.items():
            if any(steps[:end] in self.parsers for end in range(len(steps))):
                continue  # JSON within JSON: no schema says what it is
            with self.diagnostics.catch("parse", parse.path, key=True):
                self._check_text(Path(parse.path, "value", steps), self.schema)

    def _check_text(self, path: Path, schema: Schema) -> None:
        resolved = PathResolver(schema).resolve(path)
        if resolved.many or not all(map(is_text, resolved.avro_types)):
            what = " or ".join(avro_type.what for avro_type in resolved.avro_types)
            what = f"an array of {what}" if resolved.many else what
            message = f"`parse` reads JSON from text, but `{path.text}` is {what}"
            raise MappingFault(Code.NO_CONVERSION, message, "name a field with a single text")

    def _metadata(self, path: Path) -> ResolvedPath:
        number = AvroType("int", "whole number")
        self.reads_metadata |= path.root != "topic"
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
        records = self.schema.records
        if len(records) != 1:
            message = f"`{path.text}`: the root of the schema is not a single record"
            raise MappingFault(Code.RECORD_NAME, message, "use a field to tell them apart")
        return records[0].name
