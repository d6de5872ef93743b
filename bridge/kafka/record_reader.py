"""Reads records for inspection, not for delivery: one, the last few, all, or all new ones.

Invariants: partitions are assigned with explicit offsets, so no group is joined and no rebalance is
triggered. Nothing is committed. The settings' `group.id` is used, because the user has rights to
it: librdkafka requires one, and only looks up its coordinator.
"""

import heapq
import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from bridge.errors import SetupError, Unavailable
from bridge.kafka.client_config import Configuration, consumer_configuration
from bridge.records import Assignment, Record

LOOKUP_TIMEOUT_S = 5.0

_POLL_S = 0.1
"""The longest wait in one call: timeouts and Ctrl-C are noticed this late at most."""

_MEMBER_KEYS: Final = ("group.instance.id", "group.protocol", "group.remote.assignor")
"""Keys of group members; a reader is not a member."""


def read_one(
    user: Mapping[str, Any], topic: str, partition: int, offset: int, timeout_s: float
) -> Record:
    """Read the record at one offset.

    Raises:
        SetupError: the partition or offset does not exist, or has no record (any more).
        Unavailable: Kafka did not answer in time.
    """
    with _consumer(user) as consumer:
        if partition not in _partitions(consumer, topic):
            raise SetupError(f"the topic {topic} has no partition {partition}")
        low, high = _watermarks(consumer, topic, partition)
        if not low <= offset < high:
            bounds = f"it holds {low} to {high - 1}" if high > low else "it is empty"
            raise SetupError(f"{topic}/{partition} has no offset {offset}: {bounds}")
        for record in _read_to_end(consumer, {(topic, partition): offset}, timeout_s):
            if record.offset == offset:
                return record
            break
    raise SetupError(
        f"{topic}/{partition}/{offset} is not a record: it was compacted away, belongs to an"
        " aborted transaction, or is a transaction marker"
    )


def read_last(user: Mapping[str, Any], topic: str, count: int, timeout_s: float) -> list[Record]:
    """The `count` newest records of a topic, oldest first; fewer if the topic holds fewer.

    Raises:
        SetupError: the topic does not exist.
        Unavailable: Kafka did not answer in time.
    """
    with _consumer(user) as consumer:
        starts = {}
        for partition in _partitions(consumer, topic):
            low, high = _watermarks(consumer, topic, partition)
            if high > low and count > 0:
                starts[topic, partition] = max(low, high - count)
        found = _read_to_end(consumer, starts, timeout_s)
        newest = heapq.nlargest(count, found, key=_order)
    return sorted(newest, key=_order)


def read_all(
    user: Mapping[str, Any], topics: Sequence[str], timeout_s: float
) -> Generator[Record, None, None]:
    """All records that the topics hold now, in the order in which they arrive from the partitions.

    Records written after the start are excluded. Kafka may be silent for `timeout_s`.

    Raises:
        SetupError: a topic does not exist.
        Unavailable: Kafka did not answer in time.
    """
    with _consumer(user) as consumer:
        starts, ends = {}, {}
        for topic in topics:
            for partition in _partitions(consumer, topic):
                low, high = _watermarks(consumer, topic, partition)
                if high > low:
                    starts[topic, partition], ends[topic, partition] = low, high
        for record in _read_to_end(consumer, starts, timeout_s, per_message_timeout=True):
            if record.offset < ends[record.topic, record.partition]:
                yield record


def follow(user: Mapping[str, Any], topics: Sequence[str]) -> Generator[Record, None, None]:
    """All records that arrive in the topics from now on, without end.

    It waits while a broker is away. Close the generator to close the connections.

    Raises:
        SetupError: a topic does not exist.
        Unavailable: Kafka did not answer at the start, or the client failed fatally.
    """
    with _consumer(user) as consumer:
        ends = {}
        for topic in topics:
            for partition in _partitions(consumer, topic):
                ends[topic, partition] = _watermarks(consumer, topic, partition)[1]
        _assign(consumer, ends)
        while True:
            for message in _consume(consumer):
                if message.error() is None:
                    yield _record(message)


@contextmanager
def _consumer(user: Mapping[str, Any]) -> Iterator[Consumer]:
    consumer = Consumer(_configuration(user))
    try:
        yield consumer
    finally:
        consumer.close()


def _configuration(user: Mapping[str, Any]) -> Configuration:
    own = {key: value for key, value in user.items() if key not in _MEMBER_KEYS}
    return consumer_configuration(own)


def _partitions(consumer: Consumer, topic: str) -> list[int]:
    try:
        metadata = consumer.list_topics(topic, timeout=LOOKUP_TIMEOUT_S).topics[topic]
    except KafkaException as error:
        raise _unavailable(error) from None
    if metadata.error is not None or not metadata.partitions:
        why = "" if metadata.error is None else f": {metadata.error.str()}"
        raise SetupError(f"Kafka has no topic {topic}{why}")
    return sorted(metadata.partitions)


def _watermarks(consumer: Consumer, topic: str, partition: int) -> tuple[int, int]:
    """The first offset, and the one after the last readable offset."""
    try:
        low, high = consumer.get_watermark_offsets(
            TopicPartition(topic, partition), timeout=LOOKUP_TIMEOUT_S
        )
    except KafkaException as error:
        raise _unavailable(error) from None
    return int(low), int(high)


def _assign(consumer: Consumer, starts: Mapping[tuple[str, int], int]) -> None:
    consumer.assign([TopicPartition(topic, number, at) for (topic, number), at in starts.items()])


def _read_to_end(
    consumer: Consumer,
    starts: Mapping[tuple[str, int], int],
    timeout_s: float,
    *,
    per_message_timeout: bool = False,
) -> Iterator[Record]:
    """The records from these offsets to the ends of their partitions.

    `timeout_s` limits the whole read; with `per_message_timeout`, the wait for the next message.
    """
    waiting = set(starts)
    if waiting:
        _assign(consumer, starts)
    deadline_s = time.monotonic() + timeout_s
    while waiting:
        if time.monotonic() > deadline_s:
            raise Unavailable(f"Kafka did not return the records within {timeout_s:g} s")
        for message in _consume(consumer):
            if per_message_timeout:
                deadline_s = time.monotonic() + timeout_s
            error = message.error()
            if error is None:
                yield _record(message)
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 -- librdkafka's name
                waiting.discard((str(message.topic()), _number(message.partition())))


def _consume(consumer: Consumer) -> Iterable[Message]:
    try:
        return consumer.consume(500, _POLL_S)
    except KafkaException as error:
        if error.args[0].fatal():
            raise _unavailable(error) from None
        return ()


def _record(message: Message) -> Record:
    topic, partition = str(message.topic()), _number(message.partition())
    return Record(
        topic,
        partition,
        _number(message.offset()),
        message.timestamp()[1],
        _bytes(message.key()),
        _bytes(message.value()),
        Assignment(topic, partition),
        message.headers,  # type: ignore[arg-type]
    )


def _number(value: int | None) -> int:
    return -1 if value is None else value


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value


def _order(record: Record) -> tuple[int, int, int]:
    return record.timestamp_ms, record.offset, record.partition


def _unavailable(error: KafkaException) -> Unavailable:
    return Unavailable(f"Kafka does not answer: {error.args[0].str()}")
