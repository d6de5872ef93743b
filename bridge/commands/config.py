"""`fullstory-bridge config`: the merged settings and the source of each."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from pydantic import SecretStr

from bridge.commands.shared.command import ExitCodes, config_flag, settings_of
from bridge.commands.shared.output import table
from bridge.documents.document import DataPath, dotted
from bridge.settings.load import Loaded
from bridge.settings.reference import described
from bridge.settings.sources.environment import KEY_VARIABLE, variables
from bridge.settings.sources.secrets import is_secret_name

_KAFKA = """\
Every librdkafka key under `kafka` has a variable too: BRIDGE_KAFKA_ and the key in capitals,
with _ for a dot, __ for an underscore, ___ for a dash: BRIDGE_KAFKA_BOOTSTRAP_SERVERS.
For any variable NAME you can set NAME_FILE instead: the path of a file that holds the value."""


@click.command()
@config_flag
@click.option("--env", is_flag=True, help="List the environment variables and exit.")
def config(config_file: Path | None, env: bool) -> None:
    """Show all settings and the source of each; secrets are shown as ***.

    Example: fullstory-bridge config --config bridge.yaml
    """
    if env:
        click.echo("\n".join(_variables()))
        return
    with ExitCodes():
        loaded = settings_of(config_file)
    click.echo("\n".join(_settings(loaded)))


def _settings(loaded: Loaded) -> list[str]:
    values = loaded.settings.model_dump(by_alias=True)
    header = ("SETTING", "VALUE", "FROM")
    rows = [
        (dotted(path), _shown(path, value), loaded.origins.get(dotted(path), "default"))
        for path, value in _leaves(values, ())
    ]
    return table([header, *rows])


def _leaves(value: Any, path: DataPath) -> Iterator[tuple[DataPath, Any]]:
    """The leaf values with their paths; a list counts as one value."""
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
    """Each variable, its setting and what the setting does."""
    header = ("VARIABLE", "SETTING", "MEANING")
    key = (KEY_VARIABLE, "fullstory.key", "FullStory's own name for the API key.")
    rows = [(name, dotted(path), described(path)) for name, path in sorted(variables().items())]
    return [*table([header, key, *rows]), "", *_KAFKA.splitlines()]
