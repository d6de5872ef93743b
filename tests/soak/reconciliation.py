"""Record by record: which ones are lost or duplicated, and which fault explains each duplicate.

Invariants, from the bridge's delivery guarantee:
- A record is lost if Kafka acknowledged it and FullStory never applied it.
- A record of an aborted transaction must never arrive.
- A killed process, a lost assignment and a drain timeout may repeat events.
- Such a fault explains a duplicate if its process held the record's partition, and the fault is
  between the two arrivals.
- Each fault explains at most `duplicate_budget` events.
- A duplicate that no fault explains violates the guarantee.
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tests.soak.records import ABORTED

SLACK_S = 1.0
"""A request in the operating system's buffers may be applied shortly after its process ends."""


@dataclass(frozen=True, slots=True)
class DuplicateSource:
    """A fault that may cause duplicates up to the budget, with its process's partitions."""

    kind: str
    target: str
    begin_s: float
    end_s: float
    partitions: frozenset[int]

    def explains(self, duplicate: "Duplicate") -> bool:
        """Whether it is between the two arrivals of a record of its partitions."""
        between = (
            self.begin_s - SLACK_S <= duplicate.second_s
            and duplicate.first_s <= self.end_s + SLACK_S
        )
        return between and duplicate.partition in self.partitions


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A record that arrived a second time."""

    number: int
    partition: int
    first_s: float
    second_s: float


@dataclass
class ArrivalCounts:
    """The arrivals so far, counted by record number."""

    times: bytearray = field(default_factory=bytearray)
    first_s: "array[float]" = field(default_factory=lambda: array("d"))
    duplicates: list[tuple[int, float]] = field(default_factory=list)
    accepted: int = 0

    def add(self, arrivals: Iterable[tuple[int, float]]) -> None:
        """Add new arrivals: number and time."""
        for number, at_s in arrivals:
            self.accepted += 1
            if number >= len(self.times):
                more = number + 1 - len(self.times)
                self.times.extend(bytes(more))
                self.first_s.extend(array("d", bytes(8 * more)))
            if self.times[number]:
                self.duplicates.append((number, at_s))
            else:
                self.first_s[number] = at_s
            self.times[number] = min(255, self.times[number] + 1)

    def arrived(self, number: int) -> bool:
        """Whether the record arrived."""
        return number < len(self.times) and self.times[number] > 0


@dataclass(frozen=True)
class Reconciliation:
    """The result; `by_source` counts the duplicates of each source, in the given order."""

    lost: list[int]
    unexpected: list[int]
    unexplained: list[Duplicate]
    by_source: list[tuple[DuplicateSource, int]]

    @property
    def holds(self) -> bool:
        """Whether the guarantee was kept."""
        return not self.lost and not self.unexpected and not self.unexplained


def reconcile(
    counts: ArrivalCounts,
    partition_of: Sequence[int],
    sources: Sequence[DuplicateSource],
    budget: int,
) -> Reconciliation:
    """Compare arrivals with records; a record that Kafka did not acknowledge may be missing."""
    visible = (n for n, part in enumerate(partition_of) if part < ABORTED)
    lost = [n for n in visible if not counts.arrived(n)]
    aborted = (n for n, part in enumerate(partition_of) if part == ABORTED)
    never_written = range(len(partition_of), len(counts.times))
    unexpected = [n for n in (*aborted, *never_written) if counts.arrived(n)]
    used: Counter[int] = Counter()
    unexplained = []
    known = [one for one in counts.duplicates if one[0] < len(partition_of)]
    for number, second_s in sorted(known, key=lambda one: one[1]):
        duplicate = Duplicate(number, partition_of[number], counts.first_s[number], second_s)
        matching = [
            (source.end_s, index)
            for index, source in enumerate(sources)
            if used[index] < budget and source.explains(duplicate)
        ]
        if matching:
            used[min(matching)[1]] += 1
        else:
            unexplained.append(duplicate)
    return Reconciliation(
        lost, unexpected, unexplained, [(e, used[i]) for i, e in enumerate(sources)]
    )
