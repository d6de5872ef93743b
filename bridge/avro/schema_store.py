"""The sources of writer schemas: the interface for the decoder, and the schemas of local files.

Invariants: `known` never waits, so a record with a known schema costs no await.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from bridge.avro.wire_formats import SchemaFile, SchemaKey
from bridge.errors import SetupError, Unavailable
from bridge.schema.parser import UnusableSchema, parse_schema
from bridge.schema.types import Schema


@dataclass(frozen=True, slots=True)
class WriterSchema:
    """A schema from a store; `label` names it in messages, `version` is its subject's version.

    `texts` is the JSON of the schemas it references, followed by its own JSON.
    """

    label: str
    schema: Schema
    version: int | None = None
    texts: tuple[str, ...] = field(default=(), compare=False, repr=False)


class SchemaStore(Protocol):
    """Finds writer schemas by the keys in records."""

    def known(self, key: SchemaKey) -> WriterSchema | None:
        """The schema if it is in memory."""
        ...

    async def fetch(self, key: SchemaKey) -> WriterSchema:
        """Get the schema, from a remote registry if needed; raises Unavailable or PoisonRecord."""
        ...


class FileSchemas:
    """The schemas of local `.avsc` files, all read at startup; raises SetupError."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._schemas = {SchemaFile(path): read_schema_file(path) for path in paths}

    def __getitem__(self, path: str) -> WriterSchema:
        """The schema of one of the files."""
        return self._schemas[SchemaFile(path)]

    def known(self, key: SchemaKey) -> WriterSchema | None:
        """The schema of a file that was read at startup."""
        return self._schemas.get(key) if isinstance(key, SchemaFile) else None

    async def fetch(self, key: SchemaKey) -> WriterSchema:
        """Get a schema that was read at startup; raises Unavailable for any other."""
        schema = self.known(key)
        if schema is None:
            raise Unavailable(f"cannot look up {key}: set `avro.registry.url`")
        return schema


class Schemas:
    """Local files for file keys, the registry for all other keys."""

    def __init__(self, files: FileSchemas, registry: SchemaStore) -> None:
        self._files = files
        self._registry = registry

    def known(self, key: SchemaKey) -> WriterSchema | None:
        """The schema if its store has it in memory."""
        return self._store(key).known(key)

    async def fetch(self, key: SchemaKey) -> WriterSchema:
        """Get the schema from the store for this kind of key."""
        return await self._store(key).fetch(key)

    def _store(self, key: SchemaKey) -> SchemaStore:
        return self._files if isinstance(key, SchemaFile) else self._registry


def read_schema_file(path: str) -> WriterSchema:
    """Read one `.avsc` file; raises SetupError, naming the file."""
    try:
        text = Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(f"cannot read the schema file {path}: {error}") from None
    try:
        return WriterSchema(Path(path).name, parse_schema(text), texts=(text,))
    except UnusableSchema as error:
        raise SetupError(f"the schema file {path} is not a usable Avro schema: {error}") from None
