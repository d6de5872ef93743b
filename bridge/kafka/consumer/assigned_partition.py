"""One partition while it is assigned: which records are tracked, and which of them are settled."""

from collections.abc import Sequence
from dataclasses import dataclass

from bridge.delivery.commit_metadata import varint_bytes
from bridge.delivery.progress import Progress
from bridge.records import Assignment, Message, Record

PartitionKey = tuple[str, int]
"""Topic and partition."""


@dataclass(slots=True)
class AssignedPartition:
    """One partition while it is assigned to this process."""

    assignment: Assignment
    progress: Progress
    partitions_at_start: int
    topic_id: int | None = None
    """The short id of the topic, to recognize a recreated one; None while it is unknown."""

    dirty: bool = False
    """A commit is due: a record was settled, or the position was never committed."""

    unacknowledged_events: int = 0
    """Answered events that no acknowledged commit covers yet."""

    outstanding_bytes: int = 0

    committed: bool = False
    """The group has a commit for this partition, from before or during this assignment."""

    metadata_characters: int = 0
    """The length of the last commit's metadata."""

    max_growth: int = 0
    """How many bytes the metadata may still grow.

    It is one per unsettled record that follows another one, plus those of the records tracked
    since.
    """

    tracked_to: int = 0
    """One past the last tracked record."""

    omitted_events: int = 0
    """Events settled above the last commit whose ranges did not fit into its metadata."""

    @property
    def key(self) -> PartitionKey:
        """Its topic and partition."""
        return self.assignment.topic, self.assignment.partition

    halted: bool = False
    """Nothing more of it is started until a person acts: its remaining records are not work."""

    def track(self, messages: Sequence[Message], selected: Sequence[int]) -> list[Record]:
        """Track messages: process those at the indices `selected`, and skip the others.

        Records that are already settled are omitted.
        """
        self.dirty = True
        records = []
        at = 0
        for index in selected:
            if index > at:
                self._skip_to(messages[index - 1])
            at = index + 1
            record = self._track_one(messages[index])
            if record is not None:
                records.append(record)
        if at < len(messages):
            self._skip_to(messages[-1])
        return records

    def reach_end(self, end: int, leader_epoch: int | None) -> None:
        """Skip to the end: no record lies between the last tracked one and the end."""
        if end > self.progress.position:
            self.progress.skip_to(end, leader_epoch)
            self.dirty = True

    def _track_one(self, message: Message) -> Record | None:
        record = Record.of(message, self.assignment)
        if not self.progress.track(record.offset, message.leader_epoch()):
            return None
        self.outstanding_bytes += len(record.value or b"")
        skipped = record.offset - self.tracked_to
        self.max_growth += 1 + varint_bytes(skipped) if skipped else 1
        self.tracked_to = record.offset + 1
        return record

    def _skip_to(self, message: Message) -> None:
        self.progress.skip_to(offset_of(message) + 1, message.leader_epoch())


def offset_of(message: Message) -> int:
    """The offset of a message; every message from Kafka has one."""
    return message.offset()  # type: ignore[return-value]
