"""Where writer schemas come from: what the decoder asks, and the schemas of local files.

Law: `known` never waits, so that a record whose schema is known costs no await.
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
    """A schema as its store knows it; `label` names it in messages, `version` its subject's.

    `texts` is its JSON, after that of the schemas it refers to.
    """

    label: str
    schema: Schema
    version: int | None = None
    texts: tuple[str, ...] = field(default=(), compare=False, repr=False)


class SchemaStore(Protocol):
    """Finds writer schemas by the keys that records carry."""

    def known(self, key: SchemaKey) -> WriterSchema | None:
        """The schema, if it is at hand."""
        ...

    async def fetch(self, key: SchemaKey) -> WriterSchema:
        """Get the schema from wherever it is; raises Unavailable or PoisonRecord."""
        ...


class FileSchemas:
    """The schemas of local `.avsc` files, all read at the start; raises SetupError."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._schemas = {SchemaFile(path): read_schema_file(path) for path in paths}

    def __getitem__(self, path: str) -> WriterSchema:
        """The schema of one of the files."""
        return self._schemas[SchemaFile(path)]

    def known(self, key: SchemaKey) -> WriterSchema | None:
        """The schema of a file that was read at the start."""
        return self._schemas.get(key) if isinstance(key, SchemaFile) else None

    async def fetch(self, key: SchemaKey) -> WriterSchema:
        """Get a schema that was read at the start; there is no other."""
        found = self.known(key)
        if found is None:
            raise Unavailable(f"{key} cannot be looked up: set `avro.registry.url`")
        return found


class Schemas:
    """Local files first, the registry for all else."""

    def __init__(self, files: FileSchemas, registry: SchemaStore) -> None:
        self._files = files
        self._registry = registry

    def known(self, key: SchemaKey) -> WriterSchema | None:
        """The schema, if either has it at hand."""
        return self._store(key).known(key)

    async def fetch(self, key: SchemaKey) -> WriterSchema:
        """Get the schema from the one that answers for this kind of key."""
        return await self._store(key).fetch(key)

    def _store(self, key: SchemaKey) -> SchemaStore:
        return self._files if isinstance(key, SchemaFile) else self._registry


def read_schema_file(path: str) -> WriterSchema:
    """Read one `.avsc` file; raises SetupError, naming the file."""
    try:
        text = Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(f"the schema file {path} cannot be read: {error}") from None
    try:
        return WriterSchema(Path(path).name, parse_schema(text), texts=(text,))
    except UnusableSchema as error:
        raise SetupError(f"the schema file {path} is no usable Avro schema: {error}") from None
