"""Fakes of Kafka's consumer and admin client that answer lookups before a partition is read."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection, TopicPartition

LOW, HIGH, AT_TIME = 100, 900, 400


class UnreadableMetadata:
    """A committed offset with another client's bytes as metadata."""

    topic, partition, offset, error, leader_epoch = "t", 0, 500, None, None

    @property
    def metadata(self) -> str:
        """Raises as confluent-kafka does for bytes that are not text."""
        raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")


@dataclass
class Kafka:
    """A topic `t` with its commits: partition -> (offset, metadata)."""

    partitions: int = 4
    topics: Sequence[str] = ("t",)
    commits: dict[int, tuple[int, str | None]] = field(default_factory=dict)
    high: int = HIGH
    at_time: int = AT_TIME
    error: KafkaError | None = None
    silent: bool = False
    requested_times: list[int] = field(default_factory=list)

    def committed(self, requested: Sequence[TopicPartition], timeout: float) -> list[Any]:
        """The commits of these partitions."""
        self._answer(timeout)
        return [self._commit(one) for one in requested]

    def get_watermark_offsets(self, _: TopicPartition, timeout: float) -> tuple[int, int]:
        """The bounds of the log."""
        self._answer(timeout)
        return LOW, self.high

    def offsets_for_times(self, requested: list[TopicPartition], timeout: float) -> list[Any]:
        """The offset at a time."""
        self._answer(timeout)
        self.requested_times += [one.offset for one in requested]
        return [SimpleNamespace(offset=self.at_time, error=self.error)]

    def list_topics(self, topic: str | None = None, *, timeout: float) -> Any:
        """The partition counts of one topic or of all topics."""
        self._answer(timeout)
        each = SimpleNamespace(partitions=dict.fromkeys(range(self.partitions)))
        return SimpleNamespace(
            topics=dict.fromkeys(self.topics if topic is None else [topic], each)
        )

    def _commit(self, one: TopicPartition) -> Any:
        offset, metadata = self.commits.get(one.partition, (-1001, None))
        if metadata == "unreadable":
            return UnreadableMetadata()
        return TopicPartition(one.topic, one.partition, offset, metadata or "")

    def _answer(self, timeout: float) -> None:
        assert 0 < timeout <= 2
        if self.silent:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))


@dataclass
class Admin:
    """A fake admin client that returns topic ids: name -> id in Kafka's text form."""

    ids: dict[str, str] = field(default_factory=dict)
    cluster: str | None = "c"
    silent: bool = False
    request_count: int = 0
    rejected: int = 0
    """How many of the next requests the client rejects without sending them."""

    pending: list[tuple[Future[Any], Any]] = field(default_factory=list)

    def poll(self, wait_s: float) -> int:
        """Serve callbacks without waiting."""
        assert not wait_s
        return 0

    def describe_topics(
        self, topics: TopicCollection, request_timeout: float
    ) -> Mapping[str, Future[Any]]:
        """The ids of these topics; answered immediately, unless `silent`."""
        assert 0 < request_timeout <= 2
        self.request_count += 1
        return {name: self._answer(name) for name in topics.topic_names}

    def describe_cluster(self, request_timeout: float) -> Future[Any]:
        """The cluster's id; answered immediately, unless `silent`."""
        assert 0 < request_timeout <= 2
        if self.rejected:
            self.rejected -= 1
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))
        return self._answer_with(SimpleNamespace(cluster_id=self.cluster))

    def answer(self) -> None:
        """Answer the pending requests with the values of their time."""
        self.silent = False
        for future, result in self.pending:
            _set(future, result)
        self.pending.clear()

    def _answer(self, name: str) -> Future[Any]:
        error = KafkaException(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART))
        return self._answer_with(
            SimpleNamespace(topic_id=self.ids[name]) if name in self.ids else error
        )

    def _answer_with(self, result: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.pending.append((future, result))
        if not self.silent:
            self.answer()
        return future


def _set(future: Future[Any], result: Any) -> None:
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)
