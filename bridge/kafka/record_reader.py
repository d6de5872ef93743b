"""Records read by hand: one, the last few, all that are there, or all that come.

For looking, not for delivering.

Invariants: partitions are assigned with explicit offsets, so no group is joined and nobody's
partitions move; nothing is committed. The settings' own `group.id` is used, since the rights to it
are there: librdkafka wants one to be named and asks for nothing else but where its coordinator is.
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

LOOK_UP_TIMEOUT_S = 5.0

_WAIT_S = 0.1
"""Between two looks at the clock, and what Ctrl-C waits at most."""

_MEMBERSHIP: Final = ("group.instance.id", "group.protocol", "group.remote.assignor")
"""Keys of a group's members, which a reader is not."""


def read_one(
    user: Mapping[str, Any], topic: str, partition: int, offset: int, timeout_s: float
) -> Record:
    """The record at one place.

    Raises:
        SetupError: there is no such place, or no record at it (any more).
        Unavailable: Kafka did not answer in time.
    """
    with _consumer(user) as consumer:
        if partition not in _partitions(consumer, topic):
            raise SetupError(f"the topic {topic} has no partition {partition}")
        low, high = _bounds(consumer, topic, partition)
        if not low <= offset < high:
            held = f"it holds {low} to {high - 1}" if high > low else "it is empty"
            raise SetupError(f"{topic}/{partition} has no offset {offset}: {held}")
        for record in _until(consumer, {(topic, partition): offset}, timeout_s):
            if record.offset == offset:
                return record
            break
    raise SetupError(
        f"{topic}/{partition}/{offset} is no record: it was compacted away, belongs to a"
        " transaction that was aborted, or marks a transaction's end"
    )


def read_last(user: Mapping[str, Any], topic: str, count: int, timeout_s: float) -> list[Record]:
    """The `count` youngest records of a topic, oldest first; fewer where it holds fewer.

    Raises:
        SetupError: there is no such topic.
        Unavailable: Kafka did not answer in time.
    """
    with _consumer(user) as consumer:
        starts = {}
        for partition in _partitions(consumer, topic):
            low, high = _bounds(consumer, topic, partition)
            if high > low and count > 0:
                starts[topic, partition] = max(low, high - count)
        found = _until(consumer, starts, timeout_s)
        youngest = heapq.nlargest(count, found, key=_age)
    return sorted(youngest, key=_age)


def read_all(
    user: Mapping[str, Any], topics: Sequence[str], timeout_s: float
) -> Generator[Record, None, None]:
    """All records that the topics hold now, partition by partition as they come.

    What is written after the start is not among them; Kafka may be silent for `timeout_s`.

    Raises:
        SetupError: there is no such topic.
        Unavailable: Kafka did not answer in time.
    """
    with _consumer(user) as consumer:
        starts, ends = {}, {}
        for topic in topics:
            for partition in _partitions(consumer, topic):
                low, high = _bounds(consumer, topic, partition)
                if high > low:
                    starts[topic, partition], ends[topic, partition] = low, high
        for record in _until(consumer, starts, timeout_s, patient=True):
            if record.offset < ends[record.topic, record.partition]:
                yield record


def follow(user: Mapping[str, Any], topics: Sequence[str]) -> Generator[Record, None, None]:
    """All records that come to the topics from now on, without end.

    A broker that goes away is waited for. Close the generator to close the connections.

    Raises:
        SetupError: there is no such topic.
        Unavailable: Kafka did not answer at the start, or the client gave up.
    """
    with _consumer(user) as consumer:
        ends = {}
        for topic in topics:
            for partition in _partitions(consumer, topic):
                ends[topic, partition] = _bounds(consumer, topic, partition)[1]
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
    own = {key: value for key, value in user.items() if key not in _MEMBERSHIP}
    return {**consumer_configuration(own), "enable.partition.eof": True}


def _partitions(consumer: Consumer, topic: str) -> list[int]:
    try:
        metadata = consumer.list_topics(topic, timeout=LOOK_UP_TIMEOUT_S).topics[topic]
    except KafkaException as error:
        raise _away(error) from None
    if metadata.error is not None or not metadata.partitions:
        why = "" if metadata.error is None else f": {metadata.error.str()}"
        raise SetupError(f"Kafka shows no topic {topic}{why}")
    return sorted(metadata.partitions)


def _bounds(consumer: Consumer, topic: str, partition: int) -> tuple[int, int]:
    """The first offset, and the one behind the last that can be read."""
    try:
        low, high = consumer.get_watermark_offsets(
            TopicPartition(topic, partition), timeout=LOOK_UP_TIMEOUT_S
        )
    except KafkaException as error:
        raise _away(error) from None
    return int(low), int(high)


def _assign(consumer: Consumer, starts: Mapping[tuple[str, int], int]) -> None:
    consumer.assign([TopicPartition(topic, number, at) for (topic, number), at in starts.items()])


def _until(
    consumer: Consumer,
    starts: Mapping[tuple[str, int], int],
    timeout_s: float,
    *,
    patient: bool = False,
) -> Iterator[Record]:
    """The records from these offsets to the ends of their partitions.

    `timeout_s` is for all of them; with `patient` for each wait.
    """
    waiting = set(starts)
    if waiting:
        _assign(consumer, starts)
    deadline_s = time.monotonic() + timeout_s
    while waiting:
        if time.monotonic() > deadline_s:
            raise Unavailable(f"Kafka did not hand over the records within {timeout_s:g} s")
        for message in _consume(consumer):
            if patient:
                deadline_s = time.monotonic() + timeout_s
            error = message.error()
            if error is None:
                yield _record(message)
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 -- librdkafka's name
                waiting.discard((str(message.topic()), _number(message.partition())))


def _consume(consumer: Consumer) -> Iterable[Message]:
    try:
        return consumer.consume(500, _WAIT_S)
    except KafkaException as error:
        if error.args[0].fatal():
            raise _away(error) from None
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


def _age(record: Record) -> tuple[int, int, int]:
    return record.timestamp_ms, record.offset, record.partition


def _away(error: KafkaException) -> Unavailable:
    return Unavailable(f"Kafka does not answer: {error.args[0].str()}")
