"""Where reading begins when a partition comes to this process.

Invariants:
- A committed offset is obeyed, and what its metadata lists as settled is not sent again.
- `start` speaks of partitions that were there when this group began on the topic. A partition
  that was added later begins at its beginning, or its first minutes would be lost.
- A topic that appeared while the group was running (`topics.py`) begins at its beginning, too.
- How many partitions a topic has is never asked within a callback: `list_topics` there takes the
  call state of the `consume` that is under way, and the next callback aborts the process.
- A partition is held under the topic's id that its commit tells, or else the one that Kafka told
  before its offset was asked for; what was parked under another id does not count. Whether the
  topic is still that one `anew.py` finds out, and lets it begin anew: at its beginning, whatever
  was committed, since the group was there before it.
- The offset given to `assign` and the base of the progress are one number, looked up once.
- What an earlier assignment of ours knew to be settled is not sent again, as long as the group's
  commit is one of a bridge's, or has never been made. Any other commit is a person's, and obeyed.

How a later partition is known: every commit of ours carries the number of partitions the topic
had when the group began on it (`partitions_at_start`). A partition without a commit whose number
is not below that came later. Asking only "has this group any commit here?" would take a race for
an addition: two members that join together are assigned together, and the slower of them would
see the faster one's first commits and read its own partitions from their beginning.

A topic that came later is committed as begun with no partitions at all, so that another member,
which did not see it appear, takes its partitions for later ones as well.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeVar

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition

from bridge.delivery.commit_metadata import DamagedMetadata, decode
from bridge.delivery.progress import Progress, merge_ranges
from bridge.kafka.consumer.assigned_partition import AssignedPartition, PartitionKey
from bridge.kafka.consumer.topic_ids import TopicIds, agree
from bridge.records import Assignment

LOOK_UP_TIMEOUT_S = 2.0

Start = Literal["latest", "earliest"] | datetime
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StartPosition:
    """A partition ready to be read, or why a person must look first."""

    assigned: AssignedPartition
    halted: str | None = None

    @property
    def offset(self) -> TopicPartition:
        """Where to read on."""
        assignment = self.assigned.assignment
        return TopicPartition(
            assignment.topic, assignment.partition, self.assigned.progress.position
        )


class LookUpFailed(Exception):
    """Kafka did not answer within two seconds; the partitions are looked up again later."""


def resolve_start(
    consumer: Consumer,
    partitions: Sequence[TopicPartition],
    start: Start,
    came_later: Callable[[str], bool],
    *,
    parked: Mapping[PartitionKey, AssignedPartition],
    ids: TopicIds,
) -> list[StartPosition]:
    """Look up where each of `partitions` begins; blocks two seconds for each question at most.

    Never called within a callback of the consumer: it asks how many partitions a topic has.
    One at OFFSET_BEGINNING begins anew: nothing that was committed is of it. One that is not there
    is left out, since a topic that was made anew may have fewer. `came_later` tells the topics
    that appeared while the group was running, `parked` is what this process held of the partitions
    before, `ids` what it knows of topics that were made anew.

    Raises:
        LookUpFailed: a question was not answered in time.
    """
    beginners = [one for one in partitions if one.offset == OFFSET_BEGINNING]
    others = [one for one in partitions if one.offset != OFFSET_BEGINNING]
    found, unknown = resolve_committed(consumer, others, parked, ids) if others else ([], [])
    beginners += unknown
    for topic in sorted({one.topic for one in beginners}):
        count = _partition_count(consumer, topic)
        group_begins_with = _partitions_at_start(consumer, topic, count)
        if ids.was_recreated(topic) or (group_begins_with is None and came_later(topic)):
            group_begins_with = 0
        mine = [one for one in beginners if one.topic == topic and one.partition < count]
        begun = count if group_begins_with is None else group_begins_with, ids.now.get(topic)
        for one in mine:
            came_with = group_begins_with is None or one.partition < group_begins_with
            found.append(_begin(consumer, one, start if came_with else "earliest", *begun))
    return found


def resolve_committed(
    consumer: Consumer,
    partitions: Sequence[TopicPartition],
    parked: Mapping[PartitionKey, AssignedPartition],
    ids: TopicIds,
) -> tuple[list[StartPosition], list[TopicPartition]]:
    """Where those begin that the group has a commit for, or that were held before; and the rest.

    Raises:
        LookUpFailed: the question was not answered in time.
    """
    found: list[StartPosition] = []
    beginners: list[TopicPartition] = []
    for one in _committed(consumer, partitions):
        before = parked.get((one.topic, one.partition))
        if one.offset >= 0:
            found.append(_resume(one, before, ids))
        elif before is not None and not before.committed:
            found.append(_go_on(before))
        else:
            beginners.append(TopicPartition(one.topic, one.partition))
    return found, beginners


def start_at(
    consumer: Consumer, one: TopicPartition, where: Literal["earliest", "latest"], ids: TopicIds
) -> StartPosition:
    """A partition whose position left the log, to be read on from the log's own bounds.

    Raises:
        LookUpFailed: Kafka did not say in time where they are.
    """
    count = _partition_count(consumer, one.topic)
    group_begins_with = _partitions_at_start(consumer, one.topic, count)
    offset = _offset_at(consumer, one, where)
    assignment = Assignment(one.topic, one.partition)
    topic_id = ids.now.get(one.topic)
    assigned = AssignedPartition(
        assignment, Progress(offset), group_begins_with or 0, topic_id, dirty=True
    )
    return StartPosition(assigned)


def _resume(one: TopicPartition, before: AssignedPartition | None, ids: TopicIds) -> StartPosition:
    assignment = Assignment(one.topic, one.partition)
    halted = None
    try:
        listed = decode(_metadata(one), one.offset)
    except DamagedMetadata as error:
        listed = None
        halted = f"the metadata of its committed offset is damaged: {error}"
    settled = listed.settled if listed else ()
    topic_id = listed.topic_id if listed else None
    if topic_id is None:
        topic_id = ids.now.get(one.topic)
    if listed is not None and before is not None and agree(before.topic_id, topic_id):
        settled = merge_ranges([*settled, *before.progress.settled_from(one.offset)])
    began_with = listed.partitions_at_start if listed else 0
    progress = Progress(one.offset, leader_epoch=one.leader_epoch, settled=settled)
    dirty = before is not None
    assigned = AssignedPartition(
        assignment, progress, began_with, topic_id, dirty=dirty, committed=True
    )
    return StartPosition(assigned, halted)


def _go_on(before: AssignedPartition) -> StartPosition:
    """A partition that went and came back before its first commit: `start` would leave a hole."""
    progress = Progress(before.progress.base, settled=before.progress.settled_from(0))
    assignment = Assignment(before.assignment.topic, before.assignment.partition)
    begun = before.partitions_at_start, before.topic_id
    return StartPosition(AssignedPartition(assignment, progress, *begun, dirty=True))


def _begin(
    consumer: Consumer,
    one: TopicPartition,
    start: Start,
    partitions_at_start: int,
    topic_id: int | None,
) -> StartPosition:
    offset = _offset_at(consumer, one, start)
    # Dirty: the position itself is committed, so that a restart begins here too.
    assignment = Assignment(one.topic, one.partition)
    progress = Progress(offset)
    return StartPosition(
        AssignedPartition(assignment, progress, partitions_at_start, topic_id, dirty=True)
    )


def _partitions_at_start(consumer: Consumer, topic: str, count: int) -> int | None:
    """How many partitions the topic had when the group began on it; None when it begins now.

    Commits of another program carry no such number: then every partition with a commit was
    there, and one without is taken for a later one, which loses nothing.
    """
    partitions = [TopicPartition(topic, n) for n in range(count)]
    commits = [one for one in _committed(consumer, partitions) if one.offset >= 0]
    if not commits:
        return None
    return min(_told_start(one) for one in commits)


def _told_start(one: TopicPartition) -> int:
    try:
        listed = decode(_metadata(one), one.offset)
    except DamagedMetadata:
        return 0
    return listed.partitions_at_start if listed else 0


def _offset_at(consumer: Consumer, one: TopicPartition, start: Start) -> int:
    place = TopicPartition(one.topic, one.partition)
    low, high = _ask(lambda: consumer.get_watermark_offsets(place, timeout=LOOK_UP_TIMEOUT_S))
    if start == "earliest":
        return int(low)
    if isinstance(start, datetime):
        place.offset = int(start.timestamp() * 1000)
        answers = _ask(lambda: consumer.offsets_for_times([place], timeout=LOOK_UP_TIMEOUT_S))
        if answers[0].error is None and answers[0].offset >= 0:
            return int(answers[0].offset)
    return int(high)


def _partition_count(consumer: Consumer, topic: str) -> int:
    metadata = _ask(lambda: consumer.list_topics(topic, timeout=LOOK_UP_TIMEOUT_S))
    return len(metadata.topics[topic].partitions)


def _committed(consumer: Consumer, partitions: Iterable[TopicPartition]) -> list[TopicPartition]:
    asked = [TopicPartition(one.topic, one.partition) for one in partitions]
    answers = _ask(lambda: consumer.committed(asked, timeout=LOOK_UP_TIMEOUT_S))
    for one in answers:
        if one.error is not None:
            raise LookUpFailed(one.error.str())
    return answers


def _metadata(one: TopicPartition) -> str | None:
    try:
        return one.metadata
    except UnicodeDecodeError:  # what another client wrote may be read with garbage behind it
        return None


def _ask(question: Callable[[], T]) -> T:
    try:
        return question()
    except KafkaException as error:
        raise LookUpFailed(error.args[0].str()) from error
