"""FullStory is ill for ten minutes, in every way, and a million records wait on a real Kafka.

One bridge; the account takes less than Kafka holds, so it is never done. Spells of 429, 503, black
hole and 401 take turns, twice, with ten good seconds between them. It prints for each spell how
long after its end the first event was accepted, and memory and open files by the minute.

Laws, each of which makes the exit code 1 when it is broken:
- sending goes on within 5 s of a spell's end, a 429's `Retry-After` not counted;
- memory stays within 20 MB after the first minute, and under 150 MB;
- the bridge stays in the group: partitions come once, and never leave before the end;
- what is committed was accepted; what came twice came first in a black hole, and only twice.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tests.integration.running import KEY
from tests.soak import watch
from tests.soak.reconciliation import Account
from tests.soak.world import TOPIC, World, wait_for
from tests.soak.writer import Writer

RECORDS: Final = 1_000_000
RESUMED_S_MAX: Final = 5.0
MIB_MAX, MIB_FLAT_MAX, WARM_S = 150, 20, 60.0
_GAP_S: Final = 10.0
_RETRY_AFTER_S: Final = 4
_TIME_LIMIT_S: Final = 10.0
"""Of a request: one that was begun in a black hole may come back unanswered so much later."""
_LIMIT: Final = {"rate": 300, "burst": 300}
_ALL_WELL: Final[Mapping[str, Any]] = {
    "spell": None,
    "black_hole": False,
    "key": KEY,
}
_SPELLS: Final[Mapping[str, Mapping[str, Any]]] = {
    "429": {"spell": {"status": 429, "retry_after": _RETRY_AFTER_S}},
    "503": {"spell": {"status": 503}},
    "black hole": {"black_hole": True},
    "401": {"key": None},
}
_ORDER: Final = ("429", "503", "black hole", "401", "503", "429", "401", "black hole")


@dataclass(frozen=True, slots=True)
class Spell:
    """One that is over, by the system's clock; `resumed_s` is infinite when nothing came."""

    kind: str
    begin_s: float
    end_s: float
    resumed_s: float

    @property
    def resumed_s_max(self) -> float:
        """How late the first event may come."""
        return RESUMED_S_MAX + (_RETRY_AFTER_S if self.kind == "429" else 0)


def world(protocol: str) -> World:
    """A single broker will do: nothing is wrong with Kafka."""
    return World(
        partitions=6, budget=1_000, latency_s=0.02, protocol=protocol, brokers=1, start="earliest"
    )


