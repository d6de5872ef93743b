"""Commits offsets: when a commit is due, what it covers, and how the broker answers.

Invariants:
- One commit is in flight at a time, except that of a revoke, for which librdkafka waits.
- The broker answers for each partition. A refusal makes only that partition due for a commit again.
- A broker that accepts less metadata (`offset.metadata.max.bytes`) gets less from then on.
"""

import threading
from collections.abc import Callable, Sequence

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from bridge.kafka.consumer.assigned_partition import PartitionKey
from bridge.kafka.consumer.assigned_partitions import AssignedPartitions, PendingCommit
from bridge.observer import CommitFailed, Committed, Info, Observer

_TOO_LARGE = KafkaError.OFFSET_METADATA_TOO_LARGE
_METADATA_LIMITED = (
    "the broker accepts less commit metadata than usual (offset.metadata.max.bytes below 4,096):"
    " events settled above a committed offset that do not fit count against duplicate_budget"
)


class Committer:
    """Sends commits and handles the broker's answers; the poll thread owns it.

    A commit is due `interval_s` after the last one, or earlier if `events_max` events wait for one.
    `acknowledged` is called with the number of events that a crash can no longer repeat.
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
        self._last_commit_s = 0.0
        self._in_flight: list[PendingCommit] = []

    def commit_when_due(self, consumer: Consumer, now_s: float) -> None:
        """Commit what is settled if the interval has passed or enough events wait."""
        early = self._assigned_partitions.unacknowledged_events >= self._events_max
        if early or now_s - self._last_commit_s >= self._interval_s:
            self._last_commit_s = now_s
            self.commit(consumer)

    def commit(self, consumer: Consumer, keys: Sequence[PartitionKey] | None = None) -> None:
        """Commit what is settled: of `keys` immediately, or of all if no commit is in flight."""
        if keys is None and self._in_flight:
            return
        commit = self._assigned_partitions.commit(keys)
        if commit is None:
            return
        self._in_flight.append(commit)
        try:
            consumer.commit(offsets=commit.offsets, asynchronous=True)
        except KafkaException as error:
            self.on_commit(error.args[0], commit.offsets)

    def on_commit(self, error: KafkaError | None, partitions: list[TopicPartition]) -> None:
        """The broker, or librdkafka on its behalf, has answered a commit."""
        commit = self._pop_pending(partitions)
        refused = [one for one in partitions if error is not None or one.error is not None]
        if refused:
            why = error or refused[0].error
            self._observer.notify(CommitFailed(why.str() if why else "unknown"))
        failed = frozenset((one.topic, one.partition) for one in refused)
        if commit is not None:
            self._update_metadata_limit(commit, refused)
            self._acknowledged(self._assigned_partitions.acknowledge(commit, failed))
        committed = [(one.topic, one.partition) for one in partitions if one not in refused]
        if committed:
            self._observer.notify(Committed(committed))

    def _update_metadata_limit(
        self, commit: PendingCommit, refused: Sequence[TopicPartition]
    ) -> None:
        """Note how much metadata the broker accepts."""
        metadata_limit = self._assigned_partitions.metadata_limit
        if not refused:
            metadata_limit.accepted(commit.characters_max)
        elif any(one.error is not None and one.error == _TOO_LARGE for one in refused):
            if not metadata_limit.is_reduced:
                self._observer.notify(Info(_METADATA_LIMITED))
            metadata_limit.refused(commit.characters_max)

    def all_acknowledged(self, drained: threading.Event) -> bool:
        """Whether everything started is settled, committed and acknowledged."""
        dirty = any(assigned.dirty for assigned in self._assigned_partitions)
        return drained.is_set() and not dirty and not self._in_flight

    def _pop_pending(self, partitions: list[TopicPartition]) -> PendingCommit | None:
        """Remove the commit that was answered; retries may reorder the answers."""
        answered = {(one.topic, one.partition, one.offset) for one in partitions}
        for commit in self._in_flight:
            if {(one.topic, one.partition, one.offset) for one in commit.offsets} == answered:
                self._in_flight.remove(commit)
                return commit
        return self._in_flight.pop(0) if self._in_flight else None
