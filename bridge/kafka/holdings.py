"""The partitions that this process holds now, and how far each of them is done.

Laws:
- The poll thread owns everything here.
- A record belongs to one assignment. A late settle, after its assignment ended, changes nothing
  of a later one: it is recognised by the identity of the assignment, not by its numbers.
- A commit speaks of partitions held at this instant only: the broker itself asks for the member,
  not for who owns the partition.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from confluent_kafka import Message, TopicPartition

from bridge.delivery.progress import Progress
from bridge.delivery.runs import encode
from bridge.records import Assignment, Record

Key = tuple[str, int]

_NO_EPOCH = -1
"""How Kafka says that a leader epoch is not known."""


@dataclass(slots=True)
class Holding:
    """One partition while it is held."""

    assignment: Assignment
    progress: Progress
    partitions_at_start: int
    dirty: bool = False
    """Something was settled, or the position was never committed: worth a commit."""

    unacknowledged_events: int = 0
    """Events answered and not yet in an acknowledged commit."""

    outstanding_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Commit:
    """What one commit asked the broker to remember, until the broker answers."""

    offsets: list[TopicPartition]
    events: dict[Assignment, int] = field(default_factory=dict)


class Holdings:
    """All partitions held, by topic and partition."""

    def __init__(self) -> None:
        self._by_key: dict[Key, Holding] = {}

    def __iter__(self) -> Iterator[Holding]:
        return iter(self._by_key.values())

    def keys(self) -> list[Key]:
        """What is held."""
        return list(self._by_key)

    def add(self, holding: Holding) -> None:
        """Begin to hold a partition."""
        assignment = holding.assignment
        self._by_key[assignment.topic, assignment.partition] = holding

    def get(self, keys: Iterable[Key]) -> list[Holding]:
        """Those of `keys` that are held."""
        return [self._by_key[key] for key in keys if key in self._by_key]

    def remove(self, keys: Iterable[Key]) -> list[Holding]:
        """Hold these no longer; returns what was held of them."""
        return [self._by_key.pop(key) for key in list(keys) if key in self._by_key]

    @property
    def outstanding(self) -> int:
        """Records taken and not settled, of all partitions."""
        return sum(holding.progress.outstanding for holding in self)

    @property
    def outstanding_bytes(self) -> int:
        """The size of their values."""
        return sum(holding.outstanding_bytes for holding in self)

    @property
    def unacknowledged_events(self) -> int:
        """Events answered and not yet in an acknowledged commit."""
        return sum(holding.unacknowledged_events for holding in self)

    def take(self, message: Message) -> Record | None:
        """Track a polled message; None when there is nothing to do for it.

        That is so for a partition not held (any more), and for an offset settled before.
        """
        topic, partition, offset = message.topic(), message.partition(), message.offset()
        holding = self._by_key.get((topic, partition))  # type: ignore[arg-type]
        if holding is None or not holding.progress.see(offset, message.leader_epoch()):  # type: ignore[arg-type]
            return None
        value = message.value()
        holding.outstanding_bytes += len(value or b"")
        holding.dirty = True
        return Record(
            holding.assignment.topic,
            holding.assignment.partition,
            offset,  # type: ignore[arg-type]
            message.timestamp()[1],
            message.key(),
            value,
            holding.assignment,
            message.headers,  # type: ignore[arg-type]
        )

    def settle(self, record: Record, events: int) -> bool:
        """Nothing is left to do for a record; False when its assignment has ended."""
        holding = self._by_key.get((record.topic, record.partition))
        if holding is None or holding.assignment is not record.assignment:
            return False
        holding.progress.settle(record.offset)
        holding.outstanding_bytes -= len(record.value or b"")
        holding.unacknowledged_events += events
        holding.dirty = True
        return True

    def commit(self, keys: Iterable[Key] | None = None) -> Commit | None:
        """What is worth a commit now, of `keys` or of all, in one snapshot; None for nothing."""
        commit = Commit([])
        for holding in self if keys is None else self.get(keys):
            if holding.dirty:
                commit.offsets.append(_offset(holding))
                commit.events[holding.assignment] = holding.unacknowledged_events
                holding.dirty = False
        return commit if commit.offsets else None

    def acknowledge(self, commit: Commit, failed: frozenset[Key]) -> int:
        """The broker has answered a commit; returns how many events it covers.

        What it refused is worth a commit again.
        """
        covered = 0
        for holding in self:
            events = commit.events.get(holding.assignment)
            if events is None:
                continue
            if (holding.assignment.topic, holding.assignment.partition) in failed:
                holding.dirty = True
                continue
            holding.unacknowledged_events -= events
            covered += events
        return covered


def _offset(holding: Holding) -> TopicPartition:
    cut = holding.progress.cut()
    assignment = holding.assignment
    metadata = encode(cut.offset, holding.partitions_at_start, cut.settled_above)
    epoch = _NO_EPOCH if cut.leader_epoch is None else cut.leader_epoch
    return TopicPartition(assignment.topic, assignment.partition, cut.offset, metadata, epoch)
