"""The whole sandbox: Kafka, Schema Registry, FullStory and traffic.

Invariants: everything listens on free loopback ports and stops after the block. The sandbox does
not run a bridge: callers start one with `settings()`.
"""

import asyncio
import time
from collections.abc import Iterable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from itertools import islice
from types import TracebackType
from typing import Any, Self

import aiohttp
import confluent_kafka

from bridge.sandbox import files
from bridge.sandbox.fullstory.server import FullStoryStandIn
from bridge.sandbox.kafka import topic_reader
from bridge.sandbox.kafka.mock_cluster import MockCluster
from bridge.sandbox.reconciliation import Produced, Reconciliation, RecordPlace, reconcile
from bridge.sandbox.registry import RegistryStandIn
from bridge.sandbox.traffic.generator import UNKNOWN_USER, GeneratedRecord, Traffic

DEAD_LETTERS = "fullstory-bridge.dead-letters"
GROUP = "fullstory-bridge-sandbox"
_FLUSH_S = 15.0


class World:
    """A sandbox during an `async with` block, with its topics and schemas created.

    `produced` lists the records that Kafka has acknowledged.
    """

    def __init__(self, *, partitions: int = 4, group: str = GROUP) -> None:
        self.kafka = MockCluster()
        self.registry = RegistryStandIn()
        self.fullstory = FullStoryStandIn(known=_is_known)
        self.group = group
        self.schema_ids: dict[str, int] = {}
        self.produced: list[Produced] = []
        self._partitions = partitions
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            stack.enter_context(self.kafka)
            await stack.enter_async_context(self.registry)
            await stack.enter_async_context(self.fullstory)
            for topic in (*files.TOPICS, DEAD_LETTERS):
                self.kafka.create_topic(topic, self._partitions)
            await self._register()
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    def settings(self) -> dict[str, Any]:
        """Settings for a bridge in this sandbox, as plain data."""
        return {
            "kafka": {
                "bootstrap.servers": self.kafka.bootstrap_servers,
                "group.id": self.group,
                "group.protocol": "consumer",  # joins in 0.2 s; classic re-joins take seconds here
                "fetch.wait.max.ms": 20,  # the mock's long poll does not wake on new records
            },
            "mappings": [str(file) for file in files.mapping_files()],
            "start": "earliest",
            "avro": {"registry": {"url": self.registry.url}},
            "fullstory": {
                "key": self.fullstory.key,
                "base_url": self.fullstory.url,
                "unknown_user_wait_s": 2,
            },
            "dead_letters": {"topic": DEAD_LETTERS},
        }

    async def show(self, *, seconds: float = 15.0, rate: float = 100.0, seed: int = 1) -> None:
        """Produces `rate` records per second for `seconds`, with a period of 429s in the middle."""
        start = datetime.now(UTC)
        traffic = Traffic(self.schema_ids, start=start, rate=rate, seed=seed)
        count = max(4, round(seconds * rate))
        records = traffic.records(count)  # generated lazily
        await self.produce(islice(records, count * 2 // 5), rate=rate)
        self.fullstory.start_fault_period(429, seconds=seconds / 6, retry_after=1)
        await self.produce(records, rate=rate)

    async def produce(
        self, records: Iterable[GeneratedRecord], *, rate: float | None = None
    ) -> None:
        """Produces records, at `rate` per second or at full speed, and waits for the acks.

        If cancelled, it still waits for the acks of produced records, so `produced` stays correct.
        Raises `TimeoutError` if Kafka does not acknowledge in time.
        """
        producer = confluent_kafka.Producer(
            {"bootstrap.servers": self.kafka.bootstrap_servers, "linger.ms": 5, "log_level": 0}
        )
        try:
            await self._produce_all(producer, records, rate)
        finally:
            unacknowledged = await asyncio.to_thread(producer.flush, _FLUSH_S)
        if unacknowledged:
            raise TimeoutError(
                f"Kafka did not acknowledge {unacknowledged} records in {_FLUSH_S:.0f} s"
            )

    async def settled(self) -> bool:
        """Whether the group has committed all produced records."""
        places = [record.place for record in self.produced]
        servers = self.kafka.bootstrap_servers
        return await asyncio.to_thread(topic_reader.is_committed, servers, self.group, places)

    async def reconcile(self) -> Reconciliation:
        """Compares the produced records with what FullStory and the dead-letter topic contain."""
        dead_letters = await self.dead_letters()
        return reconcile(self.produced, self.fullstory.accepted, dead_letters)

    async def dead_letters(self) -> list[RecordPlace]:
        """The original positions of the dead-lettered records, from their headers."""
        messages = await asyncio.to_thread(
            topic_reader.read_all, self.kafka.bootstrap_servers, DEAD_LETTERS
        )
        return [topic_reader.origin(message) for message in messages]

    async def _register(self) -> None:
        async with aiohttp.ClientSession(raise_for_status=True) as session:
            for topic in files.TOPICS:
                url = f"{self.registry.url}/subjects/{topic}-value/versions"
                body = {"schema": files.schema_text(topic), "schemaType": "AVRO"}
                async with session.post(url, json=body) as answer:
                    self.schema_ids[topic] = (await answer.json(content_type=None))["id"]

    async def _produce_all(
        self,
        producer: confluent_kafka.Producer,
        records: Iterable[GeneratedRecord],
        rate: float | None,
    ) -> None:
        started_s = time.monotonic()
        for number, generated in enumerate(records):
            wait_s = 0.0 if rate is None else started_s + number / rate - time.monotonic()
            if wait_s > 0 or number % 1000 == 0:
                await asyncio.sleep(max(0.0, wait_s))
            producer.produce(
                generated.topic,
                generated.value,
                generated.key,
                headers=list(generated.headers),
                timestamp=generated.timestamp_ms,
                on_delivery=_DeliveryReport(generated, self.produced),
            )
            producer.poll(0)


class _DeliveryReport:
    """A delivery callback that stores the position of each acknowledged record."""

    def __init__(self, generated: GeneratedRecord, produced: list[Produced]) -> None:
        self._made = generated
        self._produced = produced

    def __call__(
        self, error: confluent_kafka.KafkaError | None, message: confluent_kafka.Message
    ) -> None:
        partition, offset = message.partition(), message.offset()
        if error is None and partition is not None and offset is not None:
            place = RecordPlace(self._made.topic, partition, offset)
            self._produced.append(Produced(self._made, place))


def _is_known(uid: str) -> bool:
    return uid != UNKNOWN_USER