class Spells:
    """One run: write, begin, be ill and well in turn, stop, reckon."""

    def __init__(self, world: World, minutes: float, say: Callable[[str], None]) -> None:
        self.world = world
        self._each_s = minutes * 60 / len(_ORDER)
        self._say = say
        self._account = Account()
        self._spells: list[Spell] = []
        self._looks: list[tuple[float, watch.Look]] = []
        self._ended_s = self._first_s = float("inf")
        """When the last spell ended, and when the first event after that came."""
        self._begun_s = 0.0

    def run(self) -> bool:
        """Whether every law was kept.

        TimeoutError or RuntimeError when it does not come to its end.
        """
        writer = self._write()
        self.world.turn(limit=_LIMIT)
        member = self.world.member()
        member.start()
        self._begun_s = time.monotonic()
        wait_for(self._is_any_new, "the first event", 60)
        for kind in _ORDER:
            self._pass(_GAP_S)
            self._be_ill(kind)
        self._pass(_GAP_S)
        in_group = [event for _, event, _ in member.story()][1:] == ["assigned"]
        in_group = in_group and member.process.running
        member.process.terminate(60)
        in_order = member.process.code == 0
        self._account.note(self.world.arrivals.new())
        broken = self._tell(writer)
        broken += [] if in_group else [f"not always in the group: {member.story()}"]
        broken += [] if in_order else [f"its end: {member.process.log_tail()}"]
        broken += [f"a bridge said: {one}" for one in member.unheard[:5]]
        for line in broken:
            self._say(f"BROKEN: {line}")
        return not broken

    def _write(self) -> Writer:
        since_s = time.monotonic()
        writer = Writer(self.world.producer_settings(), TOPIC, self.world.schema_id, RECORDS)
        writer.start()
        wait_for(lambda: writer.written >= RECORDS, "a million records written", 400)
        writer.stop(120)
        if writer.trouble:
            raise RuntimeError(writer.trouble)
        self._say(f"{writer.acknowledged} records in {time.monotonic() - since_s:.0f} s")
        return writer

    def _be_ill(self, kind: str) -> None:
        begin_s = time.time()
        self.world.turn(**_SPELLS[kind])
        self._pass(self._each_s)
        self.world.turn(**_ALL_WELL)
        self._ended_s, self._first_s = time.time(), float("inf")
        while self._first_s == float("inf") and time.time() < self._ended_s + 60:
            self._pass(0.5)
        spell = Spell(kind, begin_s, self._ended_s, self._first_s - self._ended_s)
        self._spells.append(spell)
        self._say(
            f"{self._minute():5.1f} min  {kind:<10} {spell.end_s - begin_s:4.0f} s, sending again "
            f"{spell.resumed_s:5.2f} s after its end; {self._looks[-1][1]}"
        )

    def _pass(self, s: float) -> None:
        until_s = time.monotonic() + s
        while True:
            self._look()
            left_s = until_s - time.monotonic()
            if left_s <= 0:
                return
            time.sleep(min(1.0, left_s))

    def _look(self) -> None:
        [member] = self.world.members
        looks = watch.look({"bridge": member.process.pid}, time.time())
        self._looks.append((time.monotonic() - self._begun_s, looks["bridge"]))
        self._is_any_new()

    def _is_any_new(self) -> bool:
        """Take in what arrived; whether anything ever has."""
        new = list(self.world.arrivals.new())
        self._account.note(new)
        self._first_s = min([self._first_s, *(at_s for _, at_s in new if at_s > self._ended_s)])
        return self._account.accepted > 0

    def _minute(self) -> float:
        return (time.monotonic() - self._begun_s) / 60

    def _tell(self, writer: Writer) -> list[str]:
        """The figures; and what was broken."""
        for minute, look in self._by_minute():
            self._say(f"minute {minute:2d}: {look.rss_mib} MB, {look.files} open files")
        broken = self._memory() + [
            f"{one.kind}: nothing for {one.resumed_s:.1f} s after its end"
            for one in self._spells
            if one.resumed_s > one.resumed_s_max
        ]
        committed = self.world.committed()
        lost = self._lost(writer.partition_of, committed)
        times = Counter(self._account.times)
        strange = [number for number, _ in self._account.again if not self._in_doubt(number)]
        self._say(
            f"{sum(committed.values())} committed, {self._account.accepted} accepted, "
            f"{times[1]} once, {times[2]} twice, "
            f"{sum(count for n, count in times.items() if n > 2)} more often; {len(lost)} lost"
        )
        broken += [f"lost: {lost[:20]}"] if lost else []
        broken += [f"twice without a doubt: {strange[:20]}"] if strange else []
        broken += ["an event came more than twice"] if max(times) > 2 else []
        return broken

    def _memory(self) -> list[str]:
        warm = [look.rss_mib for at_s, look in self._looks if at_s > WARM_S]
        self._say(f"after the first minute: {min(warm)} to {max(warm)} MB")
        broken = ["memory is not flat"] if max(warm) - min(warm) > MIB_FLAT_MAX else []
        return broken + ([f"{max(warm)} MB"] if max(warm) > MIB_MAX else [])

    def _by_minute(self) -> list[tuple[int, watch.Look]]:
        first: dict[int, watch.Look] = {}
        for at_s, look in self._looks:
            first.setdefault(int(at_s // 60), look)
        return sorted(first.items())

    def _lost(self, partition_of: bytearray, committed: Mapping[int, int]) -> list[int]:
        """What is committed and never arrived; a partition keeps the order of the numbers."""
        seen: Counter[int] = Counter()
        lost = []
        for number, partition in enumerate(partition_of):
            if seen[partition] < committed[partition] and not self._account.arrived(number):
                lost.append(number)
            seen[partition] += 1
        return lost

    def _in_doubt(self, number: int) -> bool:
        """Whether its first answer may have been lost in a black hole."""
        first_s = self._account.first_s[number]
        return any(
            one.kind == "black hole" and one.begin_s - 1 <= first_s <= one.end_s + _TIME_LIMIT_S
            for one in self._spells
        )
