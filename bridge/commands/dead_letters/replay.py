"""`fullstory-bridge dead-letters replay`: sends dead letters again after the cause is fixed."""

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
from bridge.app.dry_run import ReplayEstimate, estimate_replay
from bridge.app.replay import Replay, ReplayCounts, ReplayScope
from bridge.commands.dead_letters.replay_estimate import survey_dead_letters, with_done
from bridge.commands.dead_letters.selection import (
    Selection,
    filter_flags,
    read_records,
)
from bridge.commands.shared.command import ExitCodes, config_flag, settings_of
from bridge.commands.shared.output import counted
from bridge.observer import Observer, ObserverGroup
from bridge.status.counts import Counts
from bridge.status.log import LogObserver, configure_log

DRAW_INTERVAL_S = 0.2


@click.command()
@config_flag
@filter_flags
@click.option("--dry-run", is_flag=True, help="Print what would happen and the quota it would use.")
def replay(
    *,
    config_file: Path | None,
    reasons: tuple[str, ...],
    mappings: tuple[str, ...],
    topics: tuple[str, ...],
    since: float | None,
    until: float | None,
    dry_run: bool,
) -> None:
    """Replay dead letters after you have fixed their cause.

    A record is replayed for the mapping that rejected it, or for all mappings if it could not be
    decoded. The replay covers the dead letters that exist at its start; a record that fails again
    becomes a new dead letter. After an interruption, run the same command to continue. Dead
    letters that a replay with other flags has settled are not sent again.
    Exit code 1 if a record failed again or dead letters are left.

    Example: fullstory-bridge dead-letters replay --mapping payment-failed --dry-run
    """
    with ExitCodes():
        config = load_config(settings_of(config_file))
        selected = Selection(reasons, mappings, topics, since, until).filter(config.loaded)
        work = survey_dead_letters(config, selected)
        if dry_run:
            sys.exit(_estimate(config, work))
        code, left_group = uvloop.run(_replay(config, work))
    if not left_group:
        os._exit(code)  # as in `run`: only leaving the group hangs
    sys.exit(code)


async def _replay(config: Config, work: ReplayScope) -> tuple[int, bool]:
    totals, counts = ReplayCounts(), Counts()
    if not work.remaining:
        matched = counted(work.matched_total, "dead letter")
        click.echo(f"nothing to replay: the filter matches {matched}, all already replayed")
        return 0, True
    console = Console(stderr=True)
    observers: list[Observer] = [totals, counts]
    if not console.is_terminal:
        log = config.settings.log
        configure_log(log.level, log.format)
        observers.append(LogObserver())
    bridge = Replay(config, ObserverGroup(*observers), work, totals)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, bridge.stop)
    drawing = asyncio.create_task(_draw(console, work.remaining, totals, counts))
    try:
        left_group = await bridge.run()
    finally:
        drawing.cancel()
        await asyncio.gather(drawing, return_exceptions=True)
    rest = await asyncio.to_thread(with_done, config, work)
    click.echo(str(totals))
    if rest.remaining:
        remaining = counted(rest.remaining, "dead letter")
        click.echo(f"stopped with {remaining} left: run the same command to continue")
    return int(bool(totals.dead_lettered or rest.remaining)), left_group


async def _draw(console: Console, total: int, totals: ReplayCounts, counts: Counts) -> None:
    """Draw a progress bar on a terminal, with the current outages."""
    if not console.is_terminal:
        return
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[status]}"),
    )
    with Progress(*columns, console=console, auto_refresh=False) as bar:
        task = bar.add_task("replay", total=total, status="")
        try:
            while True:
                _update(bar, task, totals, counts)
                await asyncio.sleep(DRAW_INTERVAL_S)
        finally:
            _update(bar, task, totals, counts)


def _update(bar: Progress, task: object, totals: ReplayCounts, counts: Counts) -> None:
    waiting = [f"waiting for {what}: {why}" for what, why in counts.waiting_for.items()]
    failed = f"{totals.dead_lettered:,} failed again" if totals.dead_lettered else ""
    status = "; ".join([*waiting, failed]) if waiting else failed
    bar.update(task, completed=totals.read, status=status, refresh=True)  # type: ignore[arg-type]


def _estimate(config: Config, work: ReplayScope) -> int:
    totals = ReplayCounts()
    found = read_records(config.loaded, work.topics)
    estimate = uvloop.run(estimate_replay(config, totals, work, totals, found))
    click.echo("dry run: nothing is sent, written or committed")
    click.echo(str(totals))
    click.echo(_quota_text(estimate, config.settings.fullstory.session_window_s))
    for reason, number in estimate.reasons.most_common():
        click.echo(f"  would fail again: {reason} {number:,}")
    return int(bool(totals.dead_lettered))


def _quota_text(estimate: ReplayEstimate, window_s: float) -> str:
    cost = f"estimate: {estimate.events:,} event{'' if estimate.events == 1 else 's'} of the quota"
    if not estimate.late:
        return cost
    return f"{cost}; {estimate.late:,} too late for a session (older than {window_s:g} s)"
