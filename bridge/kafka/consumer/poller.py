"""The poll thread, which alone owns the consumer: it polls, tracks, commits and follows the group.

Invariants:
- Only this thread calls the consumer. confluent-kafka queues all calls behind the one that waits,
  so a call from another thread starves.
- No exception leaves a callback, because it would destroy the messages already dequeued. It is kept
  and raised after they have been delivered.
- No callback commits synchronously, because that has no time limit. librdkafka waits for the
  asynchronous commit before it releases the partition.
- Every assignment is followed by `resume()`, because a pause survives revoke and assign.
- One commit is in flight at a time (except on a revoke), so that none overtakes a newer one.
- It never stops polling, whatever FullStory does.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from bridge import records
from bridge.delivery.duplicate_budget import commit_early_at, records_within_budget
from bridge.delivery.pauses import KAFKA
from bridge.errors import Halted
from bridge.kafka.client_config import consumer_configuration
from bridge.kafka.consumer.assigned_partition import AssignedPartition, PartitionKey
from bridge.kafka.consumer.assigned_partitions import AssignedPartitions
from bridge.kafka.consumer.backpressure import BATCH_MIN, Backpressure, FlowChange
from bridge.kafka.consumer.committer import Committer
from bridge.kafka.consumer.partition_assigner import PartitionAssigner
from bridge.kafka.consumer.recreated_topics import RecreatedTopicDetector
from bridge.kafka.consumer.settled_records import SettledRecords
from bridge.kafka.consumer.source_options import SourceOptions
from bridge.kafka.consumer.subscription import Subscription
from bridge.kafka.consumer.topic_ids import TopicIds
from bridge.observer import Observer, Polled, PollLoopTick, RecordsFiltered, Waiting
from bridge.records import Assignment, Record

IDLE_WAIT_S = 0.05
"""The longest wait for a record, and so the longest delay of settling and committing."""


class PollerCallbacks(Protocol):
    """The event loop's side, called from the poll thread."""

    def deliver(self, records: list[Record]) -> None:
        """Deliver polled records."""

    def not_started(self) -> int:
        """How many of the delivered records were not started."""

    def drain(self, assignments: Sequence[Assignment]) -> threading.Event:
        """Start no more requests for these assignments.

        The event is set when nothing of theirs is in flight.
        """

    def acknowledged(self, events: int) -> None:
        """A crash can no longer repeat this many events."""


