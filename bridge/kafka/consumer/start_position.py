"""Where a partition starts when it is assigned to this process.

Invariants:
- A committed offset is used, and the ranges that its metadata lists are not sent again.
- `start` applies to partitions that existed when this group began on the topic. A partition added
  later starts at its beginning; otherwise its first records would be lost.
- A topic that appeared while the group was running (`subscription.py`) also starts at its
  beginning.
- The partition count of a topic is never requested within a callback. `list_topics` would take over
  the call state of the `consume` in progress, and the next callback would abort the process.
- A partition is assigned under the topic id in its commit, or else the id that Kafka reported
  before its offset was requested. Former state under another id is ignored.
- `recreated_topics.py` detects whether the topic has since been recreated. It then restarts at its
  beginning, whatever was committed, because the group existed before the topic.
- The offset given to `assign` and the base of the progress are one number, looked up once.
- What our own earlier assignment had settled is not sent again, if the group's commit was made by a
  bridge or never existed. Any other commit is a person's, and is used as it is.

How a partition is recognized as added later: every commit contains the topic's partition count at
the group's start (`partitions_at_start`). A partition without a commit whose number is not below
that count was added later. Checking only whether the group has any commit would be a race. Two
members that join together are assigned together. The slower one would see the faster one's first
commits, and read its own partitions from their beginning.

A topic that appeared later is committed with a partition count of 0. So another member, which did
not see it appear, also treats its partitions as added later.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeVar

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition

from bridge.delivery.commit_metadata import UnreadableMetadata, decode
from bridge.delivery.progress import Progress, merge_ranges
from bridge.kafka.consumer.assigned_partition import AssignedPartition, PartitionKey
from bridge.kafka.consumer.topic_ids import TopicIds, ids_match
from bridge.records import Assignment

LOOKUP_TIMEOUT_S = 2.0

Start = Literal["latest", "earliest"] | datetime
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StartPosition:
    """A partition ready to be read, or the reason why it is halted."""

    assigned: AssignedPartition
    halt_reason: str | None = None

    @property
    def offset(self) -> TopicPartition:
        """Where to start reading."""
        assignment = self.assigned.assignment
        return TopicPartition(
            assignment.topic, assignment.partition, self.assigned.progress.position
        )


class LookupFailed(Exception):
    """Kafka did not answer within two seconds, or with an error; the lookup is retried later."""


def resolve_start(
    consumer: Consumer,
    partitions: Sequence[TopicPartition],
    start: Start,
    is_new_topic: Callable[[str], bool],
    *,
    former: Mapping[PartitionKey, AssignedPartition],
    topic_ids: TopicIds,
) -> list[StartPosition]:
    """Look up where each of `partitions` starts; each request blocks for at most two seconds.

    Never call it within a callback of the consumer: it requests the partition counts of topics. A
    partition at OFFSET_BEGINNING restarts, and its commits are ignored. A partition that does not
    exist is omitted, because a recreated topic may have fewer partitions.

    `is_new_topic` reports topics that appeared while the group was running. `former` is the state
    of earlier assignments of the partitions. `topic_ids` holds the known topic ids.

    Raises:
        LookupFailed: a request was not answered in time.
    """
    without_commit = [one for one in partitions if one.offset == OFFSET_BEGINNING]
    others = [one for one in partitions if one.offset != OFFSET_BEGINNING]
    resolved, never_committed = (
        resolve_committed(consumer, others, former, topic_ids) if others else ([], [])
    )
    without_commit += never_committed
    for topic in sorted({one.topic for one in without_commit}):
        count = _partition_count(consumer, topic)
        count_at_start = _partitions_at_start(consumer, topic, count)
        if topic_ids.is_recreated(topic) or (count_at_start is None and is_new_topic(topic)):
            count_at_start = 0
        of_topic = [one for one in without_commit if one.topic == topic and one.partition < count]
        partitions_at_start = count if count_at_start is None else count_at_start
        state = partitions_at_start, topic_ids.current.get(topic)
        for one in of_topic:
            existed_at_start = count_at_start is None or one.partition < count_at_start
            applied = start if existed_at_start else "earliest"
            resolved.append(_start_new(consumer, one, applied, *state))
    return resolved


def resolve_committed(
    consumer: Consumer,
    partitions: Sequence[TopicPartition],
    former: Mapping[PartitionKey, AssignedPartition],
    topic_ids: TopicIds,
) -> tuple[list[StartPosition], list[TopicPartition]]:
    """The starts of partitions with a commit or former state, and the partitions without.

    Raises:
        LookupFailed: the request was not answered in time.
    """
    resolved: list[StartPosition] = []
    without_commit: list[TopicPartition] = []
    for one in _committed(consumer, partitions):
        previous = former.get((one.topic, one.partition))
        if one.offset >= 0:
            resolved.append(_resume(one, previous, topic_ids))
        elif previous is not None and not previous.committed:
            resolved.append(_continue_uncommitted(previous))
        else:
            without_commit.append(TopicPartition(one.topic, one.partition))
    return resolved, without_commit


def resolve_reset(
    consumer: Consumer,
    one: TopicPartition,
    bound: Literal["earliest", "latest"],
    topic_ids: TopicIds,
) -> StartPosition:
    """The start of a partition whose position is out of range, at a bound of its log.

    Raises:
        LookupFailed: Kafka did not report the bounds in time.
    """
    count = _partition_count(consumer, one.topic)
    count_at_start = _partitions_at_start(consumer, one.topic, count)
    offset = _offset_at(consumer, one, bound)
    assignment = Assignment(one.topic, one.partition)
    topic_id = topic_ids.current.get(one.topic)
    partitions_at_start = count if count_at_start is None else count_at_start
    assigned = AssignedPartition(
        assignment, Progress(offset), partitions_at_start, topic_id, dirty=True
    )
    return StartPosition(assigned)


def _resume(
    one: TopicPartition, previous: AssignedPartition | None, topic_ids: TopicIds
) -> StartPosition:
    assignment = Assignment(one.topic, one.partition)
    halt_reason = None
    try:
        metadata = decode(_metadata(one), one.offset)
    except UnreadableMetadata as error:
        metadata = None
        halt_reason = f"the metadata of its committed offset is damaged: {error}"
    settled = metadata.settled if metadata else ()
    topic_id = metadata.topic_id if metadata else None
    if topic_id is None:
        topic_id = topic_ids.current.get(one.topic)
    if metadata is not None and previous is not None and ids_match(previous.topic_id, topic_id):
        settled = merge_ranges([*settled, *previous.progress.settled_from(one.offset)])
    partitions_at_start = metadata.partitions_at_start if metadata else 0
    progress = Progress(one.offset, leader_epoch=one.leader_epoch, settled=settled)
    dirty = previous is not None
    assigned = AssignedPartition(
        assignment, progress, partitions_at_start, topic_id, dirty=dirty, committed=True
    )
    return StartPosition(assigned, halt_reason)


def _continue_uncommitted(previous: AssignedPartition) -> StartPosition:
    """Continue a partition that was revoked before its first commit: `start` would leave a gap."""
    progress = Progress(previous.progress.base, settled=previous.progress.settled_from(0))
    assignment = Assignment(previous.assignment.topic, previous.assignment.partition)
    state = previous.partitions_at_start, previous.topic_id
    return StartPosition(AssignedPartition(assignment, progress, *state, dirty=True))


def _start_new(
    consumer: Consumer,
    one: TopicPartition,
    start: Start,
    partitions_at_start: int,
    topic_id: int | None,
) -> StartPosition:
    offset = _offset_at(consumer, one, start)
    # Dirty: the position itself is committed, so that a restart starts here too.
    assignment = Assignment(one.topic, one.partition)
    progress = Progress(offset)
    return StartPosition(
        AssignedPartition(assignment, progress, partitions_at_start, topic_id, dirty=True)
    )


def _partitions_at_start(consumer: Consumer, topic: str, count: int) -> int | None:
    """The topic's partition count when the group began on it; None if it begins now.

    Commits of other programs do not contain it. Then partitions with a commit existed, and one
    without a commit counts as added later, which loses nothing.
    """
    partitions = [TopicPartition(topic, n) for n in range(count)]
    commits = [one for one in _committed(consumer, partitions) if one.offset >= 0]
    if not commits:
        return None
    return min(_committed_partitions_at_start(one) for one in commits)


def _committed_partitions_at_start(one: TopicPartition) -> int:
    try:
        metadata = decode(_metadata(one), one.offset)
    except UnreadableMetadata:
        return 0
    return metadata.partitions_at_start if metadata else 0


def _offset_at(consumer: Consumer, one: TopicPartition, start: Start) -> int:
    partition = TopicPartition(one.topic, one.partition)
    low, high = _query(lambda: consumer.get_watermark_offsets(partition, timeout=LOOKUP_TIMEOUT_S))
    if start == "earliest":
        return int(low)
    if isinstance(start, datetime):
        partition.offset = int(start.timestamp() * 1000)
        answers = _query(lambda: consumer.offsets_for_times([partition], timeout=LOOKUP_TIMEOUT_S))
        if answers[0].error is None and answers[0].offset >= 0:
            return int(answers[0].offset)
    return int(high)


def _partition_count(consumer: Consumer, topic: str) -> int:
    metadata = _query(lambda: consumer.list_topics(topic, timeout=LOOKUP_TIMEOUT_S))
    return len(metadata.topics[topic].partitions)


def _committed(consumer: Consumer, partitions: Iterable[TopicPartition]) -> list[TopicPartition]:
    requested = [TopicPartition(one.topic, one.partition) for one in partitions]
    answers = _query(lambda: consumer.committed(requested, timeout=LOOKUP_TIMEOUT_S))
    for one in answers:
        if one.error is not None:
            raise LookupFailed(one.error.str())
    return answers


def _metadata(one: TopicPartition) -> str | None:
    try:
        return one.metadata
    except UnicodeDecodeError:  # another client's metadata may be read with trailing garbage
        return None


def _query(query: Callable[[], T]) -> T:
    try:
        return query()
    except KafkaException as error:
        raise LookupFailed(error.args[0].str()) from error
