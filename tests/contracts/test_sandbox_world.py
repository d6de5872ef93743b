"""The whole sandbox, with the test in the role of the bridge."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from urllib.parse import quote

import aiohttp
import confluent_kafka
import orjson
import pytest_asyncio
from yarl import URL

from bridge.sandbox.reconciliation import Produced
from bridge.sandbox.traffic.generator import Traffic
from bridge.sandbox.world import DEAD_LETTERS, World


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    """A sandbox in which thirty records were produced."""
    async with World() as world:
        traffic = Traffic(world.schema_ids, start=datetime.now(UTC))
        await world.produce(traffic.records(30))
        yield world


async def _send(world: World, record: Produced) -> None:
    headers = {
        "Authorization": f"Basic {world.fullstory.key}",
        "Content-Type": "application/json",
    }
    name = "payment_id_str" if record.generated.topic == "payments" else "order_id_str"
    async with aiohttp.ClientSession(headers=headers, raise_for_status=True) as session:
        for uid, event, record_id in record.generated.events:
            body = {"event": {"event_name": event, "event_data": {name: record_id}}}
            path = f"/users/v1/individual/{quote(uid, safe='')}/customevent"
            url = URL(world.fullstory.url + path, encoded=True)
            await session.post(url, data=orjson.dumps(body))


def _dead_letter(world: World, record: Produced) -> None:
    origin = zip(("topic", "partition", "offset"), record.place, strict=True)
    producer = confluent_kafka.Producer({"bootstrap.servers": world.kafka.bootstrap_servers})
    headers: dict[str, str | bytes | None] = {
        f"__connect.errors.{name}": str(value) for name, value in origin
    }
    producer.produce(DEAD_LETTERS, record.generated.value, headers=headers)
    assert producer.flush(5) == 0


def _commit(world: World, *, short_of_the_end: int = 0) -> None:
    ends: dict[tuple[str, int], int] = {}
    for _, (topic, partition, offset) in world.produced:
        ends[topic, partition] = max(ends.get((topic, partition), 0), offset + 1)
    consumer = confluent_kafka.Consumer(
        {"bootstrap.servers": world.kafka.bootstrap_servers, "group.id": world.group}
    )
    positions = [
        confluent_kafka.TopicPartition(topic, partition, end - short_of_the_end)
        for (topic, partition), end in ends.items()
    ]
    consumer.commit(offsets=positions, asynchronous=False)
    consumer.close()


async def test_unprocessed_records_are_lost(world: World) -> None:
    """Records to send or dead-letter are missing, and nothing is settled."""
    result = await world.reconcile()
    awaited = [
        r for r in world.produced if r.generated.expected_outcome in {"sent", "dead_lettered"}
    ]
    assert result.lost == tuple(sorted(record.place for record in awaited))
    assert len(awaited) > 5
    assert not await world.settled()


async def test_processed_records_reconcile_and_are_settled(world: World) -> None:
    """Every accepted request and dead letter is matched to its record."""
    for record in world.produced:
        await _send(world, record)
        if record.generated.expected_outcome == "dead_lettered":
            await asyncio.to_thread(_dead_letter, world, record)
    await asyncio.to_thread(_commit, world, short_of_the_end=1)
    assert not await world.settled()
    await asyncio.to_thread(_commit, world)
    result = await world.reconcile()
    assert result.holds, result.lines()
    assert (result.produced, result.dead_lettered) == (30, 1)
    assert await world.settled()


async def test_a_cancelled_show_lists_all_produced_records() -> None:
    """After Ctrl-C, every record in Kafka is in the list."""
    async with World() as world:
        show = asyncio.create_task(world.show(seconds=60, rate=200))
        await asyncio.sleep(0.5)
        show.cancel()
        await asyncio.gather(show, return_exceptions=True)
        assert show.cancelled()
        assert 50 < len(world.produced) < 200
        assert len({record.place for record in world.produced}) == len(world.produced)


async def test_the_period_of_429s_is_in_the_middle_of_the_show() -> None:
    """It starts after the beginning and ends before the end."""
    async with World() as world:
        show = asyncio.create_task(world.show(seconds=0.6, rate=100))
        await asyncio.sleep(0.1)
        assert world.fullstory.faults.fault_period is None
        await show
        fault_period = world.fullstory.faults.fault_period
        assert fault_period is not None
        assert (fault_period.status, fault_period.retry_after, fault_period.also_me) == (
            429,
            "1",
            False,
        )