class Poller:
    """The poll thread's work; after `stop`, `run` commits, leaves the group and returns."""

    def __init__(
        self, options: SourceOptions, callbacks: PollerCallbacks, observer: Observer
    ) -> None:
        self._options = options
        self._callbacks = callbacks
        self._observer = observer
        self._assigned_partitions = AssignedPartitions(options.ends)
        self._backpressure = Backpressure(options.bounds)
        self.settled = SettledRecords()
        self.halt_requests: deque[Callable[[str], bool]] = deque()
        self.stop = threading.Event()
        self.skip_drain = threading.Event()
        self._committer = Committer(
            self._assigned_partitions,
            observer,
            callbacks.acknowledged,
            interval_s=options.commit_interval_s,
            events_max=commit_early_at(options.duplicate_budget),
        )
        configuration = {
            **consumer_configuration(options.kafka),
            "on_commit": self._guarded(self._committer.on_commit),
            "error_cb": self._guarded(self._on_error),
        }
        self._consumer = Consumer(configuration)
        self._failure: BaseException | None = None
        self._subscription = Subscription(
            options.topics, options.matches_pattern, options.kafka, observer
        )
        topic_ids = TopicIds()
        self._assigner = PartitionAssigner(
            self._consumer,
            self._assigned_partitions,
            observer,
            topic_ids,
            start=options.start,
            is_new_topic=self._subscription.is_new_topic,
            out_of_range=options.out_of_range,
            incremental=_is_incremental(configuration),
        )
        self._detector = RecreatedTopicDetector(
            options.kafka,
            topic_ids,
            self._assigned_partitions,
            self._assigner,
            observer,
            acknowledged=callbacks.acknowledged,
        )

    def run(self) -> None:
        """Poll until `stop`, then drain, commit and leave the group.

        Raises:
            Halted: a fatal error of librdkafka, after which the process must end.
        """
        try:
            while not self.stop.is_set():
                self._run_once()
            self._shut_down()
        finally:
            self._consumer.close()
            self._detector.close()

    def _run_once(self) -> None:
        self._settle()
        while self.halt_requests:
            self._assigner.halt_topics(self.halt_requests.popleft())
        now_s = time.monotonic()
        self._subscribe(now_s)
        self._detector.check(self._subscription.subscribed, now_s)
        if not self._detector.is_awaiting_answer:
            self._assigner.retry_lookups(now_s)
        self._committer.commit_when_due(self._consumer, now_s)
        self._update_limits()
        outstanding = self._assigned_partitions.outstanding
        size_bytes = self._assigned_partitions.outstanding_bytes
        not_started = self._callbacks.not_started()
        change = self._backpressure.change(outstanding, size_bytes, now_s, not_started)
        self._pause_or_resume(change)
        batch_limit = self._backpressure.batch_limit(outstanding, size_bytes, not_started)
        self._deliver(self._poll(batch_limit))
        if self._failure is not None:
            raise self._failure

    def _update_limits(self) -> None:
        """Limit what is polled to what a crash may repeat, and limit each partition's share.

        If the broker accepts full metadata, a partition is paused before any range is omitted.
        """
        metadata_limit = self._assigned_partitions.metadata_limit
        records_affordable = records_within_budget(
            self._options.duplicate_budget,
            self._assigned_partitions.repeatable_events,
            self._options.events_per_record_max,
        )
        self._backpressure.limit(
            None if metadata_limit.is_unrestricted else records_affordable,
            pause_immediately=metadata_limit.known and metadata_limit.is_reduced,
        )
        self._assigner.pause_partitions(
            self._assigned_partitions.at_capacity(self._options.bounds.records_max)
        )

    def _subscribe(self, now_s: float) -> None:
        topics = self._subscription.changed_topics(self._consumer, now_s)
        if topics is not None:
            self._consumer.subscribe(
                topics,
                on_assign=self._guarded(self._on_assign),
                on_revoke=self._guarded(self._on_revoke),
                on_lost=self._guarded(self._on_lost),
            )

    def _poll(self, batch_limit: int) -> list[Message]:
        """Take up to `batch_limit` messages, but try for one even at 0 (see `backpressure.py`)."""
        if not batch_limit and not self._backpressure.paused:
            self.settled.wait(BATCH_MIN, IDLE_WAIT_S)
            return self._consume(1, 0.0)
        messages = self._consume(1, IDLE_WAIT_S)
        if messages and batch_limit > 1:
            messages += self._consume(batch_limit - 1, 0.0)
        return messages

    def _consume(self, count: int, wait_s: float) -> list[Message]:
        try:
            return self._consumer.consume(count, wait_s)
        except KafkaException as error:
            if error.args[0].fatal():
                raise Halted(f"the Kafka client failed fatally: {error.args[0].str()}") from error
            self._assigner.seek_to_positions()  # the messages that this call dequeued are lost
            self._observer.notify(Waiting(KAFKA, error.args[0].str()))
            return []

    def _deliver(self, messages: list[Message]) -> None:
        selected: list[Record] = []
        errors: list[Message] = []
        polled = 0
        for key, group in self._by_partition(messages, errors):
            batch = self._assigned_partitions.track(key, group, self._options.select_records)
            selected += batch.records
            polled += len(batch.records) + batch.skipped
            if batch.skipped:
                self._observer.notify(RecordsFiltered(key[0], batch.skipped))
        for message in errors:  # after the records: an end covers all records before it
            self._handle_error(message)
        if polled:
            self._observer.notify(Polled(polled))
        if selected:
            self._callbacks.deliver(selected)

    def _handle_error(self, message: Message) -> None:
        error = message.error()
        if error is None or error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001  (its name)
            self._detector.partition_error(message)
            return
        key = str(message.topic()), int(message.partition() or 0)
        end, leader_epoch = int(message.offset() or 0), message.leader_epoch()
        self._assigned_partitions.reach_end(key, end, leader_epoch)

    def _by_partition(
        self, messages: Sequence[Message], errors: list[Message]
    ) -> Iterator[tuple[PartitionKey, list[records.Message]]]:
        """Group consecutive messages of a partition; the client returns many of one in a row.

        Messages that report an error or an end are appended to `errors`.
        """
        topic, partition = "", -1
        group: list[Any] = []
        for message in messages:
            if message.error() is not None:
                errors.append(message)
                continue
            if message.partition() != partition or message.topic() != topic:
                if group:
                    yield (topic, partition), group
                topic, partition, group = str(message.topic()), int(message.partition() or 0), []
            group.append(message)
        if group:
            yield (topic, partition), group

    def _settle(self) -> None:
        """Apply what the event loop has settled since the last iteration."""
        self._observer.notify(PollLoopTick())
        ended_events = 0
        for record, events in self.settled.pop_all():
            if not self._assigned_partitions.settle(record, events):
                ended_events += events
        if ended_events:
            self._callbacks.acknowledged(ended_events)

    def _pause_or_resume(self, change: FlowChange) -> None:
        if change is FlowChange.PAUSE:
            self._assigner.pause()
        elif change is FlowChange.RESUME:
            self._assigner.resume()

    def _on_assign(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        """Assign partitions from the group, after their former requests in flight have ended.

        **Race:** a partition is lost and comes back while one of our earlier requests is
        unanswered. If it were read immediately, its record would be sent a second time in parallel.
        """
        former = self._assigned_partitions.former(_keys(partitions))
        if former:
            self._drain(list(former.values()), self._options.rebalance_drain_s)
        self._assigner.assign(partitions, paused=self._backpressure.paused or self.stop.is_set())
        self._detector.check_soon()

    def _on_revoke(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        """Release revoked partitions in order: drain, commit, remove.

        **Race:** a request is in flight when the partition moves. If its offset were committed
        early, the event could be lost. If the partition were released immediately, the new owner
        would send it again. So requests in flight are awaited, and no new ones start.
        """
        keys = _keys(partitions)
        self._drain(self._assigned_partitions.get(keys), self._options.rebalance_drain_s)
        self._committer.commit(self._consumer, keys)
        self._remove(keys)
        self._assigner.revoked(partitions, lost=False)

    def _on_lost(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        """The group already reassigned the partitions: nothing of them may be committed any more.

        Their progress is kept, because they usually come back before anyone else owned them.
        """
        keys = _keys(partitions)
        self._callbacks.drain([one.assignment for one in self._assigned_partitions.get(keys)])
        self._remove(keys)
        self._assigner.revoked(partitions, lost=True)

    def _remove(self, keys: Sequence[PartitionKey]) -> None:
        removed = self._assigned_partitions.remove(keys)
        self._callbacks.acknowledged(sum(one.unacknowledged_events for one in removed))

    def _drain(self, assigned_partitions: Sequence[AssignedPartition], limit_s: float) -> None:
        drained = self._callbacks.drain([one.assignment for one in assigned_partitions])
        deadline_s = time.monotonic() + limit_s
        while not drained.wait(0.01) and time.monotonic() < deadline_s:
            if self.skip_drain.is_set():
                break
            self._settle()
        self._settle()

    def _shut_down(self) -> None:
        """Drain, poll and commit until all is acknowledged, at most for `shutdown_drain_s`.

        The commit is awaited before `close()`. A commit made within `close()` can wait behind a
        rebalance; it then carries an old generation, which the broker refuses.
        """
        self._assigner.pause()
        drained = self._callbacks.drain([one.assignment for one in self._assigned_partitions])
        deadline_s = time.monotonic() + self._options.shutdown_drain_s
        while time.monotonic() < deadline_s and not self._committer.all_acknowledged(drained):
            self._consume(1, 0.01)
            if self.skip_drain.is_set():
                drained.set()
            self._settle()
            self._committer.commit(self._consumer)

    def _on_error(self, error: KafkaError) -> None:
        self._observer.notify(Waiting(KAFKA, error.str()))

    def _guarded(self, callback: Callable[..., None]) -> Callable[..., None]:
        def call(*arguments: Any) -> None:
            try:
                callback(*arguments)
            except BaseException as error:
                self._failure = self._failure or error

        return call


def _keys(partitions: Sequence[TopicPartition]) -> list[PartitionKey]:
    return [(one.topic, one.partition) for one in partitions]


def _is_incremental(configuration: Mapping[str, Any]) -> bool:
    strategy = str(configuration.get("partition.assignment.strategy", ""))
    return configuration["group.protocol"] == "consumer" or "cooperative" in strategy
