"""One by one: which record is lost, which came twice, and which fault explains it.

Laws, after the bridge's promise:
- lost is what Kafka has acknowledged and FullStory never applied;
- an event that came twice is explained by a fault that may repeat something (a process killed,
  an assignment lost, an end by the clock), whose process held the record's partition, and which
  lies between the two arrivals; each fault explains at most `duplicate_budget` events;
- what no fault explains is a broken promise.
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

SLACK_S = 1.0
"""A request that the system had taken from a process may be applied a little after its end."""


@dataclass(frozen=True, slots=True)
class Excuse:
    """A fault that may repeat up to the budget: of whom, when, and what it held."""

    kind: str
    who: str
    begin_s: float
    end_s: float
    partitions: frozenset[int]

    def explains(self, twice: "Twice") -> bool:
        """Whether it lies between the two arrivals of a record that it held."""
        between = self.begin_s - SLACK_S <= twice.again_s and twice.first_s <= self.end_s + SLACK_S
        return between and twice.partition in self.partitions


@dataclass(frozen=True, slots=True)
class Twice:
    """A record that arrived again."""

    number: int
    partition: int
    first_s: float
    again_s: float


@dataclass
class Account:
    """What the arrivals come to so far."""

    times: bytearray = field(default_factory=bytearray)
    first_s: "array[float]" = field(default_factory=lambda: array("d"))
    again: list[tuple[int, float]] = field(default_factory=list)
    accepted: int = 0

    def note(self, arrivals: Iterable[tuple[int, float]]) -> None:
        """Take in new arrivals: number and time."""
        for number, at_s in arrivals:
            self.accepted += 1
            if number >= len(self.times):
                more = number + 1 - len(self.times)
                self.times.extend(bytes(more))
                self.first_s.extend(array("d", bytes(8 * more)))
            if self.times[number]:
                self.again.append((number, at_s))
            else:
                self.first_s[number] = at_s
            self.times[number] = min(255, self.times[number] + 1)

    def arrived(self, number: int) -> bool:
        """Whether FullStory has it."""
        return number < len(self.times) and self.times[number] > 0


@dataclass(frozen=True)
class Verdict:
    """`by_excuse` counts what each fault repeated, in the order of `excuses`."""

    lost: list[int]
    strange: list[int]
    unexplained: list[Twice]
    by_excuse: list[tuple[Excuse, int]]

    @property
    def holds(self) -> bool:
        """Whether the promise was kept."""
        return not self.lost and not self.strange and not self.unexplained


def judge(
    account: Account,
    partition_of: Sequence[int],
    not_acknowledged: int,
    excuses: Sequence[Excuse],
    budget: int,
) -> Verdict:
    """Reckon; a record that Kafka did not acknowledge may arrive or not."""
    acknowledged = (n for n, part in enumerate(partition_of) if part != not_acknowledged)
    lost = [n for n in acknowledged if not account.arrived(n)]
    strange = [n for n in range(len(partition_of), len(account.times)) if account.arrived(n)]
    spent: Counter[int] = Counter()
    unexplained = []
    known = [one for one in account.again if one[0] < len(partition_of)]
    for number, again_s in sorted(known, key=lambda one: one[1]):
        twice = Twice(number, partition_of[number], account.first_s[number], again_s)
        able = [
            (excuse.end_s, index)
            for index, excuse in enumerate(excuses)
            if spent[index] < budget and excuse.explains(twice)
        ]
        if able:
            spent[min(able)[1]] += 1
        else:
            unexplained.append(twice)
    return Verdict(lost, strange, unexplained, [(e, spent[i]) for i, e in enumerate(excuses)])
