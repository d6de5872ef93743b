"""`fullstory-bridge schema`: the JSON Schemas for completion and validation in editors."""

import json
from typing import Literal

import click

from bridge.mapping.language.json_schema import mapping_schema
from bridge.settings.json_schema import settings_schema

_EXPORTS = {"mapping": mapping_schema, "settings": settings_schema}


@click.command()
@click.argument("which", type=click.Choice(["mapping", "settings"]))
def schema(which: Literal["mapping", "settings"]) -> None:
    """Print the JSON Schema of a file, for your editor.

    Editors with the YAML language server use it if a file begins with
    `# yaml-language-server: $schema=mapping.schema.json`.

    Example: fullstory-bridge schema mapping > mapping.schema.json
    """
    click.echo(as_text(which), nl=False)


def as_text(which: Literal["mapping", "settings"]) -> str:
    """The schema as the text of its file."""
    return json.dumps(_EXPORTS[which](), indent=2, ensure_ascii=False) + "\n"
