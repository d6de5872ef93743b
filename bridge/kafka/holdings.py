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

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from confluent_kafka import TopicPartition

from bridge.delivery.runs import encode, fitting
from bridge.kafka.holding import Holding, Key, offset_of
from bridge.kafka.listing import Listing
from bridge.kafka.window import BATCH_MAX
from bridge.ports import Sift
from bridge.records import Assignment, Message, Record

_NO_EPOCH = -1
"""How Kafka says that a leader epoch is not known."""


@dataclass(frozen=True, slots=True)
class Commit:
    """What one commit asked the broker to remember, until the broker answers."""

    offsets: list[TopicPartition]
    characters_max: int
    events: dict[Assignment, int] = field(default_factory=dict)


class Taken(NamedTuple):
    """What came of messages: records to be worked on, and how many nobody wants."""

    records: list[Record]
    skipped: int


class Holdings:
    """All partitions held, by topic and partition; `ends` is where each ends, None: nowhere.

    Past its end nothing is tracked: it would fill the window of work and never be settled.
    """

    def __init__(self, ends: Mapping[Key, int] | None = None) -> None:
        self._ends = ends
        self._by_key: dict[Key, Holding] = {}
        self._parked: dict[Key, Holding] = {}
        self._crowded: set[Key] = set()
        self._changed: dict[Key, Holding] = {}
        """Of what it was not looked yet whether it is crowded."""

        self.listing = Listing()
        self.outstanding = 0
        """Records taken and not settled, of all partitions but the halted."""

        self.outstanding_bytes = 0
        """The size of their values."""

        self.unacknowledged_events = 0
        """Events answered and not yet in an acknowledged commit."""

        self._unlisted_events = 0

    def __iter__(self) -> Iterator[Holding]:
        return iter(self._by_key.values())

    def keys(self) -> list[Key]:
        """What is held."""
        return list(self._by_key)

    def add(self, holding: Holding) -> None:
        """Begin to hold a partition."""
        key = holding.key
        if key in self._by_key:
            self.park([key])
        self._by_key[key] = holding
        self._parked.pop(key, None)
        self._changed = dict(self._by_key)

    def get(self, keys: Iterable[Key]) -> list[Holding]:
        """Those of `keys` that are held."""
        return [self._by_key[key] for key in keys if key in self._by_key]

    def park(self, keys: Iterable[Key]) -> list[Holding]:
        """Hold these no longer; returns what was held of them."""
        going = {key: self._by_key.pop(key) for key in list(keys) if key in self._by_key}
        self._parked |= going
        self._changed = dict(self._by_key)
        self._crowded -= going.keys()
        for holding in going.values():
            self._leave_out(holding)
            self.unacknowledged_events -= holding.unacknowledged_events
            self._unlisted_events -= holding.unlisted_events
        return list(going.values())

    def halt(self, holding: Holding) -> None:
        """Nothing more of it is begun: what is left of it is no work."""
        if not holding.halted:
            self._leave_out(holding)
            holding.halted = holding.dirty = True

    def _leave_out(self, holding: Holding) -> None:
        if not holding.halted:
            self.outstanding -= holding.progress.outstanding
            self.outstanding_bytes -= holding.outstanding_bytes

    def parked(self, keys: Iterable[Key]) -> dict[Key, Holding]:
        """What was held of `keys` when they went."""
        return {key: self._parked[key] for key in keys if key in self._parked}

    @property
    def repeatable_events(self) -> int:
        """Answered events that a crash would repeat: in no acknowledged commit, or not listed."""
        return self.unacknowledged_events + self._unlisted_events

    def crowded(self, records_max: int) -> frozenset[Key]:
        """The partitions of which no more is taken for now.

        So are those of which one more batch might fill half of a window of `records_max` records
        beside others, or leave no room for the list in the commit's metadata.
        """
        for key, one in self._changed.items():
            batches = 2 if key in self._crowded else 1  # a pause throws away what was fetched ahead
            if self._room_of(one, records_max // 2) < batches * BATCH_MAX:
                self._crowded.add(key)
            else:
                self._crowded.discard(key)
        self._changed.clear()
        return frozenset(self._crowded)

    def take(self, key: Key, messages: Sequence[Message], sift: Sift) -> Taken:
        """Track messages of one partition, in order.

        Nothing is to be done for a partition not held (any more), past the partition's end, for
        an offset settled before, and for what `sift` leaves out. Of a halted partition all is
        kept: nothing of it may be settled.
        """
        holding = self._by_key.get(key)
        if holding is None:
            return Taken([], 0)
        messages = self._new(holding, messages)
        if not messages:
            return Taken([], 0)
        if holding.halted:
            return Taken(holding.see(messages, range(len(messages))), 0)
        wanted = sift(key[0], messages)
        records = holding.see(messages, wanted)
        if records:
            self.outstanding += len(records)
            self.outstanding_bytes += sum(len(record.value or b"") for record in records)
            self._changed[key] = holding
        return Taken(records, len(messages) - len(wanted))

    def _new(self, holding: Holding, messages: Sequence[Message]) -> Sequence[Message]:
        """Those that were not read before, and not past the partition's end."""
        begin = holding.progress.position
        if self._ends is None:
            if offset_of(messages[0]) >= begin:
                return messages
            return [message for message in messages if offset_of(message) >= begin]
        end = self._ends.get(holding.key, 0)
        return [message for message in messages if begin <= offset_of(message) < end]

    def settle(self, record: Record, events: int) -> bool:
        """Nothing is left to do for a record; False when its assignment has ended."""
        key = record.topic, record.partition
        holding = self._by_key.get(key)
        if holding is None or holding.assignment is not record.assignment:
            parked = self._parked.get(key)
            if parked is not None and parked.assignment is record.assignment:
                parked.progress.settle(record.offset)
            return False
        if not holding.progress.settle(record.offset, events):
            return True
        size = len(record.value or b"")
        holding.outstanding_bytes -= size
        if not holding.halted:
            self.outstanding -= 1
            self.outstanding_bytes -= size
        holding.unacknowledged_events += events
        self.unacknowledged_events += events
        holding.dirty = True
        self._changed[key] = holding
        return True

    def commit(self, keys: Iterable[Key] | None = None) -> Commit | None:
        """What is worth a commit now, of `keys` or of all, in one snapshot; None for nothing."""
        commit = Commit([], self.listing.characters_max)
        for holding in self if keys is None else self.get(keys):
            if holding.dirty:
                commit.offsets.append(self._offset(holding, first=not commit.offsets))
                commit.events[holding.assignment] = holding.unacknowledged_events
                holding.dirty = False
                self._changed[holding.key] = holding
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
            if holding.key in failed:
                holding.dirty = True
                continue
            holding.unacknowledged_events -= events
            holding.committed = True
            covered += events
        self.unacknowledged_events -= covered
        self._changed = dict(self._by_key)
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
        cut = holding.progress.cut(skipped=not holding.halted)
        above, characters_max = cut.settled_above, self.listing.characters_max
        beside, topic_id = (cut.offset, holding.partitions_at_start), holding.topic_id
        listed = fitting(*beside, above, characters_max, topic_id)
        metadata = encode(*beside, listed, topic_id) if characters_max else ""
        holding.may_lengthen = max(0, holding.progress.outstanding - len(above))
        whole = len(listed) == len(above)
        holding.characters = len(metadata) if whole else characters_max
        unlisted = 0 if whole else holding.progress.events_from(above[len(listed)][0])
        self._unlisted_events += unlisted - holding.unlisted_events
        holding.unlisted_events = unlisted
        if first:
            metadata = self.listing.asking(metadata)
        epoch = _NO_EPOCH if cut.leader_epoch is None else cut.leader_epoch
        return TopicPartition(*holding.key, cut.offset, metadata, epoch)
