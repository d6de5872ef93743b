"""`schema`: the JSON Schemas for editors, the same as the shipped files."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.mapping.language import filters
from bridge.mapping.language.json_schema import mapping_schema
from tests.unit.commands.cli_fixture import run

SCHEMAS = Path(__file__).parents[3] / "schemas"


@pytest.mark.parametrize("which", ["mapping", "settings"])
def test_the_file_in_schemas_is_what_the_command_prints(which: str) -> None:
    """To update: fullstory-bridge schema WHICH > schemas/WHICH.schema.json."""
    text = (SCHEMAS / f"{which}.schema.json").read_text()

    assert run("schema", which).output == text


@pytest.mark.parametrize("which", ["mapping", "settings"])
def test_every_key_has_a_description(which: str) -> None:
    """An editor shows it with the key."""
    exported = json.loads(run("schema", which).output)

    undescribed = [name for name, node in _keys(exported) if not node.get("description")]

    assert undescribed == []
    assert exported["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_short_and_long_forms_have_titles() -> None:
    """An editor offers both by title."""
    rule = json.loads(run("schema", "mapping").output)["$defs"]["MappingRule"]["properties"]

    for key in ("uid", "event", "timestamp", "session"):
        titles = [branch.get("title") for branch in rule[key]["anyOf"]]
        assert titles == ["short form", "long form"], key


def test_the_filter_operators_are_those_of_the_parser() -> None:
    """The grammar is defined in two places."""
    operators = mapping_schema()["$defs"]["Operator"]["properties"]

    assert set(operators) == {*filters._OPERATORS, *filters._BOUNDS}
    assert set(mapping_schema()["$defs"]["Filter"]["properties"]) == set(filters._COMBINATORS)


@pytest.mark.parametrize(
    "file", sorted((SCHEMAS / "mappings").glob("*.yaml")), ids=lambda f: f.name
)
def test_the_examples_refer_to_the_schema(file: Path) -> None:
    """By the path in the modeline."""
    modeline = file.read_text().splitlines()[0]
    path = modeline.removeprefix("# yaml-language-server: $schema=")

    assert (file.parent / path).resolve() == SCHEMAS / "mapping.schema.json"


def _keys(node: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(node, list):
        for item in node:
            yield from _keys(item)
    if not isinstance(node, dict):
        return
    properties = node.get("properties", {})
    if node.get("type") == "object" or "$schema" in node:
        yield from properties.items()
    for below in node.values():
        yield from _keys(below)
