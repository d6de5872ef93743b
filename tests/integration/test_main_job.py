"""The main job: records from Confluent's serializer arrive in FullStory, each event once."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.serialization import MessageField, SerializationContext

from bridge.sandbox import files
from bridge.sandbox.reconciliation import expected_event_of
from bridge.sandbox.traffic import expected_events
from bridge.sandbox.traffic.expected_events import ExpectedEvent
from bridge.sandbox.traffic.shop import Shop
from tests.integration.running import (
    KEY,
    BridgeProcess,
    FullStoryProcess,
    committed,
    ends,
    write_settings,
)
from tests.services.confluent import registry_client, serializer
from tests.services.kafka import KafkaCluster

RECORDS = 10_000
PARTITIONS = 4


@dataclass(frozen=True, slots=True)
class Written:
    """A record of `payments` or `orders` and its events; `partition` -1: chosen by the key."""

    topic: str
    value: dict[str, Any]
    key: str
    headers: list[tuple[str, str | bytes | None]]
    events: tuple[ExpectedEvent, ...]
    partition: int = -1


class Writer:
    """A typical producer: Confluent's AvroSerializer, with one registered schema per topic."""

    def __init__(
        self, kafka: KafkaCluster, registry: SchemaRegistryClient, topics: dict[str, str]
    ) -> None:
        self._producer = Producer(
            {"bootstrap.servers": kafka.bootstrap_servers, "acks": "all", "linger.ms": 5}
        )
        self._topics = topics
        self._serialize = {
            topic: serializer(registry, files.schema_text(topic)) for topic in topics
        }

    def write(self, record: Written) -> None:
        """Pass one record to the producer."""
        topic = self._topics[record.topic]
        context = SerializationContext(topic, MessageField.VALUE)
        value = self._serialize[record.topic](record.value, context)
        assert isinstance(value, bytes)
        self._producer.produce(
            topic, value, record.key, headers=record.headers, partition=record.partition
        )
        self._producer.poll(0)

    def flush(self) -> None:
        """Wait until Kafka has acknowledged all records."""
        assert self._producer.flush(20) == 0


@dataclass(frozen=True, slots=True)
class Job:
    """Everything that one bridge needs, on the real services."""

    kafka: KafkaCluster
    topics: dict[str, str]
    group: str
    writer: Writer
    fullstory: FullStoryProcess
    config: Path

    @property
    def names(self) -> list[str]:
        """The topic names in Kafka."""
        return list(self.topics.values())

    @property
    def partitions(self) -> list[str]:
        """All partitions, in the format of the bridge's log."""
        return [f"{topic}/{number}" for topic in self.names for number in range(PARTITIONS)]

    def arrived(self) -> Counter[ExpectedEvent]:
        """The events that the stand-in accepted."""
        return Counter(expected_event_of(accepted) for accepted in self.fullstory.accepted)


@pytest.fixture
def job(
    kafka: KafkaCluster, apicurio_url: str, unique: Callable[[str], str], tmp_path: Path
) -> Iterator[Job]:
    """Two topics with four partitions each, a dead-letter topic, and a FullStory stand-in."""
    topics = {topic: kafka.create_topic(unique(topic), PARTITIONS) for topic in files.TOPICS}
    dead_letters, group = kafka.create_topic(unique("dead-letters")), unique("group")
    with (
        closing(registry_client(apicurio_url)) as registry,
        FullStoryProcess(tmp_path) as fullstory,
    ):
        settings = {
            "kafka": {"bootstrap.servers": kafka.bootstrap_servers, "group.id": group},
            "mappings": [str(file) for file in files.mapping_files()],
            "topic_names": topics,
            "start": "earliest",
            "avro": {"registry": {"url": apicurio_url}},
            "fullstory": {"key": KEY, "base_url": fullstory.url},
            "dead_letters": {"topic": dead_letters},
        }
        config = write_settings(tmp_path, settings)
        writer = Writer(kafka, registry, topics)
        yield Job(kafka, topics, group, writer, fullstory, config)
        assert kafka.end_offsets(dead_letters) == {0: 0}


def test_ten_thousand_records_arrive_once_and_a_restart_sends_nothing_again(job: Job) -> None:
    """All events of 10,000 records arrive, and all offsets are committed before the restart."""
    started_s = time.monotonic()
    expected = _write(job, _payments_and_orders(RECORDS))
    written_s = time.monotonic()
    with BridgeProcess(job.config) as bridge:
        bridge.wait_until_assigned(job.partitions)
        assigned_s = time.monotonic()
        bridge.wait_until_committed(job.kafka, job.group, job.names)
        done_s = time.monotonic()
        assert job.arrived() == expected
        assert bridge.stop() == 0
    assert committed(job.kafka, job.group, job.names) == ends(job.kafka, job.names)

    with BridgeProcess(job.config) as bridge:
        bridge.wait_until_assigned(job.partitions)
        expected += _write(job, _sentinels())
        bridge.wait_until_committed(job.kafka, job.group, job.names)
        assert bridge.stop() == 0
    assert job.arrived() == expected
    events = expected.total()
    took_s = done_s - assigned_s
    print(  # noqa: T201  (figures for `pytest -s`)
        f"\n{RECORDS} records written in {written_s - started_s:.1f} s,"
        f" assigned {assigned_s - written_s:.1f} s after the start,"
        f" {events} events in {took_s:.1f} s:"
        f" {RECORDS / took_s:.0f} records/s, {events / took_s:.0f} events/s"
    )


def _write(job: Job, records: Iterator[Written]) -> Counter[ExpectedEvent]:
    """Write records, partitioned by key, and return their events."""
    events: Counter[ExpectedEvent] = Counter()
    for record in records:
        job.writer.write(record)
        events.update(record.events)
    job.writer.flush()
    return events


def _payments_and_orders(count: int) -> Iterator[Written]:
    """Alternating payments and orders, a hundred per second until now."""
    shop = Shop(seed=7)
    start = datetime.now(UTC) - timedelta(seconds=count / 100)
    for number in range(count):
        at = start + timedelta(seconds=number / 100)
        yield _order(*shop.order(at)) if number % 2 else _payment(shop.payment(at))


def _sentinels() -> Iterator[Written]:
    """One record with an event per partition; its arrival proves that the partition was read."""
    shop, now = Shop(seed=8), datetime.now(UTC)
    for partition in range(PARTITIONS):
        payment = shop.payment(now, status="FAILED", uid="usr:sentinel")
        yield replace(_payment(payment), partition=partition)
        yield replace(_order_with_events(shop, now), partition=partition)


def _order_with_events(shop: Shop, at: datetime) -> Written:
    return next(record for record in iter(lambda: _order(*shop.order(at)), None) if record.events)


def _payment(value: dict[str, Any]) -> Written:
    return Written(
        "payments", value, value["payment_id"], [], expected_events.events_of_payment(value)
    )


def _order(value: dict[str, Any], uid: str | None) -> Written:
    headers: list[tuple[str, str | bytes | None]] = [("x-user-id", uid)] if uid else []
    return Written(
        "orders", value, value["order"]["id"], headers, expected_events.events_of_order(value, uid)
    )
