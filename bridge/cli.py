"""The command `fullstory-bridge`."""

import click

from bridge import __version__
from bridge.commands.check import check
from bridge.commands.config import config
from bridge.commands.dead_letters import dead_letters
from bridge.commands.demo import demo
from bridge.commands.explain import explain
from bridge.commands.fields import fields
from bridge.commands.healthcheck import healthcheck
from bridge.commands.init import init
from bridge.commands.run import run
from bridge.commands.schema import schema
from bridge.commands.tap import tap
from bridge.commands.test import test


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="fullstory-bridge")
def main() -> None:
    """Business events from Kafka, attached to the user's recent FullStory session.

    Exit codes: 0 good, 1 problems found, 2 wrong use or set-up, 3 halted (`run --exit-on-halt`).
    """


main.add_command(run)
main.add_command(healthcheck)
main.add_command(demo)
main.add_command(check)
main.add_command(test)
main.add_command(fields)
main.add_command(config)
main.add_command(explain)
main.add_command(tap)
main.add_command(init)
main.add_command(schema)
main.add_command(dead_letters)
