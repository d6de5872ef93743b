"""The list of commands, and what it costs to see it."""

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from bridge.cli import COMMANDS, main

HEAVY = {"aiohttp", "confluent_kafka", "fastavro", "pydantic", "uvloop", "yaml"}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_where_the_list_says(name: str) -> None:
    """Its own help is there, too."""
    command = main.get_command(click.Context(main), name)
    assert command is not None
    assert command.name == name
    assert CliRunner().invoke(main, [name, "--help"]).exit_code == 0


def test_the_list_is_shown_with_whole_sentences() -> None:
    """Nothing of it is cut off."""
    shown = CliRunner().invoke(main, ["--help"], terminal_width=100).output
    for name, entry in COMMANDS.items():
        assert name in shown
        assert entry.summary in shown


def test_a_command_that_there_is_not_is_named() -> None:
    """Wrong use: exit code 2."""
    result = CliRunner().invoke(main, ["rnu"])
    assert result.exit_code == 2
    assert "rnu" in result.output


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_help_and_version_import_nothing_heavy(arguments: list[str]) -> None:
    """They took 0.6 s while every command was imported for them."""
    does = f"from bridge.cli import main; main({arguments}, standalone_mode=False)"
    assert _imported(does) & HEAVY == set()


def test_the_healthcheck_imports_nothing_of_the_bridge_at_work() -> None:
    """A container runs it every few seconds."""
    does = "import bridge.commands.healthcheck"
    assert _imported(does) & (HEAVY - {"pydantic", "yaml"}) == set()


def _imported(does: str) -> set[str]:
    """The modules that a fresh interpreter has after a statement."""
    program = f"import sys; {does}; print(chr(10), *sys.modules)"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())
