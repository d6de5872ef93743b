"""`fullstory-bridge config`: the merged settings, each with where it came from."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from pydantic import SecretStr

from bridge.commands.shared.output import table
from bridge.documents.document import DataPath, dotted
from bridge.errors import SetupError
from bridge.kafka.client_keys import KNOWN_KEYS
from bridge.settings.load import DEFAULT_FILE, Loaded, load
from bridge.settings.reference import described
from bridge.settings.sources.environment import KEY_VARIABLE, variables
from bridge.settings.sources.secrets import is_secret_name

_KAFKA = """\
Every key of librdkafka under `kafka` has a variable too: BRIDGE_KAFKA_ and the key in capitals,
with _ for a dot, __ for an underscore, ___ for a dash: BRIDGE_KAFKA_BOOTSTRAP_SERVERS.
Any variable may be given as NAME_FILE, the path of a file that holds the value."""


@click.command()
@click.option(
    "--config",
    "file",
    type=click.Path(path_type=Path),
    help="The settings file; bridge.yaml here, if there is one. Without a file: the environment.",
)
@click.option("--env", is_flag=True, help="List the environment variables, and no more.")
def config(file: Path | None, env: bool) -> None:
    """Show all settings and where each came from; secrets as ***.

    Example: fullstory-bridge config --config bridge.yaml
    """
    if env:
        click.echo("\n".join(_variables()))
        return
    if file is None and DEFAULT_FILE.exists():
        file = DEFAULT_FILE
    try:
        loaded = load(file, os.environ, known_kafka_keys=KNOWN_KEYS)
    except SetupError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    click.echo("\n".join(_settings(loaded)))


def _settings(loaded: Loaded) -> list[str]:
    values = loaded.settings.model_dump(by_alias=True)
    heads = ("SETTING", "VALUE", "FROM")
    rows = [
        (dotted(path), _shown(path, value), loaded.origins.get(dotted(path), "default"))
        for path, value in _leaves(values, ())
    ]
    return table([heads, *rows])


def _leaves(value: Any, path: DataPath) -> Iterator[tuple[DataPath, Any]]:
    """Single values with their paths; a list counts as one."""
    if isinstance(value, dict) and value:
        for key, below in value.items():
            yield from _leaves(below, (*path, key))
    else:
        yield path, value


def _shown(path: DataPath, value: Any) -> str:
    if value is None:
        return "~"
    if isinstance(value, SecretStr) or is_secret_name(str(path[-1])):
        return "***"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(str, value))}]"
    if isinstance(value, bool | dict):
        return json.dumps(value)
    return str(value)


def _variables() -> list[str]:
    """Each variable, its setting and what that does."""
    heads = ("VARIABLE", "SETTING", "MEANING")
    key = (KEY_VARIABLE, "fullstory.key", "FullStory's own name for the API key.")
    rows = [(name, dotted(path), described(path)) for name, path in sorted(variables().items())]
    return [*table([heads, key, *rows]), "", *_KAFKA.splitlines()]
