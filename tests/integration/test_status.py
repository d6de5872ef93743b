"""`run` and its status, on the sandbox's Kafka: a start that waits, halts, a port that is taken."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

from bridge.sandbox.fullstory.server import FullStoryStandIn
from bridge.sandbox.kafka.mock_cluster import MockCluster
from bridge.sandbox.registry import RegistryStandIn
from tests.integration.running import BridgeProcess, write_settings
from tests.stories.kafka_fixture import MAPPING, SCHEMA, encode

FETCH = 1
"""Kafka's number of the request."""

KNOWN = "usr:1"
NO_USER = ".."
"""A user id that no request can be made for: a mapping error."""


@dataclass
class Place:
    """One topic on a mock Kafka, a registry, a FullStory, and a folder."""

    kafka: MockCluster
    registry: RegistryStandIn
    fullstory: FullStoryStandIn
    folder: Path

    def settings(self, **more: Any) -> dict[str, Any]:
        """A settings file whose status is told at any free port."""
        return {
            "kafka": {
                "bootstrap.servers": self.kafka.bootstrap_servers,
                "group.id": "bridge",
                "group.protocol": "consumer",
                "fetch.wait.max.ms": 20,
            },
            "mappings": ["paid.yaml"],
            "start": "earliest",
            "avro": {"registry": {"url": self.registry.url}},
            "fullstory": {"key": self.fullstory.key, "base_url": self.fullstory.url},
            "dead_letters": {"topic": "letters"},
            "status": {"listen": "127.0.0.1:0"},
        } | more

    def map(self, **more: Any) -> None:
        """The one mapping, and more in it."""
        text = json.dumps({"format": 1, "mappings": [MAPPING["mappings"][0] | more]})
        (self.folder / "paid.yaml").write_text(text)

    def write(self, *users: str) -> None:
        """A record for each of these users."""
        number = self.registry.register("paid-value", {"schema": json.dumps(SCHEMA)}).number
        producer = Producer({"bootstrap.servers": self.kafka.bootstrap_servers, "log_level": 0})
        for n, user in enumerate(users):
            producer.produce("paid", encode(number, n, user), partition=0)
        assert producer.flush(10) == 0

    async def accepts(self, count: int) -> None:
        """Wait until FullStory holds so many events."""
        async with asyncio.timeout(20):
            while len(self.fullstory.accepted) < count:  # noqa: ASYNC110  (nobody tells)
                await asyncio.sleep(0.02)

    async def commits(self, offset: int) -> None:
        """Wait until the group has come so far."""
        async with asyncio.timeout(20):
            while await self.committed() < offset:  # noqa: ASYNC110  (nobody tells)
                await asyncio.sleep(0.2)

    async def committed(self) -> int:
        """How far the group has come."""
        return await asyncio.to_thread(self._committed)

    def _committed(self) -> int:
        asking = {"bootstrap.servers": self.kafka.bootstrap_servers, "group.id": "bridge"}
        consumer = Consumer(asking | {"log_level": 0})
        [told] = consumer.committed([TopicPartition("paid", 0)], timeout=10)
        consumer.close()
        return max(0, told.offset)

    def run(self, settings: dict[str, Any], *flags: str) -> BridgeProcess:
        """The command, not started yet."""
        return BridgeProcess(write_settings(self.folder, settings), flags=flags)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    """A place whose FullStory knows nobody but one user."""
    with MockCluster() as kafka:
        for topic in ("paid", "letters"):
            kafka.create_topic(topic, 1)
        known = FullStoryStandIn(known=lambda uid: uid == KNOWN)
        async with RegistryStandIn() as registry, known as fullstory:
            place = Place(kafka, registry, fullstory, tmp_path)
            place.map()
            yield place


async def ask(bridge: BridgeProcess, path: str) -> tuple[int, str]:
    """What its status says."""
    await asyncio.to_thread(bridge.wait_until, lambda: bridge.status_url != "", "an address")
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{bridge.status_url}{path}") as answer,
    ):
        return answer.status, await answer.text()


async def wait_for(bridge: BridgeProcess, said: str, *, alone: bool = False) -> str:
    """Wait until `/readyz?verbose` says something, or that alone; returns all of it."""
    async with asyncio.timeout(20):
        while True:
            text = (await ask(bridge, "/readyz?verbose"))[1]
            if text == said or (said in text and not alone):
                return text
            await asyncio.sleep(0.05)


async def test_a_start_that_waits_can_be_seen_and_goes_on_by_itself(place: Place) -> None:
    """Live and not ready while the registry is away; ready once all is there."""
    place.write(KNOWN)
    await place.registry.down()
    with place.run(place.settings()) as bridge:
        text = await wait_for(bridge, "paused: schema registry")
        assert text.startswith("not ready\nstarting: bridge")
        assert await ask(bridge, "/livez") == (200, "live\n")
        await place.registry.up()
        assert await wait_for(bridge, "ready\n", alone=True) == "ready\n"
        assert (await ask(bridge, "/readyz"))[0] == 200
        told = json.loads((await ask(bridge, "/status"))[1])
        assert told["partitions"] == {"paid": [0]}
        [paused] = [line for line in bridge.lines if line["event"] == "paused"]
        assert "avro.registry.url" in paused["fix"]
        [resumed] = [line for line in bridge.lines if line["event"] == "resumed"]
        assert (resumed["what"], resumed["stood_s"] > 0) == ("schema registry", True)
        assert await asyncio.to_thread(bridge.stop) == 0


