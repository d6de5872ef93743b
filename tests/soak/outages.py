"""FullStory outages of several kinds for ten minutes, with a million records in a real Kafka.

There is one bridge. The rate limit is so low that records remain until the end. Outages of kind
429, 503, black hole and 401 alternate, twice each, with ten healthy seconds between them. The run
prints the time to resume after each outage, and memory and open files per minute.

Invariants; each violation makes the exit code 1:
- sending resumes within 5 s after an outage, not counting a 429's `Retry-After`;
- memory varies by at most 20 MB after the first minute, and stays under 150 MB;
- the bridge stays in the group: partitions are assigned once and not revoked before the end;
- every committed record was accepted; duplicates come from a black hole only, and at most once.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tests.integration.running import KEY
from tests.soak import watch
from tests.soak.reconciliation import ArrivalCounts
from tests.soak.world import TOPIC, World, wait_for
from tests.soak.writer import Writer

RECORDS: Final = 1_000_000
RESUMED_S_MAX: Final = 5.0
MIB_MAX, MIB_FLAT_MAX, WARM_S = 150, 20, 60.0
_GAP_S: Final = 10.0
_RETRY_AFTER_S: Final = 4
_TIME_LIMIT_S: Final = 10.0
"""The request timeout: a request from a black hole may time out this much later."""
_LIMIT: Final = {"rate": 300, "burst": 300}
_HEALTHY: Final[Mapping[str, Any]] = {
    "fault_period": None,
    "black_hole": False,
    "key": KEY,
}
_OUTAGES: Final[Mapping[str, Mapping[str, Any]]] = {
    "429": {"fault_period": {"status": 429, "retry_after": _RETRY_AFTER_S}},
    "503": {"fault_period": {"status": 503}},
    "black hole": {"black_hole": True},
    "401": {"key": None},
}
_ORDER: Final = ("429", "503", "black hole", "401", "503", "429", "401", "black hole")


@dataclass(frozen=True, slots=True)
class Outage:
    """A finished outage, in system time; `resumed_s` is infinite if no event arrived after it."""

    kind: str
    begin_s: float
    end_s: float
    resumed_s: float

    @property
    def resumed_s_max(self) -> float:
        """The maximum time until the first event after the outage."""
        return RESUMED_S_MAX + (_RETRY_AFTER_S if self.kind == "429" else 0)


def world(protocol: str) -> World:
    """An environment with one broker, because Kafka has no faults here."""
    return World(
        partitions=6, budget=1_000, latency_s=0.02, protocol=protocol, brokers=1, start="earliest"
    )


class OutageRun:
    """One run: write, start, alternate outages and healthy periods, stop, reconcile."""

    def __init__(self, world: World, minutes: float, say: Callable[[str], None]) -> None:
        self.world = world
        self._each_s = minutes * 60 / len(_ORDER)
        self._say = say
        self._counts = ArrivalCounts()
        self._outages: list[Outage] = []
        self._usages: list[tuple[float, watch.Usage]] = []
        self._ended_s = self._first_s = float("inf")
        """When the last outage ended, and when the first event after it arrived."""
        self._started_s = 0.0

    def run(self) -> bool:
        """Whether every invariant held.

        Raises TimeoutError or RuntimeError if the run fails.
        """
        writer = self._write()
        self.world.configure(limit=_LIMIT)
        member = self.world.member()
        member.start()
        self._started_s = time.monotonic()
        wait_for(self._read_arrivals, "the first event", 60)
        for kind in _ORDER:
            self._wait(_GAP_S)
            self._run_outage(kind)
        self._wait(_GAP_S)
        in_group = [event for _, event, _ in member.history()][1:] == ["assigned"]
        in_group = in_group and member.process.running
        member.process.terminate(60)
        clean = member.process.code == 0
        self._counts.add(self.world.arrivals.new())
        violations = self._report(writer)
        violations += [] if in_group else [f"not always in the group: {member.history()}"]
        violations += [] if clean else [f"unclean shutdown: {member.process.log_tail()}"]
        violations += [f"bridge log: {one}" for one in member.alerts[:5]]
        for line in violations:
            self._say(f"VIOLATION: {line}")
        return not violations

    def _write(self) -> Writer:
        since_s = time.monotonic()
        writer = Writer(self.world.producer_settings(), TOPIC, self.world.schema_id, RECORDS)
        writer.start()
        wait_for(lambda: writer.records.written >= RECORDS, "a million records written", 400)
        writer.stop(120)
        if writer.failure:
            raise RuntimeError(writer.failure)
        self._say(f"{writer.records.acknowledged} records in {time.monotonic() - since_s:.0f} s")
        return writer

    def _run_outage(self, kind: str) -> None:
        begin_s = time.time()
        self.world.configure(**_OUTAGES[kind])
        self._wait(self._each_s)
        self.world.configure(**_HEALTHY)
        self._ended_s, self._first_s = time.time(), float("inf")
        while self._first_s == float("inf") and time.time() < self._ended_s + 60:
            self._wait(0.5)
        outage = Outage(kind, begin_s, self._ended_s, self._first_s - self._ended_s)
        self._outages.append(outage)
        self._say(
            f"{self._minute():5.1f} min  {kind:<10} {outage.end_s - begin_s:4.0f} s, sending again "
            f"{outage.resumed_s:5.2f} s after its end; {self._usages[-1][1]}"
        )

    def _wait(self, s: float) -> None:
        until_s = time.monotonic() + s
        while True:
            self._measure()
            left_s = until_s - time.monotonic()
            if left_s <= 0:
                return
            time.sleep(min(1.0, left_s))

    def _measure(self) -> None:
        [member] = self.world.members
        usages = watch.measure({"bridge": member.process.pid}, time.time())
        self._usages.append((time.monotonic() - self._started_s, usages["bridge"]))
        self._read_arrivals()

    def _read_arrivals(self) -> bool:
        """Count new arrivals; returns whether any event has arrived so far."""
        new = list(self.world.arrivals.new())
        self._counts.add(new)
        self._first_s = min([self._first_s, *(at_s for _, at_s in new if at_s > self._ended_s)])
        return self._counts.accepted > 0

    def _minute(self) -> float:
        return (time.monotonic() - self._started_s) / 60

    def _report(self, writer: Writer) -> list[str]:
        """Print the figures and return the violations."""
        for minute, usage in self._by_minute():
            self._say(f"minute {minute:2d}: {usage.rss_mib} MB, {usage.files} open files")
        violations = self._memory() + [
            f"{one.kind}: no event for {one.resumed_s:.1f} s after its end"
            for one in self._outages
            if one.resumed_s > one.resumed_s_max
        ]
        committed = self.world.committed()
        lost = self._lost(writer.records.partition_of, committed)
        times = Counter(self._counts.times)
        unexpected = [number for number, _ in self._counts.duplicates if not self._in_doubt(number)]
        self._say(
            f"{sum(committed.values())} committed, {self._counts.accepted} accepted, "
            f"{times[1]} once, {times[2]} twice, "
            f"{sum(count for n, count in times.items() if n > 2)} more often; {len(lost)} lost"
        )
        violations += [f"lost: {lost[:20]}"] if lost else []
        violations += [f"duplicates without a black hole: {unexpected[:20]}"] if unexpected else []
        violations += ["an event came more than twice"] if max(times) > 2 else []
        return violations

    def _memory(self) -> list[str]:
        warm = [usage.rss_mib for at_s, usage in self._usages if at_s > WARM_S]
        self._say(f"after the first minute: {min(warm)} to {max(warm)} MB")
        violations = ["memory is not flat"] if max(warm) - min(warm) > MIB_FLAT_MAX else []
        return violations + ([f"{max(warm)} MB"] if max(warm) > MIB_MAX else [])

    def _by_minute(self) -> list[tuple[int, watch.Usage]]:
        first: dict[int, watch.Usage] = {}
        for at_s, usage in self._usages:
            first.setdefault(int(at_s // 60), usage)
        return sorted(first.items())

    def _lost(self, partition_of: bytearray, committed: Mapping[int, int]) -> list[int]:
        """Committed records that never arrived; numbers are in order within a partition."""
        seen: Counter[int] = Counter()
        lost = []
        for number, partition in enumerate(partition_of):
            if seen[partition] < committed[partition] and not self._counts.arrived(number):
                lost.append(number)
            seen[partition] += 1
        return lost

    def _in_doubt(self, number: int) -> bool:
        """Whether its first response may have been lost in a black hole."""
        first_s = self._counts.first_s[number]
        return any(
            one.kind == "black hole" and one.begin_s - 1 <= first_s <= one.end_s + _TIME_LIMIT_S
            for one in self._outages
        )
