"""What is checked before the first record: the newest schema of every topic that is known."""

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


def text(**types: Any) -> str:
    """A record with these fields."""
    fields = [{"name": name, "type": type_} for name, type_ in types.items()]
    return json.dumps({"type": "record", "name": "n.R", "fields": fields})


class Start:
    """A bridge that begins, with a registry that knows subjects and a folder of schema files."""

    def __init__(self, folder: Path, mappings: Sequence[dict[str, Any]], **avro: Any) -> None:
        self.facts: list[Fact] = []
        self.subjects: dict[str, str] = {}
        settings = {"avro": {"registry": {"url": "https://registry"}, "topics": avro}}
        self._bridge = Bridge(config(folder, list(mappings), **settings), self)

    def notify(self, fact: Fact) -> None:
        """Note a fact."""
        self.facts.append(fact)

    async def latest(self, subject: str) -> WriterSchema | None:
        """The newest version of a subject."""
        found = self.subjects.get(subject)
        return None if found is None else WriterSchema(subject, parse_schema(found))

    def check(self, topics: Collection[str] = ()) -> None:
        """What a start checks, with these topics in the cluster."""
        files = FileSchemas(schema_files(self._bridge._config.settings))
        registry = cast("RegistryClient", self)
        asyncio.run(self._bridge._check_newest(files, registry, topics))


@pytest.mark.parametrize("wire_format", ["raw", "single_object"])
def test_a_topic_with_schema_files_is_checked_against_the_newest_of_them(
    tmp_path: Path, wire_format: str
) -> None:
    """As against the newest version of a subject; the registry is not asked."""
    (tmp_path / "right.avsc").write_text(text(u="string"))
    (tmp_path / "wrong.avsc").write_text(text(user="string"))

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


def test_the_topics_of_a_pattern_that_are_there_are_checked_too(tmp_path: Path) -> None:
    """By their subjects; one that has none yet is said and waited for."""
    start = Start(tmp_path, [BY_PATTERN])
    start.subjects = {"shop.eu-value": text(u="string"), "other-value": text(x="string")}
    start.check(["shop.eu", "shop.us", "other"])
    assert start.facts == [Info("the registry has no subject shop.us-value yet")]

    start.subjects["shop.us-value"] = text(user="string")
    with pytest.raises(SetupError, match="the schema has no field `u`"):
        start.check(["shop.eu", "shop.us", "other"])
    start.check(["shop.eu", "other"])
