"""The thread that alone owns the consumer: polls, tracks, commits, follows the group.

Laws, each paid for:
- Every call on the consumer is made by this thread. confluent-kafka lines all calls up behind
  the one that waits; another thread's call starves.
- No exception leaves a callback: it would destroy the messages already dequeued. It is kept and
  raised after they have been handed over.
- Never a synchronous commit in a callback: it has no time limit. The asynchronous one is waited
  for by librdkafka before it lets the partition go.
- `resume()` after every assignment: a pause outlives revoke and assign.
- One commit under way at a time, so that an older one cannot land after a newer one.
- It never stops polling, whatever FullStory does.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from bridge import records
from bridge.delivery.pauses import KAFKA
from bridge.errors import Halted
from bridge.kafka.client_config import consumer_configuration
from bridge.kafka.consumer.assigned_partition import AssignedPartition, PartitionKey
from bridge.kafka.consumer.assigned_partitions import AssignedPartitions
from bridge.kafka.consumer.backpressure import ROOM_MIN, Backpressure, FlowChange
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
"""The longest wait for a record; settling and committing wait as long."""


class Handover(Protocol):
    """The event loop's side, called from the poll thread."""

    def deliver(self, records: list[Record]) -> None:
        """Hand over polled records."""

    def not_begun(self) -> int:
        """How many of these nobody has begun to work on."""

    def drain(self, assignments: Sequence[Assignment]) -> threading.Event:
        """Begin nothing more for these; the event is set when nothing of theirs is under way."""

    def acknowledged(self, events: int) -> None:
        """So many events can no longer be repeated by a crash."""


