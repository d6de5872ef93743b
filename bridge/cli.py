"""The command `fullstory-bridge`."""

import sys
import traceback
from importlib import import_module
from typing import Any, Final, NamedTuple, cast

import click

from bridge import __version__

INTERNAL_ERROR: Final = 70
"""The exit code for an error in the program itself (`EX_SOFTWARE` of BSD's sysexits)."""


class CommandEntry(NamedTuple):
    """The import path of a command, and its line in the list of commands."""

    place: str
    summary: str


COMMANDS: Final = {
    "check": CommandEntry(
        "bridge.commands.check:check",
        "Check settings, mappings and their tests before you deploy them.",
    ),
    "config": CommandEntry(
        "bridge.commands.config:config",
        "Show all settings and the source of each; secrets are shown as ***.",
    ),
    "dead-letters": CommandEntry(
        "bridge.commands.dead_letters.group:dead_letters",
        "List, show and replay records that could not be delivered.",
    ),
    "demo": CommandEntry(
        "bridge.commands.demo:demo", "Watch payments and orders become FullStory events."
    ),
    "explain": CommandEntry(
        "bridge.commands.explain:explain",
        "Explain what each mapping does with one record, and why.",
    ),
    "fields": CommandEntry(
        "bridge.commands.fields:fields",
        "List every field that is sent to FullStory, for a privacy review.",
    ),
    "healthcheck": CommandEntry(
        "bridge.commands.healthcheck:healthcheck",
        "Query /livez of the running bridge: exit code 0 if it is live, else 1.",
    ),
    "init": CommandEntry("bridge.commands.init:init", "Draft a mapping for a topic."),
    "run": CommandEntry(
        "bridge.commands.run:run", "Read records, map them and deliver events until SIGTERM."
    ),
    "schema": CommandEntry(
        "bridge.commands.schema:schema", "Print the JSON Schema of a file format, for your editor."
    ),
    "tap": CommandEntry(
        "bridge.commands.tap:tap", "Watch live records and the requests they would produce."
    ),
    "test": CommandEntry("bridge.commands.test:test", "Run the tests in mapping files."),
}


class LazyGroup(click.Group):
    """Imports a command only when it is used; listing commands imports none, so it stays fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All command names, in the order of `COMMANDS`."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command; None if the name is unknown."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].place.partition(":")
        return cast("click.Command", getattr(import_module(module), name))

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; an error that it does not expect ends it with exit code 70.

        The report has no message of the error, because that could contain payload values.
        """
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except Exception as error:
            click.echo(_report(error), err=True)
            sys.exit(INTERNAL_ERROR)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from their summaries."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in COMMANDS.items()])


def _report(error: Exception) -> str:
    places = "".join(traceback.format_tb(error.__traceback__)[-5:])
    return (
        f"fullstory-bridge {__version__} failed: {type(error).__name__}. This is a bug of the"
        " bridge. Please report it with your command and these lines, which contain none of your"
        f" data:\n{places}"
    )


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="fullstory-bridge")
def main() -> None:
    """Send business events from Kafka to FullStory, attached to the user's recent session.

    Exit codes: 0 success, 1 problems found, 2 usage or setup error, 3 halted
    (`run --exit-on-halt`), 70 an error of the bridge itself.
    """
