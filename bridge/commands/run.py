"""`fullstory-bridge run`: the long-lived consumer."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import click
import uvloop

from bridge.app import Bridge
from bridge.errors import Halted, SetupError
from bridge.kafka.keys import KNOWN_KEYS
from bridge.observer import Everybody
from bridge.prepared import Prepared, prepare
from bridge.settings.load import load
from bridge.status.counts import Counts
from bridge.status.log import LogObserver, configure_log, log_end

DEFAULT_FILE = Path("bridge.yaml")


@click.command()
@click.option(
    "--config",
    "file",
    type=click.Path(path_type=Path),
    help="The settings file; bridge.yaml here, if there is one. Without a file: the environment.",
)
def run(file: Path | None) -> None:
    """Read, map and deliver until SIGTERM.

    Example: fullstory-bridge run --config bridge.yaml
    """
    if file is None and DEFAULT_FILE.exists():
        file = DEFAULT_FILE
    try:
        prepared = prepare(load(file, os.environ, known_kafka_keys=KNOWN_KEYS))
        configure_log(prepared.settings.log.level, prepared.settings.log.format)
        counts = Counts()
        left = uvloop.run(_run(prepared, counts))
        log_end(counts)
    except SetupError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    except Halted as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    if not left:
        # All that was settled is committed; only the farewell to the group hangs. Kafka's client
        # would keep the interpreter from ending, so the process ends without it.
        os._exit(0)


async def _run(prepared: Prepared, counts: Counts) -> bool:
    bridge = Bridge(prepared, Everybody(LogObserver(), counts))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, bridge.stop)
    return await bridge.run()
