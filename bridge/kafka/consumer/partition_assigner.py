"""Which partitions this member of the group reads, from where, and which of them stand still."""

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
    LookUpFailed,
    Start,
    StartPosition,
    resolve_committed,
    resolve_start,
    start_at,
)
from bridge.kafka.consumer.topic_ids import TopicIds
from bridge.observer import Assigned, HaltedScope, Info, Observer, Revoked, Waiting
from bridge.records import Assignment

LOOK_UP_AGAIN_S = 1.0


class PartitionAssigner:
    """Assigns, unassigns, pauses and resumes; the poll thread owns it.

    Laws: what may be asked within the callback of an assignment is asked there; where a partition
    begins that the group never committed on is looked up in the poll thread's next turn. Until
    then it is assigned, paused, and not held: what it should bring all the same is ignored. A
    halted one stays paused through everything until a person has acted. A pause outlives revoke
    and assign, so after an assignment each partition is paused or resumed anew.
    """

    def __init__(
        self,
        consumer: Consumer,
        assigned_partitions: AssignedPartitions,
        observer: Observer,
        ids: TopicIds,
        *,
        start: Start,
        came_later: Callable[[str], bool],
        out_of_range: Literal["halt", "earliest", "latest"],
        incremental: bool,
    ) -> None:
        self._consumer = consumer
        self._assigned_partitions = assigned_partitions
        self._observer = observer
        self._ids = ids
        self._start = start
        self._came_later = came_later
        self._out_of_range = out_of_range
        self._incremental = incremental
        self._unknown: dict[PartitionKey, TopicPartition] = {}
        self._halted: set[PartitionKey] = set()
        self._halted_topics: list[Callable[[str], bool]] = []
        self._held_back: Set[PartitionKey] = frozenset()
        self._paused = False
        self._next_look_up_s = 0.0

    def assign(self, partitions: Sequence[TopicPartition], *, paused: bool) -> None:
        """Begin to read partitions that the group gave us, each where it is to begin."""
        self._paused = paused
        if not partitions:  # a cooperative rebalance that gave us nothing new
            self._give([])
            return
        try:
            parked = self._parked(partitions)
            found, unknown = resolve_committed(self._consumer, partitions, parked, self._ids)
        except LookUpFailed as error:
            self._observer.notify(Waiting(KAFKA, f"where to begin is not known yet: {error}"))
            found, unknown = [], list(partitions)
        self._unknown |= {(one.topic, one.partition): one for one in unknown}
        self._next_look_up_s = 0.0
        self._hold(found)
        self._give([*(one.offset for one in found), *(_end(one) for one in unknown)])
        self._still_or_flowing()
        self._tell_assigned(found)

    def look_up_again(self, now_s: float) -> None:
        """Ask where the partitions begin of which that is not known yet."""
        if not self._unknown or now_s < self._next_look_up_s:
            return
        self._next_look_up_s = now_s + LOOK_UP_AGAIN_S
        waiting = list(self._unknown.values())
        parked = self._parked(waiting)
        try:
            begin = self._start, self._came_later
            found = resolve_start(self._consumer, waiting, *begin, parked=parked, ids=self._ids)
        except LookUpFailed:
            return
        for one in found:
            del self._unknown[_key(one.assigned.assignment)]
        self._hold(found)
        self._move([one.offset for one in found])
        self._tell_assigned(found)

    def revoked(self, partitions: Sequence[TopicPartition], *, lost: bool) -> None:
        """The group took partitions from us; librdkafka unassigns them itself."""
        keys = [(one.topic, one.partition) for one in partitions]
        for key in keys:
            self._unknown.pop(key, None)
            self._halted.discard(key)
        self._observer.notify(Revoked(keys, lost))

    def restart(self, keys: Sequence[PartitionKey]) -> None:
        """What was assigned to us is no more, and others stand in its place under the same names.

        Told as partitions that went, and came when it is known where they begin: a halt of the
        old ones is over.
        """
        self.revoked(_places(keys), lost=True)
        self._unknown |= {key: TopicPartition(*key, OFFSET_BEGINNING) for key in keys}
        self._next_look_up_s = 0.0
        self._still_or_flowing()

    def pause(self) -> None:
        """Take nothing more from anywhere; the group goes on being served."""
        self._paused = True
        self._still_or_flowing()

    def resume(self) -> None:
        """Read on, but where a person must act first."""
        self._paused = False
        self._still_or_flowing()

    def hold_back(self, keys: Set[PartitionKey]) -> None:
        """Take nothing more of these for now, and again of those that were held back before.

        The others are not touched: what was fetched ahead of them would be thrown away.
        """
        if keys == self._held_back:
            return
        going = keys - self._held_back
        coming = self._held_back - keys - self._unknown.keys() - self._halted
        self._held_back = keys
        if not self._paused:
            self._pause_and_resume(_places(going), _places(coming))

    def halt_topics(self, topics: Callable[[str], bool]) -> None:
        """Read nothing more of some topics, also where they are assigned later.

        The partitions stay ours and are paused: what is under way is settled and committed as
        always, and the first record that is not settled is where the next one begins.
        """
        self._halted_topics.append(topics)
        for assigned in self._assigned_partitions:
            self._halt_if_asked(assigned)
        self._still_or_flowing()

    def _halt_if_asked(self, assigned: AssignedPartition) -> None:
        if any(topics(assigned.assignment.topic) for topics in self._halted_topics):
            self._assigned_partitions.halt(assigned)
            self._halted.add(_key(assigned.assignment))

    def seek_back(self) -> None:
        """Read again what was dequeued and never seen."""
        self._move([_position(assigned) for assigned in self._assigned_partitions])

    def partition_trouble(self, message: Message) -> None:
        """A partition has an error instead of a record; or the client itself has given up.

        Raises:
            Halted: a fatal error (another member took our `group.instance.id`), which the client
                gives as a message: it goes on being polled, and never brings anything again.
        """
        error = message.error()
        if error is None:
            return
        if error.code() == KafkaError._FATAL:  # noqa: SLF001  (its public name)
            raise Halted(f"Kafka's client gave up: {error.str()}")
        if error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001  (its public name)
            self._left_the_log(message)
        else:
            self._observer.notify(Waiting(f"{KAFKA_TOPIC}{message.topic()}", error.str()))

    def _left_the_log(self, message: Message) -> None:
        """The position is no longer in the log; going on somewhere else is never silent."""
        partition = TopicPartition(str(message.topic()), int(message.partition() or 0))
        key = (partition.topic, partition.partition)
        scope = f"{partition.topic}/{partition.partition}"
        if self._out_of_range == "halt":
            self._halt(key, "the committed offset is no longer in the log")
            return
        try:
            found = start_at(self._consumer, partition, self._out_of_range, self._ids)
        except LookUpFailed:
            self._unknown[key] = partition
            return
        self._observer.notify(Info(f"{scope} left the log; going on at {self._out_of_range}"))
        self._hold([found])
        self._move([found.offset])

    def _halt(self, key: PartitionKey, why: str) -> None:
        self._halted.add(key)
        fix = "set the group's offset (kafka-consumer-groups --reset-offsets) or out_of_range"
        self._observer.notify(HaltedScope(f"{key[0]}/{key[1]}", why, fix))
        self._still_or_flowing()

    def _parked(
        self, partitions: Sequence[TopicPartition]
    ) -> dict[PartitionKey, AssignedPartition]:
        return self._assigned_partitions.parked((one.topic, one.partition) for one in partitions)

    def _tell_assigned(self, found: Sequence[StartPosition]) -> None:
        """Told when it is known where they begin: what is written from then on is read."""
        if found:
            keys = [_key(one.assigned.assignment) for one in found]
            self._observer.notify(Assigned(keys))

    def _hold(self, found: Sequence[StartPosition]) -> None:
        for one in found:
            assignment = one.assigned.assignment
            if one.halted is None:
                self._assigned_partitions.add(one.assigned)
                self._halt_if_asked(one.assigned)
            else:
                self._halt((assignment.topic, assignment.partition), one.halted)

    def _give(self, offsets: list[TopicPartition]) -> None:
        if self._incremental:
            self._consumer.incremental_assign(offsets)
        else:
            self._consumer.assign(offsets)

    def _move(self, offsets: list[TopicPartition]) -> None:
        """Read assigned partitions on from other offsets.

        Unassigned and assigned again: a partition that left the log is dead for `seek`. Resumed
        before: librdkafka (2.16) mostly fetches nothing for a second if it is resumed right after.
        """
        if not offsets:
            return
        self._still_or_flowing()
        if self._incremental:
            self._consumer.incremental_unassign(offsets)
            self._consumer.incremental_assign(offsets)
        else:
            moved = {(one.topic, one.partition) for one in offsets}
            others = [one for one in self._assigned_partitions if _key(one.assignment) not in moved]
            kept = [_position(one) for one in others]
            self._consumer.assign([*kept, *offsets])
        self._pause_and_resume(self._still(self._consumer.assignment()), [])

    def _still_or_flowing(self) -> None:
        assigned = self._consumer.assignment()
        still = self._still(assigned)
        self._pause_and_resume(still, [one for one in assigned if one not in still])

    def _still(self, assigned: Sequence[TopicPartition]) -> list[TopicPartition]:
        waiting = self._unknown.keys() | self._halted | self._held_back
        return [one for one in assigned if self._paused or (one.topic, one.partition) in waiting]

    def _pause_and_resume(self, still: list[TopicPartition], flowing: list[TopicPartition]) -> None:
        try:
            if still:
                self._consumer.pause(still)
            if flowing:
                self._consumer.resume(flowing)
        except KafkaException as error:  # the assignment moved on meanwhile
            self._observer.notify(Info(f"pause or resume came too late: {error}"))


def _end(one: TopicPartition) -> TopicPartition:
    """Where a partition stands while it is not known where it begins."""
    return TopicPartition(one.topic, one.partition, OFFSET_END)


def _key(assignment: Assignment) -> PartitionKey:
    return assignment.topic, assignment.partition


def _places(keys: Iterable[PartitionKey]) -> list[TopicPartition]:
    return [TopicPartition(*key) for key in keys]


def _position(assigned: AssignedPartition) -> TopicPartition:
    """Where a held partition is read on."""
    return TopicPartition(*_key(assigned.assignment), assigned.progress.position)
