"""Which of the given records a group has settled, by its commits and their metadata.

Invariants: no group is joined and nothing is committed. Every call blocks for at most two seconds.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from confluent_kafka import Consumer, KafkaException, TopicPartition

from bridge.delivery.commit_metadata import UnreadableMetadata, decode
from bridge.delivery.progress import OffsetRange
from bridge.errors import Unavailable
from bridge.kafka.client_config import consumer_configuration
from bridge.kafka.consumer.assigned_partition import PartitionKey

LOOKUP_TIMEOUT_S = 2.0

Offsets = Mapping[PartitionKey, Sequence[int]]
"""Record offsets by topic and partition, in ascending order."""


class GroupProgress:
    """What a group has settled; use it as a context manager. `user` are the settings' keys."""

    def __init__(self, user: Mapping[str, Any], group: str) -> None:
        self._consumer = Consumer(consumer_configuration({**user, "group.id": group}))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._consumer.close()

    def settled_ranges(self, offsets: Offsets) -> dict[PartitionKey, list[OffsetRange]]:
        """The offset ranges that the group has settled, by partition.

        Raises:
            Unavailable: Kafka did not answer in time.
        """
        requested = [TopicPartition(*key) for key in offsets]
        try:
            answers = self._consumer.committed(requested, timeout=LOOKUP_TIMEOUT_S)
        except KafkaException as error:
            raise Unavailable(f"Kafka does not answer: {error.args[0].str()}") from error
        failed = next((one.error for one in answers if one.error is not None), None)
        if failed is not None:
            raise Unavailable(f"Kafka does not return the group's offsets: {failed.str()}")
        return {(one.topic, one.partition): _ranges(one) for one in answers if one.offset >= 0}


def count_unsettled(
    offsets: Offsets, settled_ranges: Mapping[PartitionKey, Sequence[OffsetRange]]
) -> int:
    """The number of offsets that no settled range contains."""
    return sum(
        len(partition_offsets)
        - sum(
            bisect_left(partition_offsets, end) - bisect_left(partition_offsets, start)
            for start, end in settled_ranges.get(key, ())
        )
        for key, partition_offsets in offsets.items()
    )


def settled_offsets(
    offsets: Sequence[int], settled_ranges: Sequence[OffsetRange]
) -> frozenset[int]:
    """The offsets that a settled range contains."""
    return frozenset(
        offset
        for start, end in settled_ranges
        for offset in offsets[bisect_left(offsets, start) : bisect_left(offsets, end)]
    )


def _ranges(committed: TopicPartition) -> list[OffsetRange]:
    try:
        metadata = decode(committed.metadata, committed.offset)
    except (UnreadableMetadata, UnicodeDecodeError):
        metadata = None
    above = metadata.settled if metadata is not None else ()
    return [(0, committed.offset), *above]
