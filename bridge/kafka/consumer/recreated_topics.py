"""Topics that are deleted and made anew under the same name while the group holds them.

Seen on Kafka 4.4 with librdkafka 2.16: with the topic the broker deletes the group's offsets; the
client learns of the new topic by itself, says nothing, and reads it on from the old offset, which
skips all before. The commits of that go on, too, and the broker takes them for the new topic.

Invariants:
- Kafka is asked for the ids of the topics every few seconds, at once after an assignment, and when
  a position has left the log. The thread does not wait for the answer, which comes within two
  seconds or not at all; then all goes on, and it is asked again later.
- A partition begins anew when Kafka tells another id for its topic than the one it was held
  under: at the new topic's beginning, whatever the group committed meanwhile. Twice is what was
  read of the new topic before it was noticed; skipped is nothing.
- What is under way of the old topic goes on to its end while the process runs, since nobody can
  read it again. It settles nothing: its assignment has ended. A drain does not wait for it.
- A position out of the log is judged after the answer: it may be the old topic's. So is where a
  partition begins that has no commit, if Kafka ever told an id.

**The race of the old commit.** The topic is made anew, and before that is noticed the position in
the old one is committed to the new; then the process is killed, or the partition goes to another
member. Were that offset obeyed, the new topic's first records would be skipped, and what its
metadata lists as settled would be other records. So each commit says of which topic it is, and
the reader begins with it but compares what Kafka tells then. A broker that takes no metadata at
all carries no id either: there only a bridge that was running notices.

**The race of the look-up.** The topic is made anew between two questions of one assignment. Were
its id asked after its offsets, an offset of the old topic would be held under the id of the new
one for good. So an assignment takes the id that its commit tells, or the one that was told before
the question for its offsets; an id that is older than that is found out by the next answer. And
an answer counts for those partitions only that were held when it was asked for: one that was on
its way already may be older than the commit that a partition began with.
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
from bridge.kafka.consumer.topic_ids import TopicIds, agree, short
from bridge.observer import Info, Observer
from bridge.records import Assignment

ASK_LIMIT_S = 2.0

GIVEN_UP_AFTER_S = 5.0
"""The client ends a question in time; should it ever not, nothing waits for its answer any more."""

ASK_AGAIN_S = 5.0
"""So long a new topic may be read from the old offset before it is noticed: that comes twice."""

_NO_ID = "AAAAAAAAAAAAAAAAAAAAAA"
"""How an id of zero is written: the broker knows none."""


class RecreatedTopicDetector:
    """Begins partitions anew whose topic was; the poll thread owns it.

    `acknowledged` is told how many events a crash can no longer repeat.
    """

    def __init__(
        self,
        kafka: Mapping[str, Any],
        ids: TopicIds,
        assigned_partitions: AssignedPartitions,
        assigner: PartitionAssigner,
        observer: Observer,
        *,
        acknowledged: Callable[[int], None],
    ) -> None:
        # Its own troubles are the consumer's as well, which tells them.
        self._admin = AdminClient({**admin_configuration(kafka), "log_level": 0})
        self._ids = ids
        self._assigned_partitions = assigned_partitions
        self._assigner = assigner
        self._acknowledged = acknowledged
        self._observer = observer
        self._next_s = float("-inf")
        self._give_up_s = 0.0
        self._answers: Mapping[str, Future[Any]] = {}
        self._cluster: Future[Any] = Future()
        self._asked_of: frozenset[Assignment] = frozenset()
        self._left_the_log: list[tuple[Message, Assignment]] = []
        self._to_judge: list[tuple[Message, Assignment]] = []

    def soon(self) -> None:
        """Ask at the next look: partitions came, or one has left its log."""
        self._next_s = float("-inf")

    @property
    def is_asking(self) -> bool:
        """Whether an answer is to come from a Kafka that tells ids."""
        return bool(self._answers and self._ids.now)

    def partition_trouble(self, message: Message) -> None:
        """A partition has an error instead of a record; one out of the log is judged later.

        Raises:
            Halted: a fatal error.
        """
        error = message.error()
        if error is None or error.code() != KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001
            self._assigner.partition_trouble(message)
            return
        for assigned in self._assigned_partitions.get([_key(message)]):
            self._left_the_log.append((message, assigned.assignment))
            self.soon()

    def look(self, topics: Collection[str], now_s: float) -> None:
        """Ask for the ids of these topics when it is time to, and act on what was answered."""
        if not self._answers and now_s >= self._next_s and topics:
            self._next_s, self._give_up_s = now_s + ASK_AGAIN_S, now_s + GIVEN_UP_AFTER_S
            self._ask(topics)
        if self._answers and (self._are_here() or now_s >= self._give_up_s):
            told = {topic: _told(one, self._cluster) for topic, one in self._answers.items()}
            self._answers = {}
            self._compare(told)
            self._judge()

    def _are_here(self) -> bool:
        return all(one.done() for one in (self._cluster, *self._answers.values()))

    def _ask(self, topics: Collection[str]) -> None:
        self._admin.poll(0)  # serves what the client has to do by itself, as to renew a token
        self._asked_of = frozenset(one.assignment for one in self._assigned_partitions)
        self._to_judge, self._left_the_log = self._left_the_log, []
        with contextlib.suppress(KafkaException):  # not even asked: again in a few seconds
            self._cluster = self._admin.describe_cluster(request_timeout=ASK_LIMIT_S)
            self._answers = self._admin.describe_topics(
                TopicCollection(sorted(topics)), request_timeout=ASK_LIMIT_S
            )

    def _compare(self, told: Mapping[str, int | None]) -> None:
        for topic, topic_id in told.items():
            if topic_id is not None:
                self._ids.told(topic, topic_id)
        others = []
        for one in self._assigned_partitions:
            topic_id = told.get(one.assignment.topic)
            if one.assignment not in self._asked_of or topic_id is None:
                continue
            if agree(one.topic_id, topic_id):
                one.topic_id = topic_id
            else:
                others.append(one)
        self._restart(others)

    def _restart(self, others: Sequence[AssignedPartition]) -> None:
        """Let go of what is held of topics that are no more, and read the new ones."""
        if not others:
            return
        for one in others:
            self._ids.replaced(one.assignment.topic)
        for topic in sorted({one.assignment.topic for one in others}):
            what = f"the topic {topic} was deleted and made anew: it is read from its beginning"
            self._observer.notify(Info(what))
        keys = [(one.assignment.topic, one.assignment.partition) for one in others]
        going = self._assigned_partitions.park(keys)
        self._acknowledged(sum(one.unacknowledged_events for one in going))
        self._assigner.restart(keys)

    def _judge(self) -> None:
        """Tell of the positions that are out of the log of the very topic they belong to."""
        for message, assignment in self._to_judge:
            held = self._assigned_partitions.get([_key(message)])
            if any(one.assignment is assignment for one in held):
                self._assigner.partition_trouble(message)
        self._to_judge = []


def _key(message: Message) -> PartitionKey:
    return str(message.topic()), int(message.partition() or 0)


def _told(answer: Future[Any], cluster: Future[Any]) -> int | None:
    """The id in an answer; None where there is none, whatever the reason."""
    try:
        topic_id, cluster_id = answer.result(0).topic_id, cluster.result(0).cluster_id
    except (KafkaException, TimeoutError):
        return None
    if str(topic_id) == _NO_ID or not cluster_id:
        return None
    return short(str(cluster_id), str(topic_id))
