"""What a test asks a real Kafka: topics, partitions, offsets, commits, and what a topic holds.

Every call blocks until the cluster has answered (30 s at most): in a coroutine, put it into
`asyncio.to_thread` where the loop must go on meanwhile.
"""

import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # exported, but not by its stubs
    AdminClient,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    PartitionMetadata,
)

from tests.services.java import wait_until

_ANSWER_S = 30.0
_ONE_NODE_S = 3
_POLL_S = 0.5
_PASSING = (
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.UNKNOWN_LEADER_EPOCH,
    KafkaError.REQUEST_TIMED_OUT,
    KafkaError._TIMED_OUT,
    KafkaError._TRANSPORT,
    KafkaError._WAIT_COORD,
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
)
_FIRST = OffsetSpec.earliest()  # type: ignore[no-untyped-call]
_NEXT = OffsetSpec.latest()  # type: ignore[no-untyped-call]
_Answer = TypeVar("_Answer")


class Committed(NamedTuple):
    """What a group has committed for one partition."""

    offset: int
    metadata: str


def client_settings(bootstrap_servers: str, client: Mapping[str, str]) -> dict[str, Any]:
    """Settings of a client whose complaints about dead brokers go nowhere."""
    silent = logging.getLogger("tests.services.kafka")
    silent.addHandler(logging.NullHandler())
    silent.propagate = False
    impatient = {"socket.timeout.ms": _ONE_NODE_S * 1000}  # a frozen node is left for another
    return {"bootstrap.servers": bootstrap_servers, "logger": silent, **impatient, **client}


