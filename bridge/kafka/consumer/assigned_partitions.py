"""The partitions that are assigned to this process, and the progress of each.

Invariants:
- The poll thread owns everything here.
- A record belongs to one assignment. A late settle, after its assignment ended, changes nothing in
  a later one. The assignment is identified as an object, not by its numbers.
- A commit contains only partitions that are assigned at that moment. The broker checks the member,
  not who owns the partition.
- The progress of a removed partition is kept, and late settles are still noted there. If the
  partition comes back, nothing settled is sent again.
- A commit contains the topic's id (`topic_ids.py`), so that its reader recognizes a topic that was
  recreated since.
- At the end of a partition, the end itself is committed, behind transaction markers, aborted and
  compacted records. Otherwise the lag would never be 0. Retention could also move the log's start
  past the committed offset, and the next start would halt although no record was lost.
- Events settled above the committed offset whose ranges do not fit into the metadata are counted: a
  crash repeats them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from confluent_kafka import TopicPartition

from bridge.delivery.commit_metadata import encode, truncate_to_fit
from bridge.kafka.consumer.assigned_partition import AssignedPartition, PartitionKey, offset_of
from bridge.kafka.consumer.backpressure import BATCH_MAX
from bridge.kafka.consumer.metadata_limit import MetadataLimit
from bridge.ports import SelectRecords
from bridge.records import Assignment, Message, Record

_NO_EPOCH = -1
"""Kafka's value for an unknown leader epoch."""


@dataclass(frozen=True, slots=True)
class PendingCommit:
    """What one commit contains, until the broker answers."""

    offsets: list[TopicPartition]
    characters_max: int
    events: dict[Assignment, int] = field(default_factory=dict)


class TrackedBatch(NamedTuple):
    """The result of tracking messages: records to process, and how many were skipped."""

    records: list[Record]
    skipped: int


