"""`fullstory-bridge healthcheck`: a container's health check for the running bridge."""

import http.client
import sys
from pathlib import Path

import click

from bridge.commands.shared.command import ExitCodes, config_flag, settings_of

TIMEOUT_S = 5.0
OK = 200


@click.command()
@config_flag
def healthcheck(config_file: Path | None) -> None:
    """Query /livez of the running bridge: exit code 0 if it is live, else 1.

    Example: fullstory-bridge healthcheck --config bridge.yaml
    """
    with ExitCodes():
        address = settings_of(config_file).settings.status.address
    if address is None:
        click.echo("status.listen: the status server is off, nothing to query", err=True)
        sys.exit(2)
    live, text = _query(*address)
    click.echo(text, err=not live)
    sys.exit(0 if live else 1)


def _query(host: str, port: int) -> tuple[bool, str]:
    """Whether the bridge reports that it is live, and the text of its response.

    A wildcard address (0.0.0.0, ::) is used as it is: connecting to it reaches this machine.
    """
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/livez")
        response = connection.getresponse()
        return response.status == OK, response.read(200).decode(errors="replace").strip()
    except (OSError, http.client.HTTPException) as error:
        return False, f"no answer from {host}:{port}: {error}"
    finally:
        connection.close()
