"""Local schema files, and the store for each kind of key."""

import asyncio
import json
from pathlib import Path

import pytest

from bridge.avro.schema_store import FileSchemas, Schemas, WriterSchema, read_schema_file
from bridge.avro.wire_formats import SchemaFile, SchemaId, SchemaKey
from bridge.errors import SetupError, Unavailable
from tests.unit.avro.samples import PAYMENT, tree


@pytest.fixture
def avsc(tmp_path: Path) -> str:
    """A schema file."""
    path = tmp_path / "payment.avsc"
    path.write_text(json.dumps(PAYMENT))
    return str(path)


def test_a_local_file_is_read_at_startup(avsc: str) -> None:
    """Later changes to the file have no effect, and no record waits for the disk."""
    files = FileSchemas([avsc])
    Path(avsc).unlink()
    schema = files.known(SchemaFile(avsc))
    assert schema is not None
    assert (schema.label, schema.schema) == ("payment.avsc", tree(PAYMENT))
    assert asyncio.run(files.fetch(SchemaFile(avsc))) is schema


async def test_a_record_with_an_id_needs_a_registry(avsc: str) -> None:
    """Without one, the schema is unavailable and the record waits: the fix is a setting."""
    files = FileSchemas([avsc])
    assert files.known(SchemaId(1)) is None
    with pytest.raises(Unavailable, match=r"avro\.registry\.url"):
        await files.fetch(SchemaId(1))


@pytest.mark.parametrize("content", [b"{", b'{"type": "array"}', b"\xff"])
def test_an_invalid_schema_file_is_an_error_at_startup(tmp_path: Path, content: bytes) -> None:
    """The message names the file."""
    path = tmp_path / "bad.avsc"
    path.write_bytes(content)
    with pytest.raises(SetupError, match=r"bad\.avsc"):
        FileSchemas([str(path)])


def test_a_missing_schema_file_is_an_error_at_startup() -> None:
    """The message names the file."""
    with pytest.raises(SetupError, match=r"cannot read the schema file /nowhere/a\.avsc"):
        read_schema_file("/nowhere/a.avsc")


class _FakeRegistry:
    """Knows a key only after it was fetched."""

    def __init__(self) -> None:
        self.fetched: list[SchemaKey] = []

    def known(self, key: SchemaKey) -> WriterSchema | None:
        return WriterSchema(str(key), tree("int")) if key in self.fetched else None

    async def fetch(self, key: SchemaKey) -> WriterSchema:
        self.fetched.append(key)
        return WriterSchema(str(key), tree("int"))


async def test_file_keys_go_to_the_files_and_ids_to_the_registry(avsc: str) -> None:
    """A file key never reaches the registry, and an id never reaches the files."""
    registry = _FakeRegistry()
    schemas = Schemas(FileSchemas([avsc]), registry)
    assert schemas.known(SchemaFile(avsc)) is not None
    assert await schemas.fetch(SchemaFile(avsc)) is schemas.known(SchemaFile(avsc))
    assert schemas.known(SchemaId(1)) is None
    assert (await schemas.fetch(SchemaId(1))).label == "schema id 1"
    assert schemas.known(SchemaId(1)) is not None
    assert registry.fetched == [SchemaId(1)]
