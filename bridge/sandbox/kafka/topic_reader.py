"""Reads Kafka from outside, with a consumer that joins no group and commits nothing.

Invariants: every call blocks for a few round trips of at most 10 s each, so call it in a thread.
"""

from collections.abc import Iterable, Iterator

import confluent_kafka
from confluent_kafka import OFFSET_BEGINNING, TopicPartition

from bridge.sandbox.reconciliation import RecordPlace

_TIMEOUT_S = 10.0
_ORIGIN = "__connect.errors."
"""Kafka Connect's prefix for the headers of a dead letter's origin; the bridge uses it too."""


def read_all(servers: str, topic: str) -> list[confluent_kafka.Message]:
    """All records of a topic; raises `TimeoutError` if Kafka does not respond."""
    consumer = _consumer(servers, "sandbox-reader")
    try:
        found = []
        for partition, end in _ends(consumer, topic):
            consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING)])
            found += _read_partition(consumer, end)
        return found
    finally:
        consumer.close()


def is_committed(servers: str, group: str, places: Iterable[RecordPlace]) -> bool:
    """Whether the group's committed offsets are past all of these records."""
    ends: dict[tuple[str, int], int] = {}
    for topic, partition, offset in places:
        ends[topic, partition] = max(offset + 1, ends.get((topic, partition), 0))
    if not ends:
        return True
    consumer = _consumer(servers, group)
    try:
        asked = [TopicPartition(topic, partition) for topic, partition in ends]
        committed = consumer.committed(asked, timeout=_TIMEOUT_S)
    except confluent_kafka.KafkaException:
        return False  # the coordinator moves; the caller retries
    finally:
        consumer.close()
    return all(entry.offset >= ends[entry.topic, entry.partition] for entry in committed)


def origin(message: confluent_kafka.Message) -> RecordPlace:
    """The original position of a dead letter's record, from its headers; `?/-1/-1` without them."""
    headers = dict(message.headers() or ())

    def text(field: str, default: str) -> str:
        value = headers.get(_ORIGIN + field)
        return value.decode() if isinstance(value, bytes) else default

    return RecordPlace(text("topic", "?"), int(text("partition", "-1")), int(text("offset", "-1")))


def _consumer(servers: str, group: str) -> confluent_kafka.Consumer:
    return confluent_kafka.Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": group,
            "enable.auto.commit": False,
            "fetch.wait.max.ms": 20,
            "log_level": 0,
        }
    )


def _ends(consumer: confluent_kafka.Consumer, topic: str) -> Iterator[tuple[int, int]]:
    """Non-empty partitions with their end offsets."""
    for partition in consumer.list_topics(topic, timeout=_TIMEOUT_S).topics[topic].partitions:
        watermarks = consumer.get_watermark_offsets(
            TopicPartition(topic, partition), timeout=_TIMEOUT_S
        )
        if watermarks is None:
            raise TimeoutError(f"Kafka did not return the end offset of {topic}/{partition}")
        low, high = watermarks
        if high > low:
            yield partition, high


def _read_partition(consumer: confluent_kafka.Consumer, end: int) -> list[confluent_kafka.Message]:
    """Polls one by one: `consume` would wait its full timeout for missing messages."""
    found: list[confluent_kafka.Message] = []
    while True:
        message = consumer.poll(_TIMEOUT_S)
        if message is None:
            raise TimeoutError("Kafka stopped responding in the middle of a topic")
        if message.error() is None:
            found.append(message)
            if (message.offset() or 0) + 1 >= end:
                return found
