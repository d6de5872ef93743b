"""The partitions that this process holds now, and how far each of them is done.

Invariants:
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

from bridge.delivery.commit_metadata import encode, shortened_to_fit
from bridge.kafka.consumer.assigned_partition import AssignedPartition, PartitionKey, offset_of
from bridge.kafka.consumer.backpressure import BATCH_MAX
from bridge.kafka.consumer.metadata_limit import MetadataLimit
from bridge.ports import SelectRecords
from bridge.records import Assignment, Message, Record

_NO_EPOCH = -1
"""How Kafka says that a leader epoch is not known."""


@dataclass(frozen=True, slots=True)
class PendingCommit:
    """What one commit asked the broker to remember, until the broker answers."""

    offsets: list[TopicPartition]
    characters_max: int
    events: dict[Assignment, int] = field(default_factory=dict)


class Taken(NamedTuple):
    """What came of messages: records to be worked on, and how many nobody wants."""

    records: list[Record]
    skipped: int


class AssignedPartitions:
    """All partitions held, by topic and partition; `ends` is where each ends, None: nowhere.

    Past its end nothing is tracked: it would fill the window of work and never be settled.
    """

    def __init__(self, ends: Mapping[PartitionKey, int] | None = None) -> None:
        self._ends = ends
        self._by_key: dict[PartitionKey, AssignedPartition] = {}
        self._parked: dict[PartitionKey, AssignedPartition] = {}
        self._crowded: set[PartitionKey] = set()
        self._changed: dict[PartitionKey, AssignedPartition] = {}
        """Of what it was not looked yet whether it is crowded."""

        self.metadata_limit = MetadataLimit()
        self.outstanding = 0
        """Records taken and not settled, of all partitions but the halted."""

        self.outstanding_bytes = 0
        """The size of their values."""

        self.unacknowledged_events = 0
        """Events answered and not yet in an acknowledged commit."""

        self._unlisted_events = 0

    def __iter__(self) -> Iterator[AssignedPartition]:
        return iter(self._by_key.values())

    def keys(self) -> list[PartitionKey]:
        """What is held."""
        return list(self._by_key)

    def add(self, assigned: AssignedPartition) -> None:
        """Begin to hold a partition."""
        key = assigned.key
        if key in self._by_key:
            self.park([key])
        self._by_key[key] = assigned
        self._parked.pop(key, None)
        self._changed = dict(self._by_key)

    def get(self, keys: Iterable[PartitionKey]) -> list[AssignedPartition]:
        """Those of `keys` that are held."""
        return [self._by_key[key] for key in keys if key in self._by_key]

    def park(self, keys: Iterable[PartitionKey]) -> list[AssignedPartition]:
        """Hold these no longer; returns what was held of them."""
        going = {key: self._by_key.pop(key) for key in list(keys) if key in self._by_key}
        self._parked |= going
        self._changed = dict(self._by_key)
        self._crowded -= going.keys()
        for assigned in going.values():
            self._leave_out(assigned)
            self.unacknowledged_events -= assigned.unacknowledged_events
            self._unlisted_events -= assigned.unlisted_events
        return list(going.values())

    def halt(self, assigned: AssignedPartition) -> None:
        """Nothing more of it is begun: what is left of it is no work."""
        if not assigned.halted:
            self._leave_out(assigned)
            assigned.halted = assigned.dirty = True

    def _leave_out(self, assigned: AssignedPartition) -> None:
        if not assigned.halted:
            self.outstanding -= assigned.progress.outstanding
            self.outstanding_bytes -= assigned.outstanding_bytes

    def parked(self, keys: Iterable[PartitionKey]) -> dict[PartitionKey, AssignedPartition]:
        """What was held of `keys` when they went."""
        return {key: self._parked[key] for key in keys if key in self._parked}

    @property
    def repeatable_events(self) -> int:
        """Answered events that a crash would repeat: in no acknowledged commit, or not listed."""
        return self.unacknowledged_events + self._unlisted_events

    def crowded(self, records_max: int) -> frozenset[PartitionKey]:
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

    def take(
        self, key: PartitionKey, messages: Sequence[Message], select_records: SelectRecords
    ) -> Taken:
        """Track messages of one partition, in order.

        Nothing is to be done for a partition not held (any more), past the partition's end, for
        an offset settled before, and for what `select_records` leaves out. Of a halted partition
        all is kept: nothing of it may be settled.
        """
        assigned = self._by_key.get(key)
        if assigned is None:
            return Taken([], 0)
        messages = self._new(assigned, messages)
        if not messages:
            return Taken([], 0)
        if assigned.halted:
            return Taken(assigned.see(messages, range(len(messages))), 0)
        wanted = select_records(key[0], messages)
        records = assigned.see(messages, wanted)
        if records:
            self.outstanding += len(records)
            self.outstanding_bytes += sum(len(record.value or b"") for record in records)
            self._changed[key] = assigned
        return Taken(records, len(messages) - len(wanted))

    def _new(self, assigned: AssignedPartition, messages: Sequence[Message]) -> Sequence[Message]:
        """Those that were not read before, and not past the partition's end."""
        begin = assigned.progress.position
        if self._ends is None:
            if offset_of(messages[0]) >= begin:
                return messages
            return [message for message in messages if offset_of(message) >= begin]
        end = self._ends.get(assigned.key, 0)
        return [message for message in messages if begin <= offset_of(message) < end]

    def settle(self, record: Record, events: int) -> bool:
        """Nothing is left to do for a record; False when its assignment has ended."""
        key = record.topic, record.partition
        assigned = self._by_key.get(key)
        if assigned is None or assigned.assignment is not record.assignment:
            parked = self._parked.get(key)
            if parked is not None and parked.assignment is record.assignment:
                parked.progress.settle(record.offset)
            return False
        if not assigned.progress.settle(record.offset, events):
            return True
        size = len(record.value or b"")
        assigned.outstanding_bytes -= size
        if not assigned.halted:
            self.outstanding -= 1
            self.outstanding_bytes -= size
        assigned.unacknowledged_events += events
        self.unacknowledged_events += events
        assigned.dirty = True
        self._changed[key] = assigned
        return True

    def commit(self, keys: Iterable[PartitionKey] | None = None) -> PendingCommit | None:
        """What is worth a commit now, of `keys` or of all, in one snapshot; None for nothing."""
        commit = PendingCommit([], self.metadata_limit.characters_max)
        for assigned in self if keys is None else self.get(keys):
            if assigned.dirty:
                commit.offsets.append(self._offset(assigned, first=not commit.offsets))
                commit.events[assigned.assignment] = assigned.unacknowledged_events
                assigned.dirty = False
                self._changed[assigned.key] = assigned
        return commit if commit.offsets else None

    def acknowledge(self, commit: PendingCommit, failed: frozenset[PartitionKey]) -> int:
        """The broker has answered a commit; returns how many events it covers.

        What it refused is worth a commit again.
        """
        covered = 0
        for assigned in self:
            events = commit.events.get(assigned.assignment)
            if events is None:
                continue
            if assigned.key in failed:
                assigned.dirty = True
                continue
            assigned.unacknowledged_events -= events
            assigned.committed = True
            covered += events
        self.unacknowledged_events -= covered
        self._changed = dict(self._by_key)
        return covered

    def _room_of(self, assigned: AssignedPartition, records_max: int) -> int:
        """How many more records of a partition may be taken, as far as it is worth knowing."""
        room = 2 * BATCH_MAX
        if len(self._by_key) > 1:
            room = min(room, records_max - assigned.progress.outstanding)
        if self.metadata_limit.is_usual:
            room = min(room, self.metadata_limit.room(assigned.characters, assigned.may_lengthen))
        return room

    def _offset(self, assigned: AssignedPartition, *, first: bool) -> TopicPartition:
        """What to commit of a partition, the first of its commit; notes what found no room."""
        snapshot = assigned.progress.snapshot(skipped=not assigned.halted)
        above, characters_max = snapshot.settled_above, self.metadata_limit.characters_max
        beside, topic_id = (snapshot.offset, assigned.partitions_at_start), assigned.topic_id
        listed = shortened_to_fit(*beside, above, characters_max, topic_id)
        metadata = encode(*beside, listed, topic_id) if characters_max else ""
        assigned.may_lengthen = max(0, assigned.progress.outstanding - len(above))
        whole = len(listed) == len(above)
        assigned.characters = len(metadata) if whole else characters_max
        unlisted = 0 if whole else assigned.progress.events_from(above[len(listed)][0])
        self._unlisted_events += unlisted - assigned.unlisted_events
        assigned.unlisted_events = unlisted
        if first:
            metadata = self.metadata_limit.asking(metadata)
        epoch = _NO_EPOCH if snapshot.leader_epoch is None else snapshot.leader_epoch
        return TopicPartition(*assigned.key, snapshot.offset, metadata, epoch)
