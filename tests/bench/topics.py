"""The topics of the benchmark, and how they are filled.

Invariants: records are written in blocks whose last record matches, and blocks go to the partitions
in turn. So every partition has matches at a fixed distance, and the number of POSTs gives the
number of processed records.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import cycle
from typing import Final, NamedTuple

from confluent_kafka import Producer

from tests.bench.payments import OTHERS, WANTED, encoded

BODIES = 2_000
_FLUSH_S = 120.0
_PRODUCER: Final[Mapping[str, object]] = {
    "linger.ms": 20,
    "batch.num.messages": 10_000,
    "queue.buffering.max.messages": 100_000,
    "acks": "1",
}


class Topic(NamedTuple):
    """A topic: one in `every` records matches; `part` is its fraction of the full size."""

    name: str
    every: int
    partitions: int
    part: float

    def records(self, size: int) -> int:
        """Its number of records if the largest topic has `size`; whole blocks only."""
        return int(size * self.part) // self.every * self.every


SKIP: Final = Topic("skip", every=18, partitions=4, part=1.0)
RARE: Final = Topic("rare", every=1000, partitions=4, part=1.0)
ALL: Final = Topic("all", every=1, partitions=4, part=0.1)
WIDE: Final = Topic("wide", every=18, partitions=200, part=0.5)


class Bodies:
    """The values to write, in Confluent framing."""

    def __init__(self, schema_id: int) -> None:
        frame, now = b"\0" + schema_id.to_bytes(4, "big"), datetime.now(UTC)
        self.others = [frame + body for body in encoded(OTHERS, BODIES, now)]
        self.matching = [frame + body for body in encoded(WANTED, BODIES, now)]

    @property
    def bytes_on_average(self) -> int:
        """The average size of a value that does not match."""
        return sum(map(len, self.others)) // len(self.others)


def fill(servers: str, topic: Topic, name: str, size: int, bodies: Bodies) -> None:
    """Write the records of a topic; TimeoutError if Kafka does not acknowledge them."""
    producer = Producer({"bootstrap.servers": servers, **_PRODUCER})
    others, matching = cycle(bodies.others), cycle(bodies.matching)
    for block in range(topic.records(size) // topic.every):
        partition = block % topic.partitions
        for _ in range(topic.every - 1):
            _produce(producer, name, next(others), partition)
        _produce(producer, name, next(matching), partition)
        producer.poll(0)
    if producer.flush(_FLUSH_S):
        message = f"not all records of {name} were acknowledged"
        raise TimeoutError(message)


def _produce(producer: Producer, name: str, value: bytes, partition: int) -> None:
    while True:
        try:
            producer.produce(name, value, partition=partition)
        except BufferError:  # the producer's queue is full
            producer.poll(0.1)
        else:
            return
