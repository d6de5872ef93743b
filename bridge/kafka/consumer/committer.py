"""Commits under way: when one is due, what it covers, what the broker answered.

Invariants: one commit at a time, save that of a revoke, which librdkafka waits for. The broker
answers for each partition; a refusal makes that partition worth a commit again, and nothing else. A
broker that takes less metadata than others (`offset.metadata.max.bytes`) gets less from then on.
"""

import threading
from collections.abc import Callable, Sequence

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from bridge.kafka.consumer.assigned_partition import PartitionKey
from bridge.kafka.consumer.assigned_partitions import AssignedPartitions, PendingCommit
from bridge.observer import CommitFailed, Committed, Info, Observer

_TOO_LARGE = KafkaError.OFFSET_METADATA_TOO_LARGE
_WRITES_LESS = (
    "the broker takes less commit metadata than others (offset.metadata.max.bytes below 4,096):"
    " what is settled above a committed offset and cannot be listed counts against duplicate_budget"
)


class Committer:
    """Asks the broker to remember, and hears what it says; the poll thread owns it.

    A commit is due `interval_s` after the last one, or sooner when `events_max` events wait for
    one. `acknowledged` is told how many events a crash can no longer repeat.
    """

    def __init__(
        self,
        assigned_partitions: AssignedPartitions,
        observer: Observer,
        acknowledged: Callable[[int], None],
        *,
        interval_s: float,
        events_max: int,
    ) -> None:
        self._assigned_partitions = assigned_partitions
        self._observer = observer
        self._acknowledged = acknowledged
        self._interval_s = interval_s
        self._events_max = events_max
        self._last_s = 0.0
        self._under_way: list[PendingCommit] = []

    def commit_when_due(self, consumer: Consumer, now_s: float) -> None:
        """Commit what is settled, if it is time."""
        early = self._assigned_partitions.unacknowledged_events >= self._events_max
        if early or now_s - self._last_s >= self._interval_s:
            self._last_s = now_s
            self.commit(consumer)

    def commit(self, consumer: Consumer, keys: Sequence[PartitionKey] | None = None) -> None:
        """Commit what is settled: of `keys`, at once; or of all, when none is under way."""
        if keys is None and self._under_way:
            return
        commit = self._assigned_partitions.commit(keys)
        if commit is None:
            return
        self._under_way.append(commit)
        try:
            consumer.commit(offsets=commit.offsets, asynchronous=True)
        except KafkaException as error:
            self.answered(error.args[0], commit.offsets)

    def answered(self, error: KafkaError | None, partitions: list[TopicPartition]) -> None:
        """The broker (or librdkafka, in its place) has answered a commit."""
        commit = self._take(partitions)
        refused = [one for one in partitions if error is not None or one.error is not None]
        if refused:
            why = error or refused[0].error
            self._observer.notify(CommitFailed(why.str() if why else "unknown"))
        failed = frozenset((one.topic, one.partition) for one in refused)
        if commit is not None:
            self._learn(commit, refused)
            self._acknowledged(self._assigned_partitions.acknowledge(commit, failed))
        kept = [(one.topic, one.partition) for one in partitions if one not in refused]
        if kept:
            self._observer.notify(Committed(kept))

    def _learn(self, commit: PendingCommit, refused: Sequence[TopicPartition]) -> None:
        """Note how much metadata the broker takes."""
        metadata_limit = self._assigned_partitions.metadata_limit
        if not refused:
            metadata_limit.accepted(commit.characters_max)
        elif any(one.error is not None and one.error == _TOO_LARGE for one in refused):
            if not metadata_limit.shortened:
                self._observer.notify(Info(_WRITES_LESS))
            metadata_limit.refused(commit.characters_max)

    def all_acknowledged(self, drained: threading.Event) -> bool:
        """Whether all that was begun is settled, committed and acknowledged."""
        dirty = any(assigned.dirty for assigned in self._assigned_partitions)
        return drained.is_set() and not dirty and not self._under_way

    def _take(self, partitions: list[TopicPartition]) -> PendingCommit | None:
        """The commit that these partitions belong to: retries may answer out of order."""
        answered = {(one.topic, one.partition, one.offset) for one in partitions}
        for commit in self._under_way:
            if {(one.topic, one.partition, one.offset) for one in commit.offsets} == answered:
                self._under_way.remove(commit)
                return commit
        return self._under_way.pop(0) if self._under_way else None
