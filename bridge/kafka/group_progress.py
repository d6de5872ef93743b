"""How far a group is with given records, asked from outside of it: its commits, and their lists.

Invariants: no group is joined and nothing is committed. Every call blocks, two seconds at most.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from confluent_kafka import Consumer, KafkaException, TopicPartition

from bridge.delivery.commit_metadata import DamagedMetadata, decode
from bridge.delivery.progress import OffsetRange
from bridge.errors import Unavailable
from bridge.kafka.client_config import consumer_configuration
from bridge.kafka.consumer.assigned_partition import PartitionKey

LOOK_UP_TIMEOUT_S = 2.0

Offsets = Mapping[PartitionKey, Sequence[int]]
"""Offsets of records by topic and partition, in order."""


class GroupProgress:
    """What a group has settled; use as a context manager. `user` are the settings' keys."""

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

    def done(self, offsets: Offsets) -> dict[PartitionKey, list[OffsetRange]]:
        """The runs of offsets that the group has settled, by partition.

        Raises:
            Unavailable: Kafka did not answer in time.
        """
        asked = [TopicPartition(*key) for key in offsets]
        try:
            answers = self._consumer.committed(asked, timeout=LOOK_UP_TIMEOUT_S)
        except KafkaException as error:
            raise Unavailable(f"Kafka does not answer: {error.args[0].str()}") from error
        failed = next((one.error for one in answers if one.error is not None), None)
        if failed is not None:
            raise Unavailable(f"Kafka does not tell the group's offsets: {failed.str()}")
        return {(one.topic, one.partition): _runs(one) for one in answers if one.offset >= 0}


def left(offsets: Offsets, done: Mapping[PartitionKey, Sequence[OffsetRange]]) -> int:
    """How many of the offsets are in no run."""
    return sum(
        len(those)
        - sum(
            bisect_left(those, end) - bisect_left(those, start) for start, end in done.get(key, ())
        )
        for key, those in offsets.items()
    )


def settled_among(offsets: Sequence[int], done: Sequence[OffsetRange]) -> frozenset[int]:
    """Those of the offsets that are in a run."""
    return frozenset(
        offset
        for start, end in done
        for offset in offsets[bisect_left(offsets, start) : bisect_left(offsets, end)]
    )


def _runs(committed: TopicPartition) -> list[OffsetRange]:
    try:
        listed = decode(committed.metadata, committed.offset)
    except (DamagedMetadata, UnicodeDecodeError):
        listed = None
    above = listed.settled if listed is not None else ()
    return [(0, committed.offset), *above]