class KafkaAdmin:
    """A test's hands on the cluster; KafkaException when the cluster refuses."""

    def __init__(self, bootstrap_servers: str, client: Mapping[str, str]) -> None:
        self._settings = client_settings(bootstrap_servers, client)

    @property
    def bootstrap_servers(self) -> str:
        """Addresses of the cluster, for clients."""
        return str(self._settings["bootstrap.servers"])

    @cached_property
    def admin(self) -> AdminClient:
        """The admin client itself, for what has no method here."""
        return AdminClient(self._settings)

    def create_topic(
        self,
        name: str,
        partitions: int = 1,
        replication: int = -1,
        config: Mapping[str, str] | None = None,
    ) -> str:
        """Create a topic (replication -1: on all nodes), wait until it has leaders; its name."""
        topic = NewTopic(name, partitions, replication, config=dict(config or {}))
        _answers(self.admin.create_topics([topic]))
        self._wait_for_leaders(name, partitions)
        return name

    def add_partitions(self, topic: str, total: int) -> None:
        """Let the topic have `total` partitions from now on."""
        _answers(self.admin.create_partitions([NewPartitions(topic, total)]))
        self._wait_for_leaders(topic, total)

    def delete_topic(self, topic: str) -> None:
        """Delete the topic and wait until it is gone."""
        _answers(self.admin.delete_topics([topic]))
        wait_until(lambda: topic not in self._topics(), f"{topic} deleted", _ANSWER_S)

    def delete_records(self, topic: str, partition: int, before: int) -> None:
        """Remove the records below the offset, as retention would."""
        _answers(self.admin.delete_records([TopicPartition(topic, partition, before)]))

    def can_create_topics(self, replication: int) -> bool:
        """Whether the cluster would create a topic with so many replicas now (none is made)."""
        probe = NewTopic("probe", 1, replication)
        try:
            _answers(self.admin.create_topics([probe], validate_only=True, request_timeout=5))
        except KafkaException:
            return False
        return True

    def partitions(self, topic: str) -> dict[int, PartitionMetadata]:
        """Partition number to its leader, replicas and replicas in sync."""
        return _patiently(lambda: self._partitions_once(topic))

    def wait_in_sync(self, topic: str) -> None:
        """Wait until every replica of the topic is in sync again."""

        def in_sync() -> bool:
            parts = self.partitions(topic).values()
            return all(len(part.isrs) == len(part.replicas) for part in parts)

        wait_until(in_sync, f"all replicas of {topic} in sync", 2 * _ANSWER_S)

    def start_offsets(self, topic: str) -> dict[int, int]:
        """Partition number to its first offset (the low watermark)."""
        return self._offsets(topic, _FIRST)

    def end_offsets(self, topic: str) -> dict[int, int]:
        """Partition number to its end: the offset of the next record."""
        return self._offsets(topic, _NEXT)

    def committed(self, group: str, topic: str) -> dict[int, Committed]:
        """Partition number to what the group has committed; partitions without are absent.

        Asked by a consumer that joins nothing: librdkafka's admin client has been seen to abort
        the process when it asks for offsets while a coordinator moves.
        """
        asked = [TopicPartition(topic, number) for number in self.partitions(topic)]
        with Consumer({**self._settings, "group.id": group, "enable.auto.commit": False}) as reader:
            answer = _patiently(lambda: reader.committed(asked, timeout=2 * _ONE_NODE_S))
        return {
            one.partition: Committed(one.offset, _text(one)) for one in answer if one.offset >= 0
        }

    def members(self, group: str) -> int:
        """How many members the group has, or is about to have."""
        (described,) = self.admin.describe_consumer_groups([group]).values()
        try:
            return len(described.result(_ANSWER_S).members)
        except KafkaException:  # nobody has asked for the group yet
            return 0

    def coordinator(self, group: str) -> int:
        """The id of the node that coordinates the group now."""
        (described,) = self.admin.describe_consumer_groups([group]).values()
        return int(described.result(_ANSWER_S).coordinator.id)

    def produce(
        self, topic: str, values: Iterable[bytes | None], partition: int | None = None, **more: Any
    ) -> None:
        """Write values, acknowledged by all replicas in sync; `more` as `Producer.produce` takes.

        KafkaException when one was refused.
        """
        refused: list[KafkaException] = []

        def acknowledged(error: Any, _message: Message) -> None:
            if error is not None:
                refused.append(KafkaException(error))

        # A topic that is not there is an error after 3 s, not after librdkafka's 30.
        once = {"linger.ms": 5, "acks": "all", "topic.metadata.propagation.max.ms": 3000}
        producer = Producer({**self._settings, **once})
        if partition is not None:
            more["partition"] = partition
        for value in values:
            producer.produce(topic, value, on_delivery=acknowledged, **more)
            producer.poll(0)
        unsent = producer.flush(_ANSWER_S)
        if refused:
            raise refused[0]
        if unsent:
            message = f"{unsent} records for {topic} were not acknowledged"
            raise TimeoutError(message)

    def read(self, topic: str) -> list[Message]:
        """All records that the topic holds now, partition by partition, by no group."""
        ends = self.end_offsets(topic)
        starts = self.start_offsets(topic)
        left = {part for part, end in ends.items() if end > starts[part]}
        settings = {"group.id": "read-by-hand", "enable.auto.commit": False}
        consumer = Consumer({**self._settings, **settings, "enable.partition.eof": True})
        found: list[Message] = []
        try:
            consumer.assign([TopicPartition(topic, part, starts[part]) for part in left])
            while left:
                message = consumer.poll(_POLL_S)
                if message is not None and message.error() is None:
                    found.append(message)
                elif message is not None:
                    left.discard(_ended(message))
        finally:
            consumer.close()
        return sorted(found, key=_place)

    def _topics(self) -> set[str]:
        return set(self.admin.list_topics(timeout=_ANSWER_S).topics)

    def _wait_for_leaders(self, topic: str, partitions: int) -> None:
        """Metadata names a leader before that node knows of it, so a look-up decides."""

        def led() -> bool:
            with contextlib.suppress(KafkaException):
                return len(self._offsets_once(topic, _NEXT)) == partitions
            return False

        wait_until(led, f"every partition of {topic} has a leader", _ANSWER_S)

    def _offsets(self, topic: str, which: OffsetSpec) -> dict[int, int]:
        return _patiently(lambda: self._offsets_once(topic, which))

    def _partitions_once(self, topic: str) -> dict[int, PartitionMetadata]:
        described = self.admin.list_topics(topic, timeout=2 * _ONE_NODE_S).topics[topic]
        if described.error is not None:
            raise KafkaException(described.error)
        return dict(described.partitions)

    def _offsets_once(self, topic: str, which: OffsetSpec) -> dict[int, int]:
        asked = {TopicPartition(topic, part): which for part in self._partitions_once(topic)}
        futures = self.admin.list_offsets(asked, request_timeout=2 * _ONE_NODE_S)
        return {part.partition: f.result(_ANSWER_S).offset for part, f in futures.items()}


def _patiently(ask: Callable[[], _Answer]) -> _Answer:
    """Ask again while leaders move or a node hangs; what is refused for good is raised."""
    deadline = time.monotonic() + _ANSWER_S
    while True:
        try:
            return ask()
        except KafkaException as error:
            if error.args[0].code() not in _PASSING or time.monotonic() > deadline:
                raise
        time.sleep(0.1)


def _answers(futures: Mapping[Any, "Future[Any]"]) -> list[Any]:
    return [future.result(_ANSWER_S) for future in futures.values()]


def _ended(message: Message) -> int | None:
    """The partition whose end was reached; any other error is raised."""
    error = message.error()
    if error is not None and error.code() != KafkaError._PARTITION_EOF:
        raise KafkaException(error)
    return message.partition()


def _place(message: Message) -> tuple[int, int]:
    return message.partition() or 0, message.offset() or 0


def _text(part: TopicPartition) -> str:
    """A commit's metadata; none where garbage stands behind it."""
    try:
        return part.metadata or ""
    except UnicodeDecodeError:
        return ""
