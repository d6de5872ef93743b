"""The command `fullstory-bridge`."""

from importlib import import_module
from typing import Final, NamedTuple, cast

import click

from bridge import __version__


class CommandEntry(NamedTuple):
    """Where a command is, and what the list of commands says of it."""

    place: str
    summary: str


COMMANDS: Final = {
    "check": CommandEntry(
        "bridge.commands.check:check", "Check all that can be known before anything runs."
    ),
    "config": CommandEntry(
        "bridge.commands.config:config",
        "Show all settings and where each came from; secrets as ***.",
    ),
    "dead-letters": CommandEntry(
        "bridge.commands.dead_letters.group:dead_letters",
        "Look at records that could not be delivered, and send them again.",
    ),
    "demo": CommandEntry(
        "bridge.commands.demo:demo", "Show events reach FullStory; no Kafka, no account needed."
    ),
    "explain": CommandEntry(
        "bridge.commands.explain:explain", "Tell what becomes of one record, and why."
    ),
    "fields": CommandEntry(
        "bridge.commands.fields:fields", "List every field that leaves, for a privacy review."
    ),
    "healthcheck": CommandEntry(
        "bridge.commands.healthcheck:healthcheck",
        "Ask the running bridge's /livez: 0 when it is live, else 1.",
    ),
    "init": CommandEntry("bridge.commands.init:init", "Draft a mapping for a topic."),
    "run": CommandEntry("bridge.commands.run:run", "Read, map and deliver until SIGTERM."),
    "schema": CommandEntry(
        "bridge.commands.schema:schema", "Print the JSON Schema of a file, for your editor."
    ),
    "tap": CommandEntry(
        "bridge.commands.tap:tap", "Watch live records, and what each of them would become."
    ),
    "test": CommandEntry("bridge.commands.test:test", "Run the tests in mapping files."),
}


class LazyGroup(click.Group):
    """Imports only the command that is asked for, and none to list them: `run` imports much."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands, in the order of the list."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported now; None: there is none."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].place.partition(":")
        return cast("click.Command", getattr(import_module(module), name))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, from the summaries above."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="fullstory-bridge")
def main() -> None:
    """Business events from Kafka, attached to the user's recent FullStory session.

    Exit codes: 0 good, 1 problems found, 2 wrong use or set-up, 3 halted (`run --exit-on-halt`).
    """
