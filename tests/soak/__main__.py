"""The soak test: a group of bridges on a real Kafka, with injected faults for up to hours.

    python -m tests.soak mixed-faults --seed 1 --minutes 60 --rate 320
    python -m tests.soak churn --minutes 5
    python -m tests.soak outage --minutes 13 --rate 100
    python -m tests.soak outages --minutes 10

- Records are written one by one, and in transactions, of which some are aborted.
- `mixed-faults` kills, terminates and freezes bridges and brokers, and injects FullStory errors.
- `churn` makes an additional member join and leave repeatedly.
- In `outage`, FullStory fails most of the time.
- `outages` runs one bridge with a million records and several kinds of outages, see `outages.py`.

A run ends within ten minutes after its time. Exit codes:
- 0: nothing was lost, and duplicates stayed within the guarantee.
- 1: the guarantee was violated; the logs are kept.
- 2: the soak test itself failed.
"""

import argparse
import shutil
import signal
import sys
import time
from collections.abc import Sequence

from tests.soak import lanes, outages, report, watch
from tests.soak.lanes import FaultThreads
from tests.soak.outages import OutageRun
from tests.soak.reconciliation import ArrivalCounts, reconcile
from tests.soak.records import RecordLog
from tests.soak.timeline import Timeline
from tests.soak.transactions import TransactionalWriter
from tests.soak.world import DEAD_LETTERS, PROTOCOLS, TOPIC, World, wait_for
from tests.soak.writer import Writer

_BRIDGES = 3
_LATENCY_S = 0.3
"""Longer than the commit interval, so that requests are in flight at every commit."""
_LINE_EVERY_S = 15.0
_ROW_EVERY_S = 600.0
_FLUSH_S = 120.0
_END_S = 240.0


