"""`run` and its status on the sandbox Kafka: a startup outage, halts, a port in use."""

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
"""Kafka's API key of the fetch request."""

KNOWN = "usr:1"
NO_USER = ".."
"""A user id that makes no valid request: a mapping error."""


@dataclass
class Environment:
    """A mock Kafka with one topic, stand-ins for registry and FullStory, and a folder."""

    kafka: MockCluster
    registry: RegistryStandIn
    fullstory: FullStoryStandIn
    folder: Path

    def settings(self, **more: Any) -> dict[str, Any]:
        """Return settings whose status server listens on any free port."""
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

    def write_mapping(self, **more: Any) -> None:
        """Write the mapping file, with more keys in the mapping."""
        text = json.dumps({"format": 1, "mappings": [MAPPING["mappings"][0] | more]})
        (self.folder / "paid.yaml").write_text(text)

    def write(self, *users: str) -> None:
        """Produce a record for each of these users."""
        schema_id = self.registry.register("paid-value", {"schema": json.dumps(SCHEMA)}).number
        producer = Producer({"bootstrap.servers": self.kafka.bootstrap_servers, "log_level": 0})
        for n, user in enumerate(users):
            producer.produce("paid", encode(schema_id, n, user), partition=0)
        assert producer.flush(10) == 0

    async def wait_until_accepted(self, count: int) -> None:
        """Wait until FullStory has accepted `count` events."""
        async with asyncio.timeout(20):
            while len(self.fullstory.accepted) < count:  # noqa: ASYNC110  (no event to await)
                await asyncio.sleep(0.02)

    async def wait_until_committed(self, offset: int) -> None:
        """Wait until the group has committed `offset`."""
        async with asyncio.timeout(20):
            while await self.committed() < offset:  # noqa: ASYNC110  (no event to await)
                await asyncio.sleep(0.2)

    async def committed(self) -> int:
        """Return the committed offset of the group."""
        return await asyncio.to_thread(self._committed)

    def _committed(self) -> int:
        settings = {"bootstrap.servers": self.kafka.bootstrap_servers, "group.id": "bridge"}
        consumer = Consumer(settings | {"log_level": 0})
        [committed] = consumer.committed([TopicPartition("paid", 0)], timeout=10)
        consumer.close()
        return max(0, committed.offset)

    def run(self, settings: dict[str, Any], *flags: str) -> BridgeProcess:
        """Return the command, not started yet."""
        return BridgeProcess(write_settings(self.folder, settings), flags=flags)


@pytest.fixture
async def env(tmp_path: Path) -> AsyncIterator[Environment]:
    """An environment whose FullStory knows only one user."""
    with MockCluster() as kafka:
        for topic in ("paid", "letters"):
            kafka.create_topic(topic, 1)
        known = FullStoryStandIn(known=lambda uid: uid == KNOWN)
        async with RegistryStandIn() as registry, known as fullstory:
            env = Environment(kafka, registry, fullstory, tmp_path)
            env.write_mapping()
            yield env


async def get(bridge: BridgeProcess, path: str) -> tuple[int, str]:
    """Return the response of the status server."""
    await asyncio.to_thread(bridge.wait_until, lambda: bridge.status_url != "", "an address")
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{bridge.status_url}{path}") as response,
    ):
        return response.status, await response.text()


async def wait_for(bridge: BridgeProcess, expected: str, *, exact: bool = False) -> str:
    """Wait until `/readyz?verbose` contains (or equals) `expected`; return the whole text."""
    async with asyncio.timeout(20):
        while True:
            text = (await get(bridge, "/readyz?verbose"))[1]
            if text == expected or (expected in text and not exact):
                return text
            await asyncio.sleep(0.05)


async def test_a_start_during_a_registry_outage_is_visible_and_resumes(env: Environment) -> None:
    """Live and not ready during the outage; ready after it."""
    env.write(KNOWN)
    await env.registry.down()
    with env.run(env.settings()) as bridge:
        text = await wait_for(bridge, "paused: schema registry")
        assert text.startswith("not ready\nstarting: bridge")
        assert await get(bridge, "/livez") == (200, "live\n")
        await env.registry.up()
        assert await wait_for(bridge, "ready\n", exact=True) == "ready\n"
        assert (await get(bridge, "/readyz"))[0] == 200
        status = json.loads((await get(bridge, "/status"))[1])
        assert status["partitions"] == {"paid": [0]}
        [paused] = [line for line in bridge.lines if line["event"] == "paused"]
        assert "avro.registry.url" in paused["fix"]
        [resumed] = [line for line in bridge.lines if line["event"] == "resumed"]
        assert (resumed["component"], resumed["duration_s"] > 0) == ("schema registry", True)
        assert await asyncio.to_thread(bridge.stop) == 0


