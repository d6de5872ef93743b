"""Detects topics that are deleted and recreated under the same name while the group reads them.

Observed on Kafka 4.4 with librdkafka 2.16: when a topic is deleted, the broker deletes the group's
offsets. The client silently picks up the new topic and continues at the old offset, which skips the
records before it. Its commits also continue, and the broker stores them for the new topic.

Invariants:
- Kafka is asked for the topic ids every few seconds, after each assignment, and when a position is
  out of range. The thread does not wait for the answer, which arrives within two seconds or not
  at all. If none arrives, reading continues and Kafka is asked again later.
- A partition restarts if its topic's id differs from the one it was assigned under. It restarts at
  the new topic's beginning, whatever the group has committed. Records of the new topic that were
  read before the detection are sent twice; none are skipped.
- Requests in flight for the old topic continue while the process runs, because nobody can read
  those records again. They settle nothing, because their assignment has ended. A drain does not
  wait for them.
- A position out of range is handled after the answer, because it may belong to the old topic. The
  same holds for the start of a partition without a commit, if Kafka ever reported an id.

**Race: a commit of the old topic.** A topic is recreated. Before the detection, the position in the
old topic is committed to the new one. Then the process is killed, or the partition moves to another
member. If the next reader used that offset, it would skip the new topic's first records. The
settled ranges in the metadata would denote other records. So each commit contains the topic id. The
reader starts at the commit, and compares the id with Kafka's next answer. A broker that accepts no
metadata stores no id either. There, only a running bridge detects a recreated topic.

**Race: a lookup during an assignment.** A topic is recreated between two requests of one
assignment. If its id were requested after its offsets, an old offset would be stored under the new
id for good. So an assignment uses the id from its commit, or the one reported before its offsets
were requested. The next answer reveals an outdated id. An answer applies only to partitions that
were assigned when it was requested: an earlier one may be older than the commit that a partition
started from.
"""

import contextlib
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, TopicCollection
from confluent_kafka.admin import AdminClient

from bridge.kafka.client_config import admin_configuration
from bridge.kafka.consumer.assigned_partition import AssignedPartition, PartitionKey
from bridge.kafka.consumer.assigned_partitions import AssignedPartitions
from bridge.kafka.consumer.partition_assigner import PartitionAssigner
from bridge.kafka.consumer.topic_ids import TopicIds, ids_match, short_id
from bridge.observer import Info, Observer
from bridge.records import Assignment

REQUEST_TIMEOUT_S = 2.0

GIVE_UP_AFTER_S = 5.0
"""The client limits each request; if it ever fails to, nothing waits longer than this."""

CHECK_INTERVAL_S = 5.0
"""A new topic is read from the old offset for up to this long; those records are sent twice."""

_NO_ID = "AAAAAAAAAAAAAAAAAAAAAA"
"""How an all-zero id is encoded: the broker has no topic ids."""