class Soak:
    """One run: start, inject faults, stop, reconcile."""

    def __init__(self, world: World, options: argparse.Namespace) -> None:
        self.world = world
        self._options = options
        self._counts = ArrivalCounts()
        self._records = RecordLog()
        self._writers: list[Writer | TransactionalWriter] = []
        self._timeline = Timeline()
        self._fault_threads = FaultThreads(world, self._timeline, options.seed)
        self._rows: list[tuple[float, dict[str, watch.Usage]]] = []
        self._started_s = 0.0
        self._next_line_s = self._next_row_s = 0.0

    def run(self) -> bool:
        """Whether the guarantee was kept.

        Raises TimeoutError or RuntimeError if the run fails.
        """
        self._wait_for_group()
        settings, rate = self.world.producer_settings(), self._options.rate
        destination, records = (settings, TOPIC, self.world.schema_id), self._records
        self._writers = [
            Writer(*destination, rate, records=records),
            TransactionalWriter(*destination, records, self._options.seed),
        ]
        self._started_s = time.monotonic()
        for writer in self._writers:
            writer.start()
        self._start_faults()
        self._run_until_end()
        say("time is over: faults stop, waiting until all is committed")
        self._fault_threads.stop()
        self.world.recover()
        for writer in self._writers:
            writer.stop(_FLUSH_S)
        self._wait_until_committed()
        self._rows.append((self._minute(), self._measure()))
        self._stop_members()
        return self._report()

    def _wait_for_group(self) -> None:
        """Wait until all members joined and committed their positions, before the first record."""
        for _ in range(_BRIDGES):
            self.world.member().start()
        members = self.world.members
        wait_for(lambda: all(one.holds_any for one in members), "all bridges in the group", 90)
        wait_for(lambda: self.world.uncommitted() == {}, "the positions to be committed", 30)
        time.sleep(2)
        say(f"three bridges, three brokers; files are in {self.world.root}")

    def _start_faults(self) -> None:
        if self._options.what == "churn":
            self._fault_threads.start("member", lanes.churn(10.0))
            return
        if self._options.what == "outage":
            self._fault_threads.start("fullstory", lanes.outage(self._options.minutes))
            return
        self._fault_threads.start("bridges", lanes.bridges)
        self._fault_threads.start("brokers", lanes.brokers)
        self._fault_threads.start("fullstory", lanes.fullstory)
        grows_every_s = min(420.0, self._options.minutes * 60 / 4)
        self._fault_threads.start("partitions", lanes.partitions(grows_every_s))

    def _run_until_end(self) -> None:
        until_s = self._started_s + self._options.minutes * 60
        while time.monotonic() < until_s:
            time.sleep(0.5)
            self._check()

    def _wait_until_committed(self) -> None:
        """Wait, but continue after a timeout, because the reconciliation has more details."""
        until_s = time.monotonic() + _END_S
        while (uncommitted := self.world.uncommitted()) != {}:
            self._check()
            if time.monotonic() > until_s:
                say(f"TOO LATE: not committed within {_END_S:.0f} s: {uncommitted}")
                return
            if uncommitted:
                say(f"not committed yet: {uncommitted}")
            time.sleep(1)

    def _check(self) -> None:
        if self._fault_threads.failure is not None:
            raise RuntimeError("fault injection failed") from self._fault_threads.failure
        for writer in self._writers:
            if writer.failure:
                raise RuntimeError(writer.failure)
        now_s = time.monotonic()
        if now_s >= self._next_row_s:
            self._next_row_s = now_s + _ROW_EVERY_S
            self._rows.append((self._minute(), self._measure()))
        if now_s >= self._next_line_s:
            self._next_line_s = now_s + _LINE_EVERY_S
            self._counts.add(self.world.arrivals.new())
            usages = self._measure()
            say(
                report.progress(self._minute(), self._records, self._counts, self._timeline, usages)
            )

    def _stop_members(self) -> None:
        for member in self.world.members:
            if member.process.running:
                member.process.terminate(60)
                if member.process.code != 0:
                    member.crash_logs.append(f"code {member.process.code}")

    def _report(self) -> bool:
        self._counts.add(self.world.arrivals.new())
        faults = self._timeline.faults()
        sources = report.duplicate_sources(faults, self.world.members)
        result = reconcile(self._counts, self._records.partition_of, sources, self.world.budget)
        dead_letters, held = self.world.record_count(DEAD_LETTERS), self.world.record_count(TOPIC)
        alerts = [line for member in self.world.members for line in member.alerts]
        say("")
        for line in [*watch.table(self._rows), "", *report.fault_table(faults, result), ""]:
            say(line)
        for line in report.per_kill(result) + [f"bridge log: {one}" for one in alerts[:5]]:
            say(line)
        for line in report.violations(result, self._records, faults):
            say(line)
        say(
            f"{self._records.acknowledged} acknowledged, {self._records.aborted} aborted, "
            f"{held} offsets in Kafka, {dead_letters} dead letters; "
            f"{len(result.lost)} lost, {len(self._counts.duplicates)} duplicates, of which "
            f"{len(result.unexplained)} unexplained (budget {self.world.budget})"
        )
        return result.holds and not self._report_crashes()

    def _report_crashes(self) -> int:
        """Print the logs of crashed bridges and return their number: no bridge may crash."""
        logs = [log for member in self.world.members for log in member.crash_logs]
        for log in logs:
            say(f"{lanes.CRASHED}:\n{log}")
        return len(logs)

    def _measure(self) -> dict[str, watch.Usage]:
        return watch.measure(self.world.processes(), time.time())

    def _minute(self) -> float:
        return (time.monotonic() - self._started_s) / 60


def say(line: str) -> None:
    """Print a line immediately."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the soak test and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak")
    parser.add_argument("what", choices=("mixed-faults", "churn", "outage", "outages"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=320.0, help="records per second")
    parser.add_argument("--budget", type=int, default=200, help="delivery.duplicate_budget")
    parser.add_argument("--protocol", choices=PROTOCOLS, default=PROTOCOLS[0])
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))
    say(f"{options.what}, seed {options.seed}: {options.minutes:g} minutes, {options.rate:g}/s")
    run: Soak | OutageRun
    if options.what == "outages":
        run = OutageRun(outages.world(options.protocol), options.minutes, say)
    else:
        latency_s, protocol = _LATENCY_S, options.protocol
        world = World(partitions=6, budget=options.budget, latency_s=latency_s, protocol=protocol)
        run = Soak(world, options)
    return _run(run)


def _run(run: Soak | OutageRun) -> int:
    """Run it in its environment and return the exit code."""
    world, kept = run.world, True
    try:
        with world:
            try:
                kept = not run.run()
            finally:
                if kept:
                    world.keep_broker_logs()
    except (TimeoutError, RuntimeError) as error:
        say(f"the soak test failed: {error!r} {error.__cause__ or ''}")
        return 2
    finally:
        if kept:
            say(f"the logs are kept in {world.root}")
        else:
            shutil.rmtree(world.root, ignore_errors=True)
    return int(kept)


if __name__ == "__main__":
    sys.exit(main())