class AssignedPartitions:
    """All assigned partitions, by topic and partition; `ends` maps each to its end (None: no ends).

    Records past the end are not tracked: they would fill the window and never be settled.
    """

    def __init__(self, ends: Mapping[PartitionKey, int] | None = None) -> None:
        self._ends = ends
        self._by_key: dict[PartitionKey, AssignedPartition] = {}
        self._former: dict[PartitionKey, AssignedPartition] = {}
        self._at_capacity: set[PartitionKey] = set()
        self._unchecked: dict[PartitionKey, AssignedPartition] = {}
        """Partitions whose capacity was not checked since they changed."""

        self.metadata_limit = MetadataLimit()
        self.outstanding = 0
        """Tracked and unsettled records of all partitions that are not halted."""

        self.outstanding_bytes = 0
        """The size of their values."""

        self.unacknowledged_events = 0
        """Answered events that no acknowledged commit covers yet."""

        self._omitted_events = 0

    def __iter__(self) -> Iterator[AssignedPartition]:
        return iter(self._by_key.values())

    def keys(self) -> list[PartitionKey]:
        """The assigned partitions."""
        return list(self._by_key)

    def add(self, assigned: AssignedPartition) -> None:
        """Add an assigned partition."""
        key = assigned.key
        if key in self._by_key:
            self.remove([key])
        self._by_key[key] = assigned
        self._former.pop(key, None)
        self._unchecked = dict(self._by_key)

    def get(self, keys: Iterable[PartitionKey]) -> list[AssignedPartition]:
        """Those of `keys` that are assigned."""
        return [self._by_key[key] for key in keys if key in self._by_key]

    def remove(self, keys: Iterable[PartitionKey]) -> list[AssignedPartition]:
        """Remove partitions and return those that were assigned; their progress is kept."""
        removed = {key: self._by_key.pop(key) for key in list(keys) if key in self._by_key}
        self._former |= removed
        self._unchecked = dict(self._by_key)
        self._at_capacity -= removed.keys()
        for assigned in removed.values():
            self._subtract_outstanding(assigned)
            self.unacknowledged_events -= assigned.unacknowledged_events
            self._omitted_events -= assigned.omitted_events
        return list(removed.values())

    def halt(self, assigned: AssignedPartition) -> None:
        """Halt a partition: its remaining records no longer count as work."""
        if not assigned.halted:
            self._subtract_outstanding(assigned)
            assigned.halted = assigned.dirty = True

    def _subtract_outstanding(self, assigned: AssignedPartition) -> None:
        if not assigned.halted:
            self.outstanding -= assigned.progress.outstanding
            self.outstanding_bytes -= assigned.outstanding_bytes

    def former(self, keys: Iterable[PartitionKey]) -> dict[PartitionKey, AssignedPartition]:
        """The state of those of `keys` that were assigned before."""
        return {key: self._former[key] for key in keys if key in self._former}

    @property
    def repeatable_events(self) -> int:
        """Answered events that a crash would repeat: uncommitted, or omitted from the metadata."""
        return self.unacknowledged_events + self._omitted_events

    def at_capacity(self, records_max: int) -> frozenset[PartitionKey]:
        """The partitions from which to poll nothing for now.

        With one more batch, such a partition might fill half of a window of `records_max` records
        while others are assigned. Or its ranges might not fit into the commit's metadata.
        """
        for key, one in self._unchecked.items():
            # A pause discards prefetched records, so a resume requires more free capacity.
            batches = 2 if key in self._at_capacity else 1
            if self._remaining_records(one, records_max // 2) < batches * BATCH_MAX:
                self._at_capacity.add(key)
            else:
                self._at_capacity.discard(key)
        self._unchecked.clear()
        return frozenset(self._at_capacity)

    def track(
        self, key: PartitionKey, messages: Sequence[Message], select_records: SelectRecords
    ) -> TrackedBatch:
        """Track messages of one partition, in order.

        It ignores partitions that are not assigned (any more), messages past the partition's end,
        offsets that are already settled, and messages that `select_records` omits. All messages of
        a halted partition are kept, because none of them may be settled.
        """
        assigned = self._by_key.get(key)
        if assigned is None:
            return TrackedBatch([], 0)
        messages = self._unread(assigned, messages)
        if not messages:
            return TrackedBatch([], 0)
        if assigned.halted:
            return TrackedBatch(assigned.track(messages, range(len(messages))), 0)
        selected = select_records(key[0], messages)
        records = assigned.track(messages, selected)
        if records:
            self.outstanding += len(records)
            self.outstanding_bytes += sum(len(record.value or b"") for record in records)
            self._unchecked[key] = assigned
        return TrackedBatch(records, len(messages) - len(selected))

    def reach_end(self, key: PartitionKey, end: int, leader_epoch: int | None) -> None:
        """Note that the client has returned every record of a partition before `end`.

        Transaction markers, aborted records and compacted ones are not returned. So only the end
        shows that they were read. `leader_epoch` belongs to the last of them.
        """
        assigned = self._by_key.get(key)
        if assigned is not None:
            end = end if self._ends is None else min(end, self._ends.get(key, 0))
            assigned.reach_end(end, leader_epoch)

    def _unread(
        self, assigned: AssignedPartition, messages: Sequence[Message]
    ) -> Sequence[Message]:
        """The messages that were not read before and are not past the partition's end."""
        begin = assigned.progress.position
        if self._ends is None:
            if offset_of(messages[0]) >= begin:
                return messages
            return [message for message in messages if offset_of(message) >= begin]
        end = self._ends.get(assigned.key, 0)
        return [message for message in messages if begin <= offset_of(message) < end]

    def settle(self, record: Record, events: int) -> bool:
        """Mark a record as settled; False if its assignment has ended."""
        key = record.topic, record.partition
        assigned = self._by_key.get(key)
        if assigned is None or assigned.assignment is not record.assignment:
            former = self._former.get(key)
            if former is not None and former.assignment is record.assignment:
                former.progress.settle(record.offset)
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
        self._unchecked[key] = assigned
        return True

    def commit(self, keys: Iterable[PartitionKey] | None = None) -> PendingCommit | None:
        """Collect what is due (of `keys` or all), and mark it clean; None if nothing is due."""
        commit = PendingCommit([], self.metadata_limit.characters_max)
        for assigned in self if keys is None else self.get(keys):
            if assigned.dirty:
                commit.offsets.append(self._offset(assigned, first=not commit.offsets))
                commit.events[assigned.assignment] = assigned.unacknowledged_events
                assigned.dirty = False
                self._unchecked[assigned.key] = assigned
        return commit if commit.offsets else None

    def acknowledge(self, commit: PendingCommit, failed: frozenset[PartitionKey]) -> int:
        """The broker has answered a commit; returns how many events it covers.

        Partitions that it refused are due for a commit again.
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
        self._unchecked = dict(self._by_key)
        return covered

    def _remaining_records(self, assigned: AssignedPartition, records_max: int) -> int:
        """How many more records of a partition may be tracked, up to two batches."""
        remaining = 2 * BATCH_MAX
        if len(self._by_key) > 1:
            remaining = min(remaining, records_max - assigned.progress.outstanding)
        if self.metadata_limit.is_unrestricted:
            length, growth = assigned.metadata_characters, assigned.max_growth
            remaining = min(remaining, self.metadata_limit.remaining_records(length, growth))
        return remaining

    def _offset(self, assigned: AssignedPartition, *, first: bool) -> TopicPartition:
        """The offset and metadata to commit for a partition; counts the events that do not fit.

        `first` marks the first partition of its commit.
        """
        snapshot = assigned.progress.snapshot(include_skipped=not assigned.halted)
        above, characters_max = snapshot.settled_above, self.metadata_limit.characters_max
        header, topic_id = (snapshot.offset, assigned.partitions_at_start), assigned.topic_id
        listed = truncate_to_fit(*header, above, characters_max, topic_id)
        metadata = encode(*header, listed, topic_id) if characters_max else ""
        assigned.max_growth = max(0, assigned.progress.outstanding - len(above))
        complete = len(listed) == len(above)
        assigned.metadata_characters = len(metadata) if complete else characters_max
        omitted_events = 0 if complete else assigned.progress.events_from(above[len(listed)][0])
        self._omitted_events += omitted_events - assigned.omitted_events
        assigned.omitted_events = omitted_events
        if first:
            metadata = self.metadata_limit.pad_for_probe(metadata)
        epoch = _NO_EPOCH if snapshot.leader_epoch is None else snapshot.leader_epoch
        return TopicPartition(*assigned.key, snapshot.offset, metadata, epoch)