@pytest.mark.long
async def test_a_topic_that_cannot_be_read_is_paused_until_a_record_of_it_comes(
    place: Place,
) -> None:
    """A right that was taken away and given back, for example."""
    place.write(KNOWN)
    with place.run(place.settings()) as bridge:
        await place.commits(1)
        place.kafka.push_request_errors(FETCH, [KafkaError.TOPIC_AUTHORIZATION_FAILED] * 1_000)
        text = await wait_for(bridge, "paused: kafka topic paid (the topic paid)")
        assert text.startswith("ready, degraded\n")
        place.kafka.clear_request_errors(FETCH)
        place.write(KNOWN)
        await wait_for(bridge, "ready\n", alone=True)
        assert await asyncio.to_thread(bridge.stop) == 0


@pytest.mark.long
async def test_kafka_that_goes_and_comes_is_paused_and_resumed_though_nothing_is_read(
    place: Place,
) -> None:
    """Its client tells no end of a trouble, and an idle topic gives none away either."""
    place.write(KNOWN)
    with place.run(place.settings()) as bridge:
        await place.commits(1)
        place.kafka.broker_down()
        text = await wait_for(bridge, "paused: kafka (everything)")
        assert text.startswith("ready, degraded\n")
        assert await ask(bridge, "/livez") == (200, "live\n")
        place.kafka.broker_up()
        await wait_for(bridge, "ready\n", alone=True)
        [resumed] = [line for line in bridge.lines if line["event"] == "resumed"]
        assert resumed["what"] == "kafka"
        assert await asyncio.to_thread(bridge.stop) == 0


async def test_nobody_known_halts_everything_and_the_process_stays_live_and_not_ready(
    place: Place,
) -> None:
    """It says why, and what to look at; SIGTERM ends it in order."""
    place.write(*(f"stranger {n}" for n in range(200)))
    with place.run(place.settings()) as bridge:
        text = await wait_for(bridge, "halted: everything")
        assert text.startswith("not ready\n")
        assert "nobody_is_known; cure: is this the id given to FS.identify" in text
        assert "stranger" not in text
        assert (await ask(bridge, "/readyz"))[0] == 503
        assert await ask(bridge, "/livez") == (200, "live\n")
        assert await asyncio.to_thread(bridge.stop) == 0


async def test_with_exit_on_halt_a_whole_halt_ends_the_process_in_order_with_3(
    place: Place,
) -> None:
    """What was delivered before is committed; the record that halts is the next one's first."""
    place.map(on_error="halt")
    place.write(KNOWN, KNOWN)
    with place.run(place.settings(), "--exit-on-halt") as bridge:
        await place.accepts(2)
        place.write(NO_USER, KNOWN)
        assert await asyncio.to_thread(bridge.wait) == 3
        halts = [line for line in bridge.lines if line["event"] == "halted"]
        assert [halt["scope"] for halt in halts] == ["the topic paid", "everything"]
        assert bridge.lines[-1]["event"] == "ended"
    assert len(place.fullstory.accepted) == 2
    assert await place.committed() == 2


@pytest.mark.long
async def test_with_exit_on_halt_a_halt_of_everything_else_than_mappings_ends_it_too(
    place: Place,
) -> None:
    """Nobody is known: nothing was settled, so nothing is committed."""
    place.write(*(f"stranger {n}" for n in range(200)))
    with place.run(place.settings(), "--exit-on-halt") as bridge:
        assert await asyncio.to_thread(bridge.wait) == 3
    assert await place.committed() == 0


@pytest.mark.long
async def test_a_halt_that_leaves_other_topics_ends_nothing(place: Place) -> None:
    """Ready, and degraded: outside of it all flows on."""
    place.kafka.create_topic("other", 1)
    mapping = MAPPING["mappings"][0]
    both = [mapping | {"on_error": "halt"}, mapping | {"name": "other", "topics": ["other"]}]
    (place.folder / "paid.yaml").write_text(json.dumps({"format": 1, "mappings": both}))
    place.write(NO_USER)
    with place.run(place.settings(), "--exit-on-halt") as bridge:
        text = await wait_for(bridge, "halted: the topic paid")
        assert text.startswith("ready, degraded\n")
        assert NO_USER not in text.split()
        assert await asyncio.to_thread(bridge.stop) == 0


async def test_a_port_that_is_taken_is_told_with_its_setting_and_cure(place: Place) -> None:
    """Exit 2, before anything is read."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        settings = place.settings(status={"listen": listen})
        with place.run(settings) as bridge:
            assert await asyncio.to_thread(bridge.wait) == 2
            assert bridge.text.startswith(f"status.listen: nothing can listen at {listen}: ")
            assert "cure: name a free address" in bridge.text