@pytest.mark.long
async def test_a_topic_that_cannot_be_read_is_paused_until_a_record_of_it_arrives(
    env: Environment,
) -> None:
    """For example, a permission that was revoked and granted again."""
    env.write(KNOWN)
    with env.run(env.settings()) as bridge:
        await env.wait_until_committed(1)
        env.kafka.push_request_errors(FETCH, [KafkaError.TOPIC_AUTHORIZATION_FAILED] * 1_000)
        text = await wait_for(bridge, "paused: kafka topic paid (the topic paid)")
        assert text.startswith("ready, degraded\n")
        env.kafka.clear_request_errors(FETCH)
        env.write(KNOWN)
        await wait_for(bridge, "ready\n", exact=True)
        assert await asyncio.to_thread(bridge.stop) == 0


@pytest.mark.long
async def test_a_kafka_outage_is_paused_and_resumed_even_if_no_record_arrives(
    env: Environment,
) -> None:
    """The client does not report that Kafka is back, and an idle topic does not show it either."""
    env.write(KNOWN)
    with env.run(env.settings()) as bridge:
        await env.wait_until_committed(1)
        env.kafka.broker_down()
        text = await wait_for(bridge, "paused: kafka (everything)")
        assert text.startswith("ready, degraded\n")
        assert await get(bridge, "/livez") == (200, "live\n")
        env.kafka.broker_up()
        await wait_for(bridge, "ready\n", exact=True)
        [resumed] = [line for line in bridge.lines if line["event"] == "resumed"]
        assert resumed["component"] == "kafka"
        assert await asyncio.to_thread(bridge.stop) == 0


async def test_if_no_user_is_known_everything_halts_and_the_process_is_live_and_not_ready(
    env: Environment,
) -> None:
    """The status shows why and how to fix it; SIGTERM ends the process cleanly."""
    env.write(*(f"unregistered {n}" for n in range(200)))
    with env.run(env.settings()) as bridge:
        text = await wait_for(bridge, "halted: everything")
        assert text.startswith("not ready\n")
        assert "nobody_is_known; fix: check that `uid` is the id given to FS.identify" in text
        assert "unregistered" not in text
        assert (await get(bridge, "/readyz"))[0] == 503
        assert await get(bridge, "/livez") == (200, "live\n")
        assert await asyncio.to_thread(bridge.stop) == 0


async def test_with_exit_on_halt_a_full_halt_ends_the_process_cleanly_with_exit_code_3(
    env: Environment,
) -> None:
    """Delivered records are committed; the next process starts at the record that halted."""
    env.write_mapping(on_error="halt")
    env.write(KNOWN, KNOWN)
    with env.run(env.settings(), "--exit-on-halt") as bridge:
        await env.wait_until_accepted(2)
        env.write(NO_USER, KNOWN)
        assert await asyncio.to_thread(bridge.wait) == 3
        halts = [line for line in bridge.lines if line["event"] == "halted"]
        assert [halt["scope"] for halt in halts] == ["the topic paid", "everything"]
        assert bridge.lines[-1]["event"] == "ended"
    assert len(env.fullstory.accepted) == 2
    assert await env.committed() == 2


@pytest.mark.long
async def test_with_exit_on_halt_a_halt_for_unknown_users_ends_the_process_too(
    env: Environment,
) -> None:
    """No user is known: nothing was settled, so nothing is committed."""
    env.write(*(f"unregistered {n}" for n in range(200)))
    with env.run(env.settings(), "--exit-on-halt") as bridge:
        assert await asyncio.to_thread(bridge.wait) == 3
    assert await env.committed() == 0


@pytest.mark.long
async def test_a_halt_of_some_topics_does_not_end_the_process(env: Environment) -> None:
    """It is ready and degraded; other topics continue."""
    env.kafka.create_topic("other", 1)
    mapping = MAPPING["mappings"][0]
    both = [mapping | {"on_error": "halt"}, mapping | {"name": "other", "topics": ["other"]}]
    (env.folder / "paid.yaml").write_text(json.dumps({"format": 1, "mappings": both}))
    env.write(NO_USER)
    with env.run(env.settings(), "--exit-on-halt") as bridge:
        text = await wait_for(bridge, "halted: the topic paid")
        assert text.startswith("ready, degraded\n")
        assert NO_USER not in text.split()
        assert await asyncio.to_thread(bridge.stop) == 0


async def test_a_port_in_use_is_reported_with_its_setting_and_a_fix(env: Environment) -> None:
    """Exit code 2, before anything is read."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        listen = f"127.0.0.1:{other.getsockname()[1]}"
        settings = env.settings(status={"listen": listen})
        with env.run(settings) as bridge:
            assert await asyncio.to_thread(bridge.wait) == 2
            assert bridge.text.startswith(f"status.listen: cannot listen at {listen}: ")
            assert "fix: use a free address" in bridge.text
