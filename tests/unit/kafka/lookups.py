"""A Kafka that answers what is looked up before a partition is read."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection, TopicPartition

LOW, HIGH, AT_TIME = 100, 900, 400


class UnreadableMetadata:
    """A committed offset with another client's bytes behind it."""

    topic, partition, offset, error, leader_epoch = "t", 0, 500, None, None

    @property
    def metadata(self) -> str:
        """What confluent-kafka does with bytes that are no text."""
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
    asked_for_times: list[int] = field(default_factory=list)

    def committed(self, asked: Sequence[TopicPartition], timeout: float) -> list[Any]:
        """The commits of these partitions."""
        self._answer(timeout)
        return [self._commit(one) for one in asked]

    def get_watermark_offsets(self, _: TopicPartition, timeout: float) -> tuple[int, int]:
        """The bounds of the log."""
        self._answer(timeout)
        return LOW, self.high

    def offsets_for_times(self, asked: list[TopicPartition], timeout: float) -> list[Any]:
        """The offset at a time."""
        self._answer(timeout)
        self.asked_for_times += [one.offset for one in asked]
        return [SimpleNamespace(offset=self.at_time, error=self.error)]

    def list_topics(self, topic: str | None = None, *, timeout: float) -> Any:
        """How many partitions there are, of one topic or of all."""
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
    """A Kafka that answers which topic of its name a topic is: name -> id, as it is written."""

    ids: dict[str, str] = field(default_factory=dict)
    cluster: str | None = "c"
    silent: bool = False
    asked: int = 0
    waiting: list[tuple[Future[Any], Any]] = field(default_factory=list)

    def poll(self, wait_s: float) -> int:
        """Serve what there is to serve, without waiting."""
        assert not wait_s
        return 0

    def describe_topics(
        self, topics: TopicCollection, request_timeout: float
    ) -> Mapping[str, Future[Any]]:
        """The ids of these topics; at once, unless it is silent."""
        assert 0 < request_timeout <= 2
        self.asked += 1
        return {name: self._answer(name) for name in topics.topic_names}

    def describe_cluster(self, request_timeout: float) -> Future[Any]:
        """Which cluster it is; at once, unless it is silent."""
        assert 0 < request_timeout <= 2
        return self._answer_with(SimpleNamespace(cluster_id=self.cluster))

    def answer(self) -> None:
        """Answer what was asked while it was silent, as it was then."""
        self.silent = False
        for future, told in self.waiting:
            _set(future, told)
        self.waiting.clear()

    def _answer(self, name: str) -> Future[Any]:
        error = KafkaException(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART))
        return self._answer_with(
            SimpleNamespace(topic_id=self.ids[name]) if name in self.ids else error
        )

    def _answer_with(self, told: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.waiting.append((future, told))
        if not self.silent:
            self.answer()
        return future


def _set(future: Future[Any], told: Any) -> None:
    if isinstance(told, Exception):
        future.set_exception(told)
    else:
        future.set_result(told)
