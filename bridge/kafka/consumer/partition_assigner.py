"""Assigns partitions to this group member: where each of them starts, and which are paused."""

from collections.abc import Callable, Iterable, Sequence, Set
from typing import Literal

from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_END,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from bridge.delivery.pauses import KAFKA, KAFKA_TOPIC
from bridge.errors import Halted
from bridge.kafka.consumer.assigned_partition import AssignedPartition, PartitionKey
from bridge.kafka.consumer.assigned_partitions import AssignedPartitions
from bridge.kafka.consumer.start_position import (
    LookupFailed,
    Start,
    StartPosition,
    resolve_committed,
    resolve_reset,
    resolve_start,
)
from bridge.kafka.consumer.topic_ids import TopicIds
from bridge.observer import Assigned, HaltedScope, Info, Observer, Revoked, Waiting
from bridge.records import Assignment

LOOKUP_RETRY_S = 1.0


class PartitionAssigner:
    """Assigns, unassigns, pauses and resumes partitions; the poll thread owns it.

    Invariants:
    - Lookups that are allowed within the assignment callback are made there. The start of a
      partition without a commit is looked up in the poll thread's next iteration. Until then it
      is assigned to the client and paused, and its messages are ignored.
    - A halted partition stays paused until a person acts.
    - A pause survives revoke and assign, so every assignment sets each partition's pause again.
    """

    def __init__(
        self,
        consumer: Consumer,
        assigned_partitions: AssignedPartitions,
        observer: Observer,
        topic_ids: TopicIds,
        *,
        start: Start,
        is_new_topic: Callable[[str], bool],
        out_of_range: Literal["halt", "earliest", "latest"],
        incremental: bool,
    ) -> None:
        self._consumer = consumer
        self._assigned_partitions = assigned_partitions
        self._observer = observer
        self._topic_ids = topic_ids
        self._start = start
        self._is_new_topic = is_new_topic
        self._out_of_range = out_of_range
        self._incremental = incremental
        self._unresolved: dict[PartitionKey, TopicPartition] = {}
        self._halted: set[PartitionKey] = set()
        self._halted_topics: list[Callable[[str], bool]] = []
        self._paused_partitions: Set[PartitionKey] = frozenset()
        self._paused = False
        self._next_lookup_s = 0.0

    def assign(self, partitions: Sequence[TopicPartition], *, paused: bool) -> None:
        """Assign partitions that the group gave to this member, each at its start position."""
        self._paused = paused
        if not partitions:  # a cooperative rebalance without new partitions
            self._assign([])
            return
        try:
            former = self._former(partitions)
            resolved, rest = resolve_committed(self._consumer, partitions, former, self._topic_ids)
        except LookupFailed as error:
            self._observer.notify(Waiting(KAFKA, f"the start offsets are not known yet: {error}"))
            resolved, rest = [], list(partitions)
        self._unresolved |= {(one.topic, one.partition): one for one in rest}
        self._next_lookup_s = 0.0
        self._add(resolved)
        self._assign([*(one.offset for one in resolved), *(_at_end(one) for one in rest)])
        self._apply_pauses()
        self._notify_assigned(resolved)

    def retry_lookups(self, now_s: float) -> None:
        """Look up the start of the partitions for which it is still unknown."""
        if not self._unresolved or now_s < self._next_lookup_s:
            return
        self._next_lookup_s = now_s + LOOKUP_RETRY_S
        waiting = list(self._unresolved.values())
        former = self._former(waiting)
        try:
            start = self._start, self._is_new_topic
            resolved = resolve_start(
                self._consumer, waiting, *start, former=former, topic_ids=self._topic_ids
            )
        except LookupFailed:
            return
        for one in resolved:
            del self._unresolved[_key(one.assigned.assignment)]
        self._add(resolved)
        self._reassign([one.offset for one in resolved])
        self._notify_assigned(resolved)

    def revoked(self, partitions: Sequence[TopicPartition], *, lost: bool) -> None:
        """The group revoked partitions; librdkafka unassigns them itself."""
        keys = [(one.topic, one.partition) for one in partitions]
        for key in keys:
            self._unresolved.pop(key, None)
            self._halted.discard(key)
        self._observer.notify(Revoked(keys, lost))

    def restart(self, keys: Sequence[PartitionKey]) -> None:
        """Restart partitions of recreated topics at the beginning.

        The old partitions are reported as revoked, which ends their own halts. The new ones are
        reported as assigned once their start is known.
        """
        self.revoked(_topic_partitions(keys), lost=True)
        self._unresolved |= {key: TopicPartition(*key, OFFSET_BEGINNING) for key in keys}
        self._next_lookup_s = 0.0
        self._apply_pauses()

    def pause(self) -> None:
        """Pause all partitions; the group membership stays active."""
        self._paused = True
        self._apply_pauses()

    def resume(self) -> None:
        """Resume all partitions, except those halted, at capacity, or without a start."""
        self._paused = False
        self._apply_pauses()

    def pause_partitions(self, keys: Set[PartitionKey]) -> None:
        """Pause these partitions; resume those of the previous call that are not among them.

        All others stay untouched, because pausing discards their prefetched records.
        """
        if keys == self._paused_partitions:
            return
        to_pause = keys - self._paused_partitions
        to_resume = self._paused_partitions - keys - self._unresolved.keys() - self._halted
        self._paused_partitions = keys
        if not self._paused:
            self._pause_and_resume(_topic_partitions(to_pause), _topic_partitions(to_resume))

    def halt_topics(self, topics: Callable[[str], bool]) -> None:
        """Stop reading topics, including partitions of them that are assigned later.

        The partitions stay assigned and are paused. Requests in flight are settled and committed as
        usual. The next reader starts at the first record that is not settled.
        """
        self._halted_topics.append(topics)
        for assigned in self._assigned_partitions:
            self._halt_if_topic_halted(assigned)
        self._apply_pauses()

    def _halt_if_topic_halted(self, assigned: AssignedPartition) -> None:
        if any(topics(assigned.assignment.topic) for topics in self._halted_topics):
            self._assigned_partitions.halt(assigned)
            self._halted.add(_key(assigned.assignment))

    def seek_to_positions(self) -> None:
        """Read messages again that were dequeued but never tracked."""
        self._reassign([_position(assigned) for assigned in self._assigned_partitions])

    def partition_error(self, message: Message) -> None:
        """Handle an error that a partition, or the client itself, reports instead of a record.

        Raises:
            Halted: a fatal error (another member uses our `group.instance.id`). The client reports
                it as a message, can still be polled, and never returns records again.
        """
        error = message.error()
        if error is None:
            return
        if error.code() == KafkaError._FATAL:  # noqa: SLF001  (its public name)
            raise Halted(f"the Kafka client failed fatally: {error.str()}")
        if error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001  (its public name)
            self._handle_out_of_range(message)
        else:
            self._observer.notify(Waiting(f"{KAFKA_TOPIC}{message.topic()}", error.str()))

    def _handle_out_of_range(self, message: Message) -> None:
        """Halt or reset a partition whose position is out of range; a reset is always reported."""
        partition = TopicPartition(str(message.topic()), int(message.partition() or 0))
        key = (partition.topic, partition.partition)
        scope = f"{partition.topic}/{partition.partition}"
        if self._out_of_range == "halt":
            self._halt(key, "the committed offset is no longer in the log")
            return
        try:
            resolved = resolve_reset(self._consumer, partition, self._out_of_range, self._topic_ids)
        except LookupFailed:
            self._unresolved[key] = partition
            return
        self._observer.notify(
            Info(f"{scope}: offset out of range; continuing at {self._out_of_range}")
        )
        self._add([resolved])
        self._reassign([resolved.offset])

    def _halt(self, key: PartitionKey, why: str) -> None:
        self._halted.add(key)
        fix = "set the group's offset (kafka-consumer-groups --reset-offsets) or out_of_range"
        self._observer.notify(HaltedScope(f"{key[0]}/{key[1]}", why, fix))
        self._apply_pauses()

    def _former(
        self, partitions: Sequence[TopicPartition]
    ) -> dict[PartitionKey, AssignedPartition]:
        return self._assigned_partitions.former((one.topic, one.partition) for one in partitions)

    def _notify_assigned(self, resolved: Sequence[StartPosition]) -> None:
        """Report partitions once their start is known: records written from then on are read."""
        if resolved:
            keys = [_key(one.assigned.assignment) for one in resolved]
            self._observer.notify(Assigned(keys))

    def _add(self, resolved: Sequence[StartPosition]) -> None:
        for one in resolved:
            assignment = one.assigned.assignment
            if one.halt_reason is None:
                self._assigned_partitions.add(one.assigned)
                self._halt_if_topic_halted(one.assigned)
            else:
                self._halt((assignment.topic, assignment.partition), one.halt_reason)

    def _assign(self, offsets: list[TopicPartition]) -> None:
        if self._incremental:
            self._consumer.incremental_assign(offsets)
        else:
            self._consumer.assign(offsets)

    def _reassign(self, offsets: list[TopicPartition]) -> None:
        """Continue assigned partitions at other offsets.

        They are unassigned and assigned again, because `seek` fails for a partition that is out of
        range. They are resumed first: if resumed right after, librdkafka (2.16) mostly fetches
        nothing for a second.
        """
        if not offsets:
            return
        self._apply_pauses()
        if self._incremental:
            self._consumer.incremental_unassign(offsets)
            self._consumer.incremental_assign(offsets)
        else:
            moved = {(one.topic, one.partition) for one in offsets}
            others = [one for one in self._assigned_partitions if _key(one.assignment) not in moved]
            unchanged = [_position(one) for one in others]
            self._consumer.assign([*unchanged, *offsets])
        self._pause_and_resume(self._paused_among(self._consumer.assignment()), [])

    def _apply_pauses(self) -> None:
        assigned = self._consumer.assignment()
        to_pause = self._paused_among(assigned)
        self._pause_and_resume(to_pause, [one for one in assigned if one not in to_pause])

    def _paused_among(self, assigned: Sequence[TopicPartition]) -> list[TopicPartition]:
        blocked = self._unresolved.keys() | self._halted | self._paused_partitions
        return [one for one in assigned if self._paused or (one.topic, one.partition) in blocked]

    def _pause_and_resume(self, pause: list[TopicPartition], resume: list[TopicPartition]) -> None:
        try:
            if pause:
                self._consumer.pause(pause)
            if resume:
                self._consumer.resume(resume)
        except KafkaException as error:  # the assignment has changed meanwhile
            self._observer.notify(
                Info(f"pause or resume failed, the assignment has changed: {error}")
            )


def _at_end(one: TopicPartition) -> TopicPartition:
    """The assignment of a partition whose start is not known yet."""
    return TopicPartition(one.topic, one.partition, OFFSET_END)


def _key(assignment: Assignment) -> PartitionKey:
    return assignment.topic, assignment.partition


def _topic_partitions(keys: Iterable[PartitionKey]) -> list[TopicPartition]:
    return [TopicPartition(*key) for key in keys]


def _position(assigned: AssignedPartition) -> TopicPartition:
    """Where an assigned partition continues."""
    return TopicPartition(*_key(assigned.assignment), assigned.progress.position)
