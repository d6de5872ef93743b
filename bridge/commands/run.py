"""`fullstory-bridge run`: the long-running consumer."""

import asyncio
import os
import signal
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import click
import uvloop

from bridge.app.bridge import Bridge
from bridge.app.config import Config, load_config
from bridge.app.variation import Variation
from bridge.commands.shared.command import ExitCodes, config_flag, settings_of
from bridge.observer import EVERY_TOPIC, Fact, HaltedScope, ObserverGroup
from bridge.status.conditions import Conditions
from bridge.status.counts import Counts
from bridge.status.log import LogObserver, configure_log, log_end
from bridge.status.server import StatusServer

HALTED = 3


@click.command()
@config_flag
@click.option(
    "--exit-on-halt",
    is_flag=True,
    help="Exit with code 3 once everything is halted and a person must act."
    " Without it, the process stays up and reports the halt.",
)
@click.option(
    "--strict-start",
    is_flag=True,
    help="Exit with code 2 if the newest schema of any topic does not fit the mappings."
    " Without it, such a topic is halted and the others run.",
)
def run(config_file: Path | None, *, exit_on_halt: bool, strict_start: bool) -> None:
    """Read records, map them and deliver events until SIGTERM.

    Example: fullstory-bridge run --config bridge.yaml
    """
    with ExitCodes():
        config = load_config(settings_of(config_file))
        configure_log(config.settings.log.level, config.settings.log.format)
        counts = Counts()
        conditions = Conditions(time.monotonic)
        variation = Variation(strict_start=strict_start)
        left_group = uvloop.run(_run(config, counts, conditions, variation, exit_on_halt))
        log_end(counts)
    code = HALTED if exit_on_halt and conditions.is_fully_halted else 0
    if not left_group:
        # Leaving the group hangs, or the last commit is unanswered. Kafka's client would
        # keep the interpreter from exiting, so the process exits without it.
        os._exit(code)
    sys.exit(code)


async def _run(
    config: Config,
    counts: Counts,
    conditions: Conditions,
    variation: Variation,
    exit_on_halt: bool,
) -> bool:
    log, halt = LogObserver(), FullyHalted()
    bridge = Bridge(config, ObserverGroup(log, counts, conditions, halt), variation)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, bridge.stop)
    async with AsyncExitStack() as stack:
        address = config.settings.status.address
        if address is not None:
            await stack.enter_async_context(StatusServer(address, counts, conditions, log))
        if exit_on_halt:
            stack.callback(asyncio.create_task(_stop_when(halt, bridge)).cancel)
        return await bridge.run()


async def _stop_when(halt: "FullyHalted", bridge: Bridge) -> None:
    await halt.halted.wait()
    bridge.stop()


class FullyHalted:
    """An observer that reports when everything is halted until an operator acts."""

    listens_to: Final = frozenset({HaltedScope})

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.halted = asyncio.Event()

    def notify(self, fact: Fact) -> None:
        """Note a halt of every topic; call from any thread."""
        if isinstance(fact, HaltedScope) and fact.scope == EVERY_TOPIC:
            self._loop.call_soon_threadsafe(self.halted.set)
