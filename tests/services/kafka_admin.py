"""Admin operations on a real Kafka: topics, partitions, offsets, commits and records.

Every call blocks until the cluster responds (at most 30 s). In a coroutine, use
`asyncio.to_thread` if the event loop must keep running.
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
_TRANSIENT_ERRORS = (
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
_Result = TypeVar("_Result")


class Committed(NamedTuple):
    """A group's commit for one partition."""

    offset: int
    metadata: str


def client_settings(bootstrap_servers: str, client: Mapping[str, str]) -> dict[str, Any]:
    """Client settings that silence librdkafka's log messages about dead brokers."""
    silent = logging.getLogger("tests.services.kafka")
    silent.addHandler(logging.NullHandler())
    silent.propagate = False
    timeouts = {"socket.timeout.ms": _ONE_NODE_S * 1000}  # switch from a frozen node to another one
    return {"bootstrap.servers": bootstrap_servers, "logger": silent, **timeouts, **client}


class KafkaAdmin:
    """Admin operations for tests; KafkaException if the cluster refuses."""

    def __init__(self, bootstrap_servers: str, client: Mapping[str, str]) -> None:
        self._settings = client_settings(bootstrap_servers, client)

    @property
    def bootstrap_servers(self) -> str:
        """The cluster's addresses, for clients."""
        return str(self._settings["bootstrap.servers"])

    @cached_property
    def admin(self) -> AdminClient:
        """The admin client, for operations without a method here."""
        return AdminClient(self._settings)

    def create_topic(
        self,
        name: str,
        partitions: int = 1,
        replication: int = -1,
        config: Mapping[str, str] | None = None,
    ) -> str:
        """Create a topic (replication -1: on all nodes), wait for leaders, and return its name."""
        topic = NewTopic(name, partitions, replication, config=dict(config or {}))
        _results(self.admin.create_topics([topic]))
        self._wait_for_leaders(name, partitions)
        return name

    def add_partitions(self, topic: str, total: int) -> None:
        """Increase the topic's partitions to `total`."""
        _results(self.admin.create_partitions([NewPartitions(topic, total)]))
        self._wait_for_leaders(topic, total)

    def delete_topic(self, topic: str) -> None:
        """Delete the topic and wait until it is deleted."""
        _results(self.admin.delete_topics([topic]))
        wait_until(lambda: topic not in self._topics(), f"{topic} deleted", _ANSWER_S)

    def delete_records(self, topic: str, partition: int, before: int) -> None:
        """Delete the records below the offset, as retention does."""
        _results(self.admin.delete_records([TopicPartition(topic, partition, before)]))

    def can_create_topics(self, replication: int) -> bool:
        """Whether the cluster could now create a topic with this replication; creates none."""
        probe = NewTopic("probe", 1, replication)
        try:
            _results(self.admin.create_topics([probe], validate_only=True, request_timeout=5))
        except KafkaException:
            return False
        return True

    def partitions(self, topic: str) -> dict[int, PartitionMetadata]:
        """Leader, replicas and in-sync replicas by partition number."""
        return _with_retries(lambda: self._partitions_once(topic))

    def wait_in_sync(self, topic: str) -> None:
        """Wait until every replica of the topic is in sync."""

        def in_sync() -> bool:
            parts = self.partitions(topic).values()
            return all(len(part.isrs) == len(part.replicas) for part in parts)

        wait_until(in_sync, f"all replicas of {topic} in sync", 2 * _ANSWER_S)

    def start_offsets(self, topic: str) -> dict[int, int]:
        """First offset (low watermark) by partition number."""
        return self._offsets(topic, _FIRST)

    def end_offsets(self, topic: str) -> dict[int, int]:
        """End offset (of the next record) by partition number."""
        return self._offsets(topic, _NEXT)

    def committed(self, group: str, topic: str) -> dict[int, Committed]:
        """The group's commits by partition number; partitions without a commit are absent.

        This uses a consumer that joins no group: librdkafka's admin client sometimes aborts the
        process if it requests offsets while the coordinator moves.
        """
        wanted = [TopicPartition(topic, number) for number in self.partitions(topic)]
        with Consumer({**self._settings, "group.id": group, "enable.auto.commit": False}) as reader:
            answer = _with_retries(lambda: reader.committed(wanted, timeout=2 * _ONE_NODE_S))
        return {
            one.partition: Committed(one.offset, _text(one)) for one in answer if one.offset >= 0
        }

    def members(self, group: str) -> int:
        """The number of members of the group, including joining ones."""
        (described,) = self.admin.describe_consumer_groups([group]).values()
        try:
            return len(described.result(_ANSWER_S).members)
        except KafkaException:  # the group does not exist yet
            return 0

    def coordinator(self, group: str) -> int:
        """The node id of the group's current coordinator."""
        (described,) = self.admin.describe_consumer_groups([group]).values()
        return int(described.result(_ANSWER_S).coordinator.id)

    def produce(
        self, topic: str, values: Iterable[bytes | None], partition: int | None = None, **more: Any
    ) -> None:
        """Write values with `acks=all`; `more` goes to `Producer.produce`.

        Raises KafkaException if a value is refused.
        """
        refused: list[KafkaException] = []

        def acknowledged(error: Any, _message: Message) -> None:
            if error is not None:
                refused.append(KafkaException(error))

        # A missing topic is an error after 3 s instead of librdkafka's 30 s.
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
        """All records of the topic, by partition; joins no group."""
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
        """Look up offsets: metadata lists a leader before that node knows that it is one."""

        def led() -> bool:
            with contextlib.suppress(KafkaException):
                return len(self._offsets_once(topic, _NEXT)) == partitions
            return False

        wait_until(led, f"every partition of {topic} has a leader", _ANSWER_S)

    def _offsets(self, topic: str, which: OffsetSpec) -> dict[int, int]:
        return _with_retries(lambda: self._offsets_once(topic, which))

    def _partitions_once(self, topic: str) -> dict[int, PartitionMetadata]:
        described = self.admin.list_topics(topic, timeout=2 * _ONE_NODE_S).topics[topic]
        if described.error is not None:
            raise KafkaException(described.error)
        return dict(described.partitions)

    def _offsets_once(self, topic: str, which: OffsetSpec) -> dict[int, int]:
        wanted = {TopicPartition(topic, part): which for part in self._partitions_once(topic)}
        futures = self.admin.list_offsets(wanted, request_timeout=2 * _ONE_NODE_S)
        return {part.partition: f.result(_ANSWER_S).offset for part, f in futures.items()}


def _with_retries(call: Callable[[], _Result]) -> _Result:
    """Retry while leaders move or a node hangs; raise permanent errors."""
    deadline = time.monotonic() + _ANSWER_S
    while True:
        try:
            return call()
        except KafkaException as error:
            if error.args[0].code() not in _TRANSIENT_ERRORS or time.monotonic() > deadline:
                raise
        time.sleep(0.1)


def _results(futures: Mapping[Any, "Future[Any]"]) -> list[Any]:
    return [future.result(_ANSWER_S) for future in futures.values()]


def _ended(message: Message) -> int | None:
    """The partition whose end was reached; raises any other error."""
    error = message.error()
    if error is not None and error.code() != KafkaError._PARTITION_EOF:
        raise KafkaException(error)
    return message.partition()


def _place(message: Message) -> tuple[int, int]:
    return message.partition() or 0, message.offset() or 0


def _text(part: TopicPartition) -> str:
    """A commit's metadata; empty if it is not valid UTF-8."""
    try:
        return part.metadata or ""
    except UnicodeDecodeError:
        return ""
