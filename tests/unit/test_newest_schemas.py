"""The check before the first record: mappings must fit the newest schema of every topic."""

import asyncio
import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from bridge.app.bridge import Bridge
from bridge.app.components import schema_files
from bridge.avro.registry.client import RegistryClient
from bridge.avro.schema_store import FileSchemas, WriterSchema
from bridge.errors import SetupError
from bridge.observer import Fact, Info
from bridge.schema.parser import parse_schema
from tests.unit.test_config import BY_NAME, BY_PATTERN, config


def schema(**types: Any) -> str:
    """Return the schema of a record with these fields."""
    fields = [{"name": name, "type": type_} for name, type_ in types.items()]
    return json.dumps({"type": "record", "name": "n.R", "fields": fields})


class Start:
    """A starting bridge with a fake registry and a folder of schema files."""

    def __init__(self, folder: Path, mappings: Sequence[dict[str, Any]], **avro: Any) -> None:
        self.facts: list[Fact] = []
        self.subjects: dict[str, str] = {}
        settings = {"avro": {"registry": {"url": "https://registry"}, "topics": avro}}
        self._bridge = Bridge(config(folder, list(mappings), **settings), self)

    def notify(self, fact: Fact) -> None:
        """Record a fact."""
        self.facts.append(fact)

    async def latest(self, subject: str) -> WriterSchema | None:
        """Return the newest version of a subject."""
        found = self.subjects.get(subject)
        return None if found is None else WriterSchema(subject, parse_schema(found))

    def check(self, topics: Collection[str] = ()) -> None:
        """Run the check of a start, with these topics in the cluster."""
        files = FileSchemas(schema_files(self._bridge._config.settings))
        registry = cast("RegistryClient", self)
        asyncio.run(self._bridge._check_newest_schemas(files, registry, topics))


@pytest.mark.parametrize("wire_format", ["raw", "single_object"])
def test_a_topic_with_schema_files_is_checked_against_the_newest_file(
    tmp_path: Path, wire_format: str
) -> None:
    """The registry is not queried."""
    (tmp_path / "right.avsc").write_text(schema(u="string"))
    (tmp_path / "wrong.avsc").write_text(schema(user="string"))

    def start(*files: str) -> Start:
        codec = {"wire_format": wire_format, "schema": list(files)}
        return Start(tmp_path, [BY_NAME | {"topics": ["payments"]}], payments=codec)

    start("right.avsc").check()
    with pytest.raises(SetupError, match="the schema has no field `u`"):
        start("wrong.avsc").check()
    if wire_format == "single_object":
        start("wrong.avsc", "right.avsc").check()
        with pytest.raises(SetupError, match="the schema has no field `u`"):
            start("right.avsc", "wrong.avsc").check()


def test_existing_topics_that_a_pattern_matches_are_checked_too(tmp_path: Path) -> None:
    """By their subjects; a missing subject is reported and is not an error."""
    start = Start(tmp_path, [BY_PATTERN])
    start.subjects = {
        "shop.eu-value": schema(u="string"),
        "other-value": schema(x="string"),
    }
    start.check(["shop.eu", "shop.us", "other"])
    assert start.facts == [Info("the registry has no subject shop.us-value yet")]

    start.subjects["shop.us-value"] = schema(user="string")
    with pytest.raises(SetupError, match="the schema has no field `u`"):
        start.check(["shop.eu", "shop.us", "other"])
    start.check(["shop.eu", "other"])
