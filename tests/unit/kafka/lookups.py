"""A Kafka that answers what is looked up before a partition is read."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicPartition

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
