"""Fake messages with the methods of confluent-kafka that the bridge calls."""

from confluent_kafka import KafkaError, TopicPartition


class Polled:
    """A message of topic `t`, or an error instead of one."""

    def __init__(self, offset: int, partition: int = 0, error: KafkaError | None = None) -> None:
        self._place = ("t", partition, offset)
        self._error = error

    def error(self) -> KafkaError | None:
        """The error, if there is one."""
        return self._error

    def topic(self) -> str:
        """Its topic."""
        return self._place[0]

    def partition(self) -> int:
        """Its partition."""
        return self._place[1]

    def offset(self) -> int:
        """Its offset."""
        return self._place[2]

    def leader_epoch(self) -> int:
        """The leader's epoch."""
        return 5

    def value(self) -> bytes:
        """Ten bytes."""
        return b"0123456789"

    def key(self) -> None:
        """No key."""

    def timestamp(self) -> tuple[int, int]:
        """Type and milliseconds."""
        return 1, 0

    def headers(self) -> None:
        """No headers."""


class Answered:
    """A partition in the broker's answer to a commit, with its own error."""

    def __init__(self, requested: TopicPartition, error: KafkaError | None = None) -> None:
        self.topic, self.partition = requested.topic, requested.partition
        self.offset = requested.offset
        self.error = error


def answer(requested: TopicPartition, characters_max: int) -> Answered:
    """The answer of a broker that accepts `characters_max` characters of metadata."""
    refused = len(requested.metadata or "") > characters_max
    error = KafkaError(KafkaError.OFFSET_METADATA_TOO_LARGE) if refused else None
    return Answered(requested, error)
