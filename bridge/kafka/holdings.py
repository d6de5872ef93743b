"""The partitions that this process holds now, and how far each of them is done.

Laws:
- The poll thread owns everything here.
- A record belongs to one assignment. A late settle, after its assignment ended, changes nothing
  of a later one: it is recognised by the identity of the assignment, not by its numbers.
- A commit speaks of partitions held at this instant only: the broker itself asks for the member,
  not for who owns the partition.
- What a partition's progress knew is parked when it goes, and what was under way then is still
  noted there: should the partition come back, nothing of it is sent again.
- A commit says of which topic it is (`topic_ids.py`), so that who reads it knows when the topic was
  made anew since.
- What is settled above the committed offset and finds no room in the metadata's list is counted: a
  crash repeats it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from confluent_kafka import Message, TopicPartition

from bridge.delivery.progress import Progress
from bridge.delivery.runs import encode, fitting
from bridge.kafka.listing import Listing
from bridge.kafka.window import BATCH_MAX
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
    topic_id: int | None = None
    """Which topic of this name it is; None while Kafka has not told."""

    dirty: bool = False
    """Something was settled, or the position was never committed: worth a commit."""

    unacknowledged_events: int = 0
    """Events answered and not yet in an acknowledged commit."""

    outstanding_bytes: int = 0

    committed: bool = False
    """The group has a commit on this partition, ours or the one this assignment began with."""

    characters: int = 0
    """How long the list of the last commit was."""

    may_lengthen: int = 0
    """Records that may yet lengthen it: of several not settled in a row all but one, and those
    taken since."""

    unlisted_events: int = 0
    """Events settled above the last commit for which its list had no room."""

    crowded: bool = False
    """No more of it is taken for now."""

    halted: bool = False
    """Nothing more of it is begun until a person has acted, so what is left of it is no work."""


@dataclass(frozen=True, slots=True)
class Commit:
    """What one commit asked the broker to remember, until the broker answers."""

    offsets: list[TopicPartition]
    characters_max: int
    events: dict[Assignment, int] = field(default_factory=dict)


class Holdings:
    """All partitions held, by topic and partition; `ends` is where each ends, None: nowhere.

    Past its end nothing is tracked: it would fill the window of work and never be settled.
    """

    def __init__(self, ends: Mapping[Key, int] | None = None) -> None:
        self._ends = ends
        self._by_key: dict[Key, Holding] = {}
        self._parked: dict[Key, Holding] = {}
        self.listing = Listing()

    def __iter__(self) -> Iterator[Holding]:
        return iter(self._by_key.values())

    def keys(self) -> list[Key]:
        """What is held."""
        return list(self._by_key)

    def add(self, holding: Holding) -> None:
        """Begin to hold a partition."""
        key = holding.assignment.topic, holding.assignment.partition
        self._by_key[key] = holding
        self._parked.pop(key, None)

    def get(self, keys: Iterable[Key]) -> list[Holding]:
        """Those of `keys` that are held."""
        return [self._by_key[key] for key in keys if key in self._by_key]

    def park(self, keys: Iterable[Key]) -> list[Holding]:
        """Hold these no longer; returns what was held of them."""
        going = {key: self._by_key.pop(key) for key in list(keys) if key in self._by_key}
        self._parked |= going
        return list(going.values())

    def parked(self, keys: Iterable[Key]) -> dict[Key, Holding]:
        """What was held of `keys` when they went."""
        return {key: self._parked[key] for key in keys if key in self._parked}

    @property
    def outstanding(self) -> int:
        """Records taken and not settled, of all partitions but the halted."""
        return sum(holding.progress.outstanding for holding in self if not holding.halted)

    @property
    def outstanding_bytes(self) -> int:
        """The size of their values."""
        return sum(holding.outstanding_bytes for holding in self if not holding.halted)

    @property
    def unacknowledged_events(self) -> int:
        """Events answered and not yet in an acknowledged commit."""
        return sum(holding.unacknowledged_events for holding in self)

    @property
    def repeatable_events(self) -> int:
        """Answered events that a crash would repeat: in no acknowledged commit, or not listed."""
        return sum(one.unacknowledged_events + one.unlisted_events for one in self)

    def crowded(self, records_max: int) -> frozenset[Key]:
        """The partitions of which no more is taken for now.

        So are those of which one more batch might fill half of a window of `records_max` records
        beside others, or leave no room for the list in the commit's metadata.
        """
        for one in self:
            batches = 2 if one.crowded else 1  # a pause throws away what was fetched ahead
            one.crowded = self._room_of(one, records_max // 2) < batches * BATCH_MAX
        return frozenset(key for key, one in self._by_key.items() if one.crowded)

    def take(self, message: Message) -> Record | None:
        """Track a polled message; None when there is nothing to do for it.

        That is so for a partition not held (any more), past the partition's end, and for an offset
        settled before.
        """
        topic, partition, offset = message.topic(), message.partition(), message.offset()
        holding = self._by_key.get((topic, partition))  # type: ignore[arg-type]
        if self._ends is not None and offset >= self._ends.get((topic, partition), 0):  # type: ignore[operator, arg-type]
            return None
        if holding is None or not holding.progress.see(offset, message.leader_epoch()):  # type: ignore[arg-type]
            return None
        value = message.value()
        holding.outstanding_bytes += len(value or b"")
        holding.may_lengthen += 1
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
        key = record.topic, record.partition
        holding = self._by_key.get(key)
        if holding is None or holding.assignment is not record.assignment:
            parked = self._parked.get(key)
            if parked is not None and parked.assignment is record.assignment:
                parked.progress.settle(record.offset)
            return False
        holding.progress.settle(record.offset, events)
        holding.outstanding_bytes -= len(record.value or b"")
        holding.unacknowledged_events += events
        holding.dirty = True
        return True

    def commit(self, keys: Iterable[Key] | None = None) -> Commit | None:
        """What is worth a commit now, of `keys` or of all, in one snapshot; None for nothing."""
        commit = Commit([], self.listing.characters_max)
        for holding in self if keys is None else self.get(keys):
            if holding.dirty:
                commit.offsets.append(self._offset(holding, first=not commit.offsets))
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
            holding.committed = True
            covered += events
        return covered

    def _room_of(self, holding: Holding, records_max: int) -> int:
        """How many more records of a partition may be taken, as far as it is worth knowing."""
        room = 2 * BATCH_MAX
        if len(self._by_key) > 1:
            room = min(room, records_max - holding.progress.outstanding)
        if self.listing.is_usual:
            room = min(room, self.listing.room(holding.characters, holding.may_lengthen))
        return room

    def _offset(self, holding: Holding, *, first: bool) -> TopicPartition:
        """What to commit of a partition, the first of its commit; notes what found no room."""
        cut = holding.progress.cut()
        above, characters_max = cut.settled_above, self.listing.characters_max
        beside, topic_id = (cut.offset, holding.partitions_at_start), holding.topic_id
        listed = fitting(*beside, above, characters_max, topic_id)
        metadata = encode(*beside, listed, topic_id) if characters_max else ""
        holding.may_lengthen = max(0, holding.progress.outstanding - len(above))
        whole = len(listed) == len(above)
        holding.characters = len(metadata) if whole else characters_max
        holding.unlisted_events = (
            0 if whole else holding.progress.events_from(above[len(listed)][0])
        )
        if first:
            metadata = self.listing.asking(metadata)
        epoch = _NO_EPOCH if cut.leader_epoch is None else cut.leader_epoch
        place = holding.assignment.topic, holding.assignment.partition
        return TopicPartition(*place, cut.offset, metadata, epoch)
