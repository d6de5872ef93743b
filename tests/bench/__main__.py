"""End-to-end benchmark: the bridge as a process, with a real Kafka and a fast sink.

    python -m tests.bench                                     all rows, three rounds
    python -m tests.bench --rows skip,deliver --rounds 1
    python -m tests.bench --records 100000 --rows skip        smaller topics
    python -m tests.bench --base fdee8c0                      compare with an older build
    python -m tests.bench --picture bench.svg                 draw the last results; runs nothing

Rows: skip, skip-rare, deliver, deliver-tls, deliver-50ms, deliver-50ms-tls, latency, mappings,
partitions, start. Exit 0 if all runs succeed; 1 if a run fails, which the table shows.
"""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import orjson

from tests.bench import picture, report, results
from tests.bench.base import older_build
from tests.bench.child import Failed
from tests.bench.machine import Cores, conditions
from tests.bench.measure import measure
from tests.bench.progress import say
from tests.bench.results import Measured
from tests.bench.rows import Entry, Row, rows
from tests.bench.world import World


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and return the exit code."""
    options = _parser().parse_args(arguments)
    if options.picture is not None:
        latest = orjson.loads(results.LATEST.read_bytes())
        options.picture.write_text(picture.draw(latest), encoding="utf-8")
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))
    cores = Cores()
    described = conditions(cores)
    with ExitStack() as stack:
        base = stack.enter_context(older_build(options.base)) if options.base else None
        chosen = _chosen(options.rows, rows(base))
        _disable_proxies()
        cores.move_self_to_other_core()
        world = stack.enter_context(World(cores, options.records))
        size = f"{options.records:,} in the largest topic, {world.bodies.bytes_on_average} bytes"
        described["records"] = f"{size} on average"
        measured = _measure_all(world, chosen, options.rounds)
    report.show(results.write(described, measured, results.LATEST))
    return int(any(one.errors for one in measured))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--rows", default="", help="comma-separated names; default: all")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--records", type=int, default=1_000_000, help="in the largest topic")
    parser.add_argument("--base", default="", help="a commit to compare this tree with")
    parser.add_argument("--picture", type=Path, help="draw the last results into this file")
    return parser


def _chosen(names: str, known: tuple[Row, ...]) -> list[Row]:
    wanted = [name for name in names.split(",") if name] or [row.name for row in known]
    unknown = set(wanted) - {row.name for row in known}
    if unknown:
        sys.exit(f"unknown rows: {', '.join(sorted(unknown))}")
    return [row for row in known if row.name in wanted]


def _disable_proxies() -> None:
    """Remove proxy settings, because all services are local from now on."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        del os.environ[name]


def _measure_all(world: World, chosen: list[Row], rounds: int) -> list[Measured]:
    measured = []
    for row in chosen:
        measured.append(Measured(row))
        for number in range(1, rounds + 1):
            for entry in row.entries:
                _measure_one(world, measured[-1], entry, number)
    return measured


def _measure_one(world: World, measured: Measured, entry: Entry, number: int) -> None:
    what = f"{measured.row.name}, round {number}, {entry.label}"
    try:
        figures = measure(world, measured.row, entry)
    except Failed as failed:
        measured.errors.append(f"round {number}, {entry.label}: {failed}")
        measured.add(entry.label, None)
        say(f"{what}: FAILED: {failed}")
    else:
        measured.add(entry.label, figures)
        say(f"{what}: {report.line(figures)}")


if __name__ == "__main__":
    sys.exit(main())
