"""`fullstory-bridge dead-letters replay`: letters on their way again, after the mending."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import click
import uvloop
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bridge.app.config import Config, load_config
from bridge.app.dry_run import ReplayDryRun, ReplayEstimate
from bridge.app.replay import Replay, ReplayCounts, ReplayScope
from bridge.commands.dead_letters.replay_estimate import survey_dead_letters, with_done
from bridge.commands.dead_letters.selection import (
    Selection,
    config_flag,
    filter_flags,
    read_records,
    settings_of,
)
from bridge.commands.shared.output import counted
from bridge.errors import Halted, SetupError, Unavailable
from bridge.observer import Observer, ObserverGroup
from bridge.status.counts import Counts
from bridge.status.log import LogObserver, configure_log

DRAW_EVERY_S = 0.2


@click.command()
@config_flag
@filter_flags
@click.option("--dry-run", is_flag=True, help="Say what would happen, and what it would cost.")
def replay(
    *,
    file: Path | None,
    reasons: tuple[str, ...],
    mappings: tuple[str, ...],
    topics: tuple[str, ...],
    since: float | None,
    until: float | None,
    dry_run: bool,
) -> None:
    """Bring dead letters on their way again, after what was wrong has been mended.

    Only the mapping that rejected a record counts (all of them, where it could not be decoded).
    What lies in the topic at the start is replayed; what fails again is written again, behind it.
    Interrupted, the same command goes on where it stopped. What a replay with other flags has
    brought to its end is not sent again.
    Exit code 1 when something failed again, or is left.

    Example: fullstory-bridge dead-letters replay --mapping payment-failed --dry-run
    """
    try:
        config = load_config(settings_of(file))
        meant = Selection(reasons, mappings, topics, since, until).filter(config.loaded)
        work = survey_dead_letters(config, meant)
        if dry_run:
            sys.exit(_estimate(config, work))
        code, left_in_order = uvloop.run(_replay(config, work))
    except (SetupError, Unavailable) as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    except Halted as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    if not left_in_order:
        os._exit(code)  # as in `run`: only the farewell to the group hangs
    sys.exit(code)


async def _replay(config: Config, work: ReplayScope) -> tuple[int, bool]:
    tally, counts = ReplayCounts(), Counts()
    if not work.left:
        meant = counted(work.matched_total, "letter")
        click.echo(f"nothing to replay: {meant} matched by the filter, all of them replayed before")
        return 0, True
    console = Console(stderr=True)
    observers: list[Observer] = [tally, counts]
    if not console.is_terminal:
        log = config.settings.log
        configure_log(log.level, log.format)
        observers.append(LogObserver())
    bridge = Replay(config, ObserverGroup(*observers), work, tally)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, bridge.stop)
    drawing = asyncio.create_task(_draw(console, work.left, tally, counts))
    try:
        left_in_order = await bridge.run()
    finally:
        drawing.cancel()
        await asyncio.gather(drawing, return_exceptions=True)
    rest = await asyncio.to_thread(with_done, config, work)
    click.echo(str(tally))
    if rest.left:
        left_over = counted(rest.left, "letter")
        click.echo(f"stopped with {left_over} left: the same command goes on from there")
    return int(bool(tally.dead_lettered or rest.left)), left_in_order


async def _draw(console: Console, total: int, tally: ReplayCounts, counts: Counts) -> None:
    """A bar for a person at a terminal; with what is waited for, if anything is."""
    if not console.is_terminal:
        return
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[said]}"),
    )
    with Progress(*columns, console=console, auto_refresh=False) as bar:
        task = bar.add_task("replay", total=total, said="")
        try:
            while True:
                _update(bar, task, tally, counts)
                await asyncio.sleep(DRAW_EVERY_S)
        finally:
            _update(bar, task, tally, counts)


def _update(bar: Progress, task: object, tally: ReplayCounts, counts: Counts) -> None:
    waiting = [f"waiting for {what}: {why}" for what, why in counts.waiting_for.items()]
    failed = f"{tally.dead_lettered:,} failed again" if tally.dead_lettered else ""
    said = "; ".join([*waiting, failed]) if waiting else failed
    bar.update(task, completed=tally.read, said=said, refresh=True)  # type: ignore[arg-type]


def _estimate(config: Config, work: ReplayScope) -> int:
    tally = ReplayCounts()
    dry_run = ReplayDryRun(config, tally, work, tally)
    found = read_records(config.loaded, work.topics)
    price = uvloop.run(dry_run.estimate(found))
    click.echo("dry run: nothing is sent, written or committed")
    click.echo(str(tally))
    click.echo(_priced(price, config.settings.fullstory.session_window_s))
    for reason, number in price.reasons.most_common():
        click.echo(f"  would fail again: {reason} {number:,}")
    return int(bool(tally.dead_lettered))


def _priced(price: ReplayEstimate, window_s: float) -> str:
    cost = f"price: {price.events:,} event{'' if price.events == 1 else 's'} of the quota"
    if not price.late:
        return cost
    return f"{cost}; {price.late:,} too late for a session (older than {window_s:g} s)"
