"""One partition while it is held: what was taken of it, and how far that is done."""

from collections.abc import Sequence
from dataclasses import dataclass

from bridge.delivery.commit_metadata import varint_bytes
from bridge.delivery.progress import Progress
from bridge.records import Assignment, Message, Record

PartitionKey = tuple[str, int]
"""Topic and partition."""


@dataclass(slots=True)
class AssignedPartition:
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
    """By so many bytes it may yet lengthen: one for each record not settled that stands behind
    another one, and what was taken since."""

    taken_to: int = 0
    """One past the last record taken."""

    unlisted_events: int = 0
    """Events settled above the last commit for which its list had no room."""

    @property
    def key(self) -> PartitionKey:
        """Its topic and partition."""
        return self.assignment.topic, self.assignment.partition

    halted: bool = False
    """Nothing more of it is begun until a person has acted, so what is left of it is no work."""

    def see(self, messages: Sequence[Message], wanted: Sequence[int]) -> list[Record]:
        """Track messages, of which those at `wanted` are to be worked on and the others skipped.

        What was settled before is left out.
        """
        self.dirty = True
        records = []
        at = 0
        for index in wanted:
            if index > at:
                self._skip_to(messages[index - 1])
            at = index + 1
            record = self._see(messages[index])
            if record is not None:
                records.append(record)
        if at < len(messages):
            self._skip_to(messages[-1])
        return records

    def _see(self, message: Message) -> Record | None:
        record = Record.of(message, self.assignment)
        if not self.progress.see(record.offset, message.leader_epoch()):
            return None
        self.outstanding_bytes += len(record.value or b"")
        skipped = record.offset - self.taken_to
        self.may_lengthen += 1 + varint_bytes(skipped) if skipped else 1
        self.taken_to = record.offset + 1
        return record

    def _skip_to(self, message: Message) -> None:
        self.progress.skip_to(offset_of(message) + 1, message.leader_epoch())


def offset_of(message: Message) -> int:
    """The offset of a message that came from Kafka, as all do that are looked at."""
    return message.offset()  # type: ignore[return-value]