class RecreatedTopicDetector:
    """Restarts the partitions of recreated topics; the poll thread owns it.

    `acknowledged` is called with the number of events that a crash can no longer repeat.
    """

    def __init__(
        self,
        kafka: Mapping[str, Any],
        topic_ids: TopicIds,
        assigned_partitions: AssignedPartitions,
        assigner: PartitionAssigner,
        observer: Observer,
        *,
        acknowledged: Callable[[int], None],
    ) -> None:
        # Not logged: the consumer reports the same errors.
        self._admin = AdminClient({**admin_configuration(kafka), "log_level": 0})
        self._topic_ids = topic_ids
        self._assigned_partitions = assigned_partitions
        self._assigner = assigner
        self._acknowledged = acknowledged
        self._observer = observer
        self._next_check_s = float("-inf")
        self._give_up_s = 0.0
        self._topic_requests: Mapping[str, Future[Any]] = {}
        self._cluster_request: Future[Any] = Future()
        self._requested_for: frozenset[Assignment] = frozenset()
        self._out_of_range_errors: list[tuple[Message, Assignment]] = []
        self._errors_to_verify: list[tuple[Message, Assignment]] = []

    def check_soon(self) -> None:
        """Ask in the next check: partitions were assigned, or one is out of range."""
        self._next_check_s = float("-inf")

    def close(self) -> None:
        """End the admin client and its threads, and drop an answer that is pending.

        Observed on confluent-kafka 2.16: an answer that arrives while Python shuts down ends the
        process with a segmentation fault. The client ends with its last reference.
        """
        del self._admin

    @property
    def is_awaiting_answer(self) -> bool:
        """Whether an answer is pending from a Kafka that reports topic ids."""
        return bool(self._topic_requests and self._topic_ids.current)

    def partition_error(self, message: Message) -> None:
        """Handle an error of a partition; an out-of-range error is deferred to the next answer.

        Raises:
            Halted: a fatal error.
        """
        error = message.error()
        if error is None or error.code() != KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001
            self._assigner.partition_error(message)
            return
        for assigned in self._assigned_partitions.get([_key(message)]):
            self._out_of_range_errors.append((message, assigned.assignment))
            self.check_soon()

    def check(self, topics: Collection[str], now_s: float) -> None:
        """Request the ids of these topics when a check is due, and process the answer."""
        if not self._topic_requests and now_s >= self._next_check_s and topics:
            self._next_check_s, self._give_up_s = now_s + CHECK_INTERVAL_S, now_s + GIVE_UP_AFTER_S
            self._request_ids(topics)
        if self._topic_requests and (self._all_answered() or now_s >= self._give_up_s):
            answered_ids = {
                topic: _topic_id(one, self._cluster_request)
                for topic, one in self._topic_requests.items()
            }
            self._topic_requests = {}
            self._compare(answered_ids)
            self._report_out_of_range()

    def _all_answered(self) -> bool:
        return all(one.done() for one in (self._cluster_request, *self._topic_requests.values()))

    def _request_ids(self, topics: Collection[str]) -> None:
        self._admin.poll(0)  # serves the client's own callbacks, such as a token refresh
        self._requested_for = frozenset(one.assignment for one in self._assigned_partitions)
        self._errors_to_verify += self._out_of_range_errors  # some may wait since a failed request
        self._out_of_range_errors = []
        with contextlib.suppress(KafkaException):  # not sent; retried in a few seconds
            self._cluster_request = self._admin.describe_cluster(request_timeout=REQUEST_TIMEOUT_S)
            self._topic_requests = self._admin.describe_topics(
                TopicCollection(sorted(topics)), request_timeout=REQUEST_TIMEOUT_S
            )

    def _compare(self, answered_ids: Mapping[str, int | None]) -> None:
        for topic, topic_id in answered_ids.items():
            if topic_id is not None:
                self._topic_ids.update(topic, topic_id)
        recreated = []
        for one in self._assigned_partitions:
            topic_id = answered_ids.get(one.assignment.topic)
            if one.assignment not in self._requested_for or topic_id is None:
                continue
            if ids_match(one.topic_id, topic_id):
                one.topic_id = topic_id
            else:
                recreated.append(one)
        self._restart_partitions(recreated)

    def _restart_partitions(self, recreated: Sequence[AssignedPartition]) -> None:
        """Remove partitions of deleted topics and read the new topics."""
        if not recreated:
            return
        for one in recreated:
            self._topic_ids.mark_recreated(one.assignment.topic)
        for topic in sorted({one.assignment.topic for one in recreated}):
            message = f"the topic {topic} was recreated: it is read from the beginning"
            self._observer.notify(Info(message))
        keys = [(one.assignment.topic, one.assignment.partition) for one in recreated]
        removed = self._assigned_partitions.remove(keys)
        self._acknowledged(sum(one.unacknowledged_events for one in removed))
        self._assigner.restart(keys)

    def _report_out_of_range(self) -> None:
        """Pass on out-of-range errors whose partition is still under the same assignment."""
        for message, assignment in self._errors_to_verify:
            assigned = self._assigned_partitions.get([_key(message)])
            if any(one.assignment is assignment for one in assigned):
                self._assigner.partition_error(message)
        self._errors_to_verify = []


def _key(message: Message) -> PartitionKey:
    return str(message.topic()), int(message.partition() or 0)


def _topic_id(answer: Future[Any], cluster: Future[Any]) -> int | None:
    """The short id in an answer; None if there is none, for any reason."""
    try:
        topic_id, cluster_id = answer.result(0).topic_id, cluster.result(0).cluster_id
    except (KafkaException, TimeoutError):
        return None
    if str(topic_id) == _NO_ID or not cluster_id:
        return None
    return short_id(str(cluster_id), str(topic_id))
