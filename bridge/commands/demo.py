"""`fullstory-bridge demo`: the real bridge with simulated services on this machine."""

import asyncio
import contextlib
import signal
import sys
import tempfile
import time
from pathlib import Path

import click
import orjson
import uvloop

from bridge.app.bridge import Bridge
from bridge.app.config import load_config
from bridge.commands.shared.command import ExitCodes
from bridge.sandbox.live_table import LiveTable, Snapshot
from bridge.sandbox.reconciliation import Reconciliation
from bridge.sandbox.world import World
from bridge.settings.load import load
from bridge.status.counts import Counts

TRAFFIC_S = 15.0
SETTLE_LIMIT_S = 15.0
"""Records still in flight when the traffic ends have this long to be settled."""

UPDATE_INTERVAL_S = 0.2


@click.command()
def demo() -> None:
    """Watch payments and orders become FullStory events.

    No Kafka cluster and no FullStory account are needed: the demo simulates both.

    Example: fullstory-bridge demo
    """
    click.echo("A simulated Kafka, Schema Registry and FullStory on this machine:")
    click.echo("payments and orders, a poison record, an unknown user, a burst of 429s.\n")
    with ExitCodes():
        reconciliation = uvloop.run(_show())
    click.echo()
    for line in reconciliation.lines():
        click.echo(line)
    sys.exit(0 if reconciliation.holds else 1)


async def _show() -> Reconciliation:
    counts = Counts()
    interrupted = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, interrupted.set)
    async with World() as world:
        bridge = _bridge(world, counts)
        running = asyncio.create_task(bridge.run())
        traffic = asyncio.create_task(world.show(seconds=TRAFFIC_S))
        interruption = asyncio.create_task(interrupted.wait())
        with LiveTable() as table:
            drawing = asyncio.create_task(_draw(table, world, counts))
            await asyncio.wait(
                {running, traffic, interruption}, return_when=asyncio.FIRST_COMPLETED
            )
            traffic.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await traffic
            await _until_settled(world, running)
            bridge.stop()
            await running
            drawing.cancel()
            table.show(_snapshot(world, counts, 0.0))
        interruption.cancel()
        return await world.reconcile()


def _bridge(world: World, counts: Counts) -> Bridge:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "bridge.yaml"
        file.write_bytes(orjson.dumps(world.settings()))
        return Bridge(load_config(load(file, {})), counts)


async def _until_settled(world: World, running: "asyncio.Task[bool]") -> None:
    deadline_s = time.monotonic() + SETTLE_LIMIT_S
    while time.monotonic() < deadline_s and not running.done():
        if await world.settled():
            return
        await asyncio.sleep(UPDATE_INTERVAL_S)


async def _draw(table: LiveTable, world: World, counts: Counts) -> None:
    before, then_s = 0, time.monotonic()
    while True:
        await asyncio.sleep(UPDATE_INTERVAL_S)
        now_s = time.monotonic()
        rate = (counts.delivered - before) / (now_s - then_s)
        before, then_s = counts.delivered, now_s
        table.show(_snapshot(world, counts, rate))


def _snapshot(world: World, counts: Counts, rate: float) -> Snapshot:
    return Snapshot(
        produced=len(world.produced),
        polled=counts.polled,
        filtered=counts.filtered,
        sent=counts.delivered,
        waiting=0,
        dead_lettered=counts.dead_lettered.total(),
        answers=dict(counts.answers),
        rate=rate,
        fullstory=counts.waiting_for.get("fullstory", "answers"),
    )