class Poller:
    """The poll thread's work; `run` returns when `stop` was set and all is committed and left."""

    def __init__(self, options: SourceOptions, handover: Handover, observer: Observer) -> None:
        self._options = options
        self._handover = handover
        self._observer = observer
        self._assigned_partitions = AssignedPartitions(options.ends)
        self._backpressure = Backpressure(options.bounds)
        self.settled = SettledRecords()
        self.halted: deque[Callable[[str], bool]] = deque()
        self.stop = threading.Event()
        self.hurry = threading.Event()
        self._committer = Committer(
            self._assigned_partitions,
            observer,
            handover.acknowledged,
            interval_s=options.commit_interval_s,
            events_max=max(1, options.duplicate_budget // 3),
        )
        configuration = {
            **consumer_configuration(options.kafka),
            "on_commit": self._guarded(self._committer.answered),
            "error_cb": self._guarded(self._kafka_trouble),
        }
        self._consumer = Consumer(configuration)
        self._failure: BaseException | None = None
        self._topics = Subscription(options.topics, options.wanted, options.kafka, observer)
        ids = TopicIds()
        self._assigner = PartitionAssigner(
            self._consumer,
            self._assigned_partitions,
            observer,
            ids,
            start=options.start,
            came_later=self._topics.came_later,
            out_of_range=options.out_of_range,
            incremental=_is_incremental(configuration),
        )
        self._recreated = RecreatedTopicDetector(
            options.kafka,
            ids,
            self._assigned_partitions,
            self._assigner,
            observer,
            acknowledged=handover.acknowledged,
        )

    def run(self) -> None:
        """Poll until `stop`, then drain, commit and leave the group.

        Raises:
            Halted: a fatal error of librdkafka, after which the process must end.
        """
        try:
            while not self.stop.is_set():
                self._turn()
            self._finish()
        finally:
            self._consumer.close()

    def _turn(self) -> None:
        self._settle()
        while self.halted:
            self._assigner.halt_topics(self.halted.popleft())
        now_s = time.monotonic()
        self._subscribe(now_s)
        self._recreated.look(self._topics.subscribed, now_s)
        if not self._recreated.is_asking:
            self._assigner.look_up_again(now_s)
        self._committer.commit_when_due(self._consumer, now_s)
        self._limit()
        outstanding, size_bytes = (
            self._assigned_partitions.outstanding,
            self._assigned_partitions.outstanding_bytes,
        )
        ahead = self._handover.not_begun()
        self._pause_or_resume(self._backpressure.change(outstanding, size_bytes, now_s, ahead))
        self._hand_over(self._poll(self._backpressure.room(outstanding, size_bytes, ahead)))
        if self._failure is not None:
            raise self._failure

    def _limit(self) -> None:
        """Take no more than what a crash may repeat, and not all of one partition.

        The throttle bounds what is in flight or unacknowledged; an acknowledged commit frees
        places there though its list had no room for all, and a crash would repeat the rest. That
        is bounded where records are taken: bounded in the throttle, the one stuck record whose
        end would free all could itself find no place. As long as the broker takes what it usually
        takes, a partition whose list is full stands still before anything is left out.
        """
        metadata_limit = self._assigned_partitions.metadata_limit
        left = self._options.duplicate_budget - self._assigned_partitions.repeatable_events
        affordable = max(0, left // self._options.events_per_record_max)
        self._backpressure.limit(
            None if metadata_limit.is_usual else affordable,
            at_once=metadata_limit.known and metadata_limit.shortened,
        )
        self._assigner.hold_back(
            self._assigned_partitions.crowded(self._options.bounds.records_max)
        )

    def _subscribe(self, now_s: float) -> None:
        topics = self._topics.changed(self._consumer, now_s)
        if topics is not None:
            self._consumer.subscribe(
                topics,
                on_assign=self._guarded(self._assigned),
                on_revoke=self._guarded(self._revoked),
                on_lost=self._guarded(self._lost),
            )

    def _poll(self, room: int) -> list[Message]:
        """Take up to `room` messages: wait for the first, then what is there already."""
        if not room and not self._backpressure.paused:
            self.settled.wait(ROOM_MIN, IDLE_WAIT_S)
            return self._consume(1, 0.0)
        messages = self._consume(1, IDLE_WAIT_S)
        if messages and room > 1:
            messages += self._consume(room - 1, 0.0)
        return messages

    def _consume(self, count: int, wait_s: float) -> list[Message]:
        try:
            return self._consumer.consume(count, wait_s)
        except KafkaException as error:
            if error.args[0].fatal():
                raise Halted(f"Kafka's client gave up: {error.args[0].str()}") from error
            self._assigner.seek_back()  # what this call had dequeued is gone
            self._observer.notify(Waiting(KAFKA, error.args[0].str()))
            return []

    def _hand_over(self, messages: list[Message]) -> None:
        wanted: list[Record] = []
        polled = 0
        for key, run in self._runs(messages):
            taken = self._assigned_partitions.take(key, run, self._options.select_records)
            wanted += taken.records
            polled += len(taken.records) + taken.skipped
            if taken.skipped:
                self._observer.notify(RecordsFiltered(key[0], taken.skipped))
        if polled:
            self._observer.notify(Polled(polled))
        if wanted:
            self._handover.deliver(wanted)

    def _runs(
        self, messages: Sequence[Message]
    ) -> Iterator[tuple[PartitionKey, list[records.Message]]]:
        """The messages by partition; Kafka's client gives many of one before the next."""
        topic, partition = "", -1
        run: list[Any] = []
        for message in messages:
            if message.error() is not None:
                self._recreated.partition_trouble(message)
                continue
            if message.partition() != partition or message.topic() != topic:
                if run:
                    yield (topic, partition), run
                topic, partition, run = str(message.topic()), int(message.partition() or 0), []
            run.append(message)
        if run:
            yield (topic, partition), run

    def _settle(self) -> None:
        """Take over what the event loop settled since the last turn."""
        self._observer.notify(PollLoopTick())
        ended = 0
        for record, events in self.settled.taken():
            if not self._assigned_partitions.settle(record, events):
                ended += events
        if ended:
            self._handover.acknowledged(ended)

    def _pause_or_resume(self, change: FlowChange) -> None:
        if change is FlowChange.PAUSE:
            self._assigner.pause()
        elif change is FlowChange.RESUME:
            self._assigner.resume()

    def _assigned(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        """Take partitions that the group gives us; what of theirs is still under way comes first.

        The race this closes: the partition was lost and comes back while a request of ours from
        before is unanswered. Read on at once, its record would be sent again beside it.
        """
        parked = self._assigned_partitions.parked(_keys(partitions))
        if parked:
            self._drain(list(parked.values()), self._options.rebalance_drain_s)
        self._assigner.assign(partitions, paused=self._backpressure.paused or self.stop.is_set())
        self._recreated.soon()

    def _revoked(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        """Let partitions go in order: drain, commit, forget.

        The race this closes: a request of ours is under way when the partition moves. Were the
        offset committed without it, the event could be lost; were the partition let go at once,
        the new owner would send it again. So what is under way is waited for, and what was not
        begun is begun no more.
        """
        keys = _keys(partitions)
        self._drain(self._assigned_partitions.get(keys), self._options.rebalance_drain_s)
        self._committer.commit(self._consumer, keys)
        self._forget(keys)
        self._assigner.revoked(partitions, lost=False)

    def _lost(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        """The group gave the partitions away already: nothing may be committed any more.

        What is known of them is parked: most often they come back, and nobody has had them.
        """
        keys = _keys(partitions)
        self._handover.drain([one.assignment for one in self._assigned_partitions.get(keys)])
        self._forget(keys)
        self._assigner.revoked(partitions, lost=True)

    def _forget(self, keys: Sequence[PartitionKey]) -> None:
        going = self._assigned_partitions.park(keys)
        self._handover.acknowledged(sum(one.unacknowledged_events for one in going))

    def _drain(self, assigned_partitions: Sequence[AssignedPartition], limit_s: float) -> None:
        drained = self._handover.drain([one.assignment for one in assigned_partitions])
        deadline_s = time.monotonic() + limit_s
        while not drained.wait(0.01) and time.monotonic() < deadline_s:
            if self.hurry.is_set():
                break
            self._settle()
        self._settle()

    def _finish(self) -> None:
        """Drain all, then commit until the broker has acknowledged it, polling on all the while.

        The commit is waited for before `close()`: one made inside `close()` can wait behind a
        rebalance and then carry an old generation, which the broker refuses.
        """
        self._assigner.pause()
        drained = self._handover.drain([one.assignment for one in self._assigned_partitions])
        deadline_s = time.monotonic() + self._options.shutdown_drain_s
        while time.monotonic() < deadline_s and not self._committer.all_acknowledged(drained):
            self._consume(1, 0.01)
            if self.hurry.is_set():
                drained.set()
            self._settle()
            self._committer.commit(self._consumer)

    def _kafka_trouble(self, error: KafkaError) -> None:
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
