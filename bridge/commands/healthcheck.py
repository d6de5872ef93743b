"""`fullstory-bridge healthcheck`: is the bridge beside it alive? For a container's own check."""

import http.client
import os
import sys
from pathlib import Path

import click

from bridge.errors import SetupError
from bridge.kafka.client_keys import KNOWN_KEYS
from bridge.settings.load import DEFAULT_FILE, load

ANSWER_WITHIN_S = 5.0
OK = 200


@click.command()
@click.option(
    "--config",
    "file",
    type=click.Path(path_type=Path),
    help="The settings file of the running bridge. Without a file: the environment.",
)
def healthcheck(file: Path | None) -> None:
    """Ask the running bridge's /livez: 0 when it is live, else 1.

    Example: fullstory-bridge healthcheck --config bridge.yaml
    """
    if file is None and DEFAULT_FILE.exists():
        file = DEFAULT_FILE
    try:
        address = load(file, os.environ, known_kafka_keys=KNOWN_KEYS).settings.status.address
    except SetupError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    if address is None:
        click.echo("status.listen: it is off, so nobody can ask", err=True)
        sys.exit(2)
    live, text = _ask(*address)
    click.echo(text, err=not live)
    sys.exit(0 if live else 1)


def _ask(host: str, port: int) -> tuple[bool, str]:
    """Whether the bridge says that it is live, and what it says.

    Who listens at every address (0.0.0.0, ::) is asked at that name: it leads to this machine.
    """
    connection = http.client.HTTPConnection(host, port, timeout=ANSWER_WITHIN_S)
    try:
        connection.request("GET", "/livez")
        answer = connection.getresponse()
        return answer.status == OK, answer.read(200).decode(errors="replace").strip()
    except (OSError, http.client.HTTPException) as error:
        return False, f"no answer from {host}:{port}: {error}"
    finally:
        connection.close()
