"""Hours in a bad neighbourhood: a group of bridges on a real Kafka, under a mix of faults.

    python -m tests.soak storm --seed 1 --minutes 60 --rate 320
    python -m tests.soak churn --minutes 5
    python -m tests.soak outage --minutes 13 --rate 100
    python -m tests.soak spells --minutes 10

`storm` kills, ends and freezes bridges and brokers and lets FullStory refuse; `churn` lets one
more member come and go; in `outage` FullStory refuses for most of the time. `spells` is another
thing: one bridge before a million records, and spells of every kind, see `outages.py`. It ends by
itself, within ten minutes after its time. Exit 0 when nothing was lost and nothing repeated beyond
the promise; 1 when it was, with the logs kept; 2 when the soak itself did not get that far.
"""

import argparse
import shutil
import signal
import sys
import time
from collections.abc import Sequence

from tests.soak import lanes, outages, report, watch
from tests.soak.lanes import Lanes
from tests.soak.outages import Spells
from tests.soak.reconciliation import Account, judge
from tests.soak.timeline import Chronicle
from tests.soak.world import LETTERS, PROTOCOLS, TOPIC, World, wait_for
from tests.soak.writer import NOT_ACKNOWLEDGED, Writer

_BRIDGES = 3
_LATENCY_S = 0.3
"""Longer than a commit's interval, so that something is always under way when one is made."""
_LINE_EVERY_S = 15.0
_ROW_EVERY_S = 600.0
_FLUSH_S = 120.0
_END_S = 240.0


