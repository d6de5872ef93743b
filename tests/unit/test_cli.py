"""The list of commands, and what it imports."""

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from bridge.cli import COMMANDS, INTERNAL_ERROR, main

PAYLOAD = "usr:1 paid with 4111"
HEAVY = {"aiohttp", "confluent_kafka", "fastavro", "pydantic", "uvloop", "yaml"}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_listed_command_exists(name: str) -> None:
    """And prints its own help."""
    command = main.get_command(click.Context(main), name)
    assert command is not None
    assert command.name == name
    assert CliRunner().invoke(main, [name, "--help"]).exit_code == 0


def test_the_list_shows_complete_sentences() -> None:
    """No summary is cut off."""
    shown = CliRunner().invoke(main, ["--help"], terminal_width=100).output
    for name, entry in COMMANDS.items():
        assert name in shown
        assert entry.summary in shown


def test_an_unknown_command_is_named() -> None:
    """A usage error: exit code 2."""
    result = CliRunner().invoke(main, ["rnu"])
    assert result.exit_code == 2
    assert "rnu" in result.output


def test_an_unexpected_error_is_reported_without_a_traceback_of_values(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its message could contain a payload, so only its type and the lines of code are shown."""

    def fail(*_: object) -> None:
        raise RuntimeError(PAYLOAD)

    monkeypatch.setattr(click.Command, "invoke", fail)
    result = CliRunner().invoke(main, ["schema", "mapping"])
    assert result.exit_code == INTERNAL_ERROR
    assert "failed: RuntimeError. This is a bug of the bridge." in result.output
    assert "in fail" in result.output
    assert PAYLOAD not in result.output


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_help_and_version_import_nothing_heavy(arguments: list[str]) -> None:
    """They took 0.6 s when they imported every command."""
    statement = f"from bridge.cli import main; main({arguments}, standalone_mode=False)"
    assert _imported(statement) & HEAVY == set()


def test_the_healthcheck_imports_nothing_of_the_running_bridge() -> None:
    """A container runs it every few seconds."""
    statement = "import bridge.commands.healthcheck"
    assert _imported(statement) & (HEAVY - {"pydantic", "yaml"}) == set()


def _imported(statement: str) -> set[str]:
    """Return the modules that a new interpreter has imported after a statement."""
    program = f"import sys; {statement}; print(chr(10), *sys.modules)"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())
