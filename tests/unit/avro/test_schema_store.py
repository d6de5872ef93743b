"""Local schema files, and which store answers for which key."""

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


def test_a_local_file_is_read_at_the_start(avsc: str) -> None:
    """Later changes of the file change nothing: no record waits for a disk."""
    files = FileSchemas([avsc])
    Path(avsc).unlink()
    found = files.known(SchemaFile(avsc))
    assert found is not None
    assert (found.label, found.schema) == ("payment.avsc", tree(PAYMENT))
    assert asyncio.run(files.fetch(SchemaFile(avsc))) is found


async def test_a_record_with_an_id_needs_a_registry(avsc: str) -> None:
    """Files alone cannot answer; the record waits, since the cure is a setting."""
    files = FileSchemas([avsc])
    assert files.known(SchemaId(1)) is None
    with pytest.raises(Unavailable, match=r"avro\.registry\.url"):
        await files.fetch(SchemaId(1))


@pytest.mark.parametrize("content", [b"{", b'{"type": "array"}', b"\xff"])
def test_a_file_that_is_no_schema_is_told_at_the_start(tmp_path: Path, content: bytes) -> None:
    """The message names the file."""
    path = tmp_path / "bad.avsc"
    path.write_bytes(content)
    with pytest.raises(SetupError, match=r"bad\.avsc"):
        FileSchemas([str(path)])


def test_a_missing_file_is_told_at_the_start() -> None:
    """The message names the file."""
    with pytest.raises(SetupError, match=r"/nowhere/a\.avsc cannot be read"):
        read_schema_file("/nowhere/a.avsc")


class _Registry:
    """Knows one id only after it was fetched."""

    def __init__(self) -> None:
        self.asked: list[SchemaKey] = []

    def known(self, key: SchemaKey) -> WriterSchema | None:
        return WriterSchema(str(key), tree("int")) if key in self.asked else None

    async def fetch(self, key: SchemaKey) -> WriterSchema:
        self.asked.append(key)
        return WriterSchema(str(key), tree("int"))


async def test_files_and_registry_answer_each_for_their_keys(avsc: str) -> None:
    """A file's key never reaches the registry, an id never the files."""
    registry = _Registry()
    schemas = Schemas(FileSchemas([avsc]), registry)
    assert schemas.known(SchemaFile(avsc)) is not None
    assert await schemas.fetch(SchemaFile(avsc)) is schemas.known(SchemaFile(avsc))
    assert schemas.known(SchemaId(1)) is None
    assert (await schemas.fetch(SchemaId(1))).label == "schema id 1"
    assert schemas.known(SchemaId(1)) is not None
    assert registry.asked == [SchemaId(1)]