class Soak:
    """One run: begin, go on, bring to an end, reckon."""

    def __init__(self, world: World, options: argparse.Namespace) -> None:
        self.world = world
        self._options = options
        self._account = Account()
        self._chronicle = Chronicle()
        self._lanes = Lanes(world, self._chronicle, options.seed)
        self._rows: list[tuple[float, dict[str, watch.Look]]] = []
        self._begun_s = 0.0
        self._next_line_s = self._next_row_s = 0.0

    def run(self) -> bool:
        """Whether the promise was kept.

        TimeoutError or RuntimeError when it does not come to its end.
        """
        self._gather()
        settings, rate = self.world.producer_settings(), self._options.rate
        writer = Writer(settings, TOPIC, self.world.schema_id, rate)
        self._begun_s = time.monotonic()
        writer.start()
        self._begin_lanes()
        self._go_on(writer)
        say("the time is over: no more faults, and all is waited for")
        self._lanes.end()
        self.world.heal()
        writer.stop(_FLUSH_S)
        self._wait_until_committed(writer)
        self._rows.append((self._minute(), self._look()))
        self._stop_members()
        return self._tell(writer)

    def _gather(self) -> None:
        """The group is complete and its positions are committed before the first record."""
        for _ in range(_BRIDGES):
            self.world.member().start()
        members = self.world.members
        wait_for(lambda: all(one.holds_any for one in members), "all bridges in the group", 90)
        wait_for(lambda: self.world.unread() == {}, "the positions committed", 30)
        time.sleep(2)
        say(f"three bridges, three brokers; everything lies in {self.world.root}")

    def _begin_lanes(self) -> None:
        if self._options.what == "churn":
            self._lanes.begin("member", lanes.comes_and_goes(10.0))
            return
        if self._options.what == "outage":
            self._lanes.begin("fullstory", lanes.outage(self._options.minutes))
            return
        self._lanes.begin("bridges", lanes.bridges)
        self._lanes.begin("brokers", lanes.brokers)
        self._lanes.begin("fullstory", lanes.fullstory)
        grows_every_s = min(420.0, self._options.minutes * 60 / 4)
        self._lanes.begin("partitions", lanes.partitions(grows_every_s))

    def _go_on(self, writer: Writer) -> None:
        until_s = self._begun_s + self._options.minutes * 60
        while time.monotonic() < until_s:
            time.sleep(0.5)
            self._look_around(writer)

    def _wait_until_committed(self, writer: Writer) -> None:
        """Not waited for longer than its time: the reckoning tells more than that it took long."""
        until_s = time.monotonic() + _END_S
        while (unread := self.world.unread()) != {}:
            self._look_around(writer)
            if time.monotonic() > until_s:
                say(f"TOO LATE: not committed within {_END_S:.0f} s: {unread}")
                return
            if unread:
                say(f"not committed yet: {unread}")
            time.sleep(1)

    def _look_around(self, writer: Writer) -> None:
        if self._lanes.trouble is not None:
            raise RuntimeError("a lane failed") from self._lanes.trouble
        if writer.trouble:
            raise RuntimeError(writer.trouble)
        now_s = time.monotonic()
        if now_s >= self._next_row_s:
            self._next_row_s = now_s + _ROW_EVERY_S
            self._rows.append((self._minute(), self._look()))
        if now_s >= self._next_line_s:
            self._next_line_s = now_s + _LINE_EVERY_S
            self._account.note(self.world.arrivals.new())
            looks = self._look()
            say(report.progress(self._minute(), writer, self._account, self._chronicle, looks))

    def _stop_members(self) -> None:
        for member in self.world.members:
            if member.process.running:
                member.process.terminate(60)
                if member.process.code != 0:
                    member.last_words.append(f"code {member.process.code}")

    def _tell(self, writer: Writer) -> bool:
        self._account.note(self.world.arrivals.new())
        deeds = self._chronicle.deeds()
        excuses = report.excuses(deeds, self.world.members)
        verdict = judge(
            self._account, writer.partition_of, NOT_ACKNOWLEDGED, excuses, self.world.budget
        )
        letters, held = self.world.held(LETTERS), self.world.held(TOPIC)
        unheard = [line for member in self.world.members for line in member.unheard]
        say("")
        for line in [*watch.table(self._rows), "", *report.faults(deeds, verdict), ""]:
            say(line)
        for line in report.per_kill(verdict) + [f"a bridge said: {one}" for one in unheard[:5]]:
            say(line)
        for line in report.broken(verdict, writer, deeds):
            say(line)
        say(
            f"{writer.acknowledged} acknowledged, {held} in Kafka, {letters} dead letters; "
            f"{len(verdict.lost)} lost, {len(self._account.again)} twice, of which "
            f"{len(verdict.unexplained)} beyond the promise (budget {self.world.budget})"
        )
        return verdict.holds and not self._crashes()

    def _crashes(self) -> int:
        """Bridges that ended by themselves: nothing in the promise, but no bridge may."""
        words = [said for member in self.world.members for said in member.last_words]
        for said in words:
            say(f"{lanes.CRASHED}:\n{said}")
        return len(words)

    def _look(self) -> dict[str, watch.Look]:
        return watch.look(self.world.processes(), time.time())

    def _minute(self) -> float:
        return (time.monotonic() - self._begun_s) / 60


def say(line: str) -> None:
    """A line for the person who waits."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak")
    parser.add_argument("what", choices=("storm", "churn", "outage", "spells"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=320.0, help="records a second")
    parser.add_argument("--budget", type=int, default=200, help="delivery.duplicate_budget")
    parser.add_argument("--protocol", choices=PROTOCOLS, default=PROTOCOLS[0])
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))
    say(f"{options.what}, seed {options.seed}: {options.minutes:g} minutes, {options.rate:g}/s")
    run: Soak | Spells
    if options.what == "spells":
        run = Spells(outages.world(options.protocol), options.minutes, say)
    else:
        latency_s, protocol = _LATENCY_S, options.protocol
        world = World(partitions=6, budget=options.budget, latency_s=latency_s, protocol=protocol)
        run = Soak(world, options)
    return _to_its_end(run)


def _to_its_end(run: Soak | Spells) -> int:
    """Run it in its world; the exit code."""
    world, kept = run.world, True
    try:
        with world:
            try:
                kept = not run.run()
            finally:
                if kept:
                    world.keep_evidence()
    except (TimeoutError, RuntimeError) as error:
        say(f"the soak did not come to its end: {error!r} {error.__cause__ or ''}")
        return 2
    finally:
        if kept:
            say(f"the logs stay in {world.root}")
        else:
            shutil.rmtree(world.root, ignore_errors=True)
    return int(kept)


if __name__ == "__main__":
    sys.exit(main())
