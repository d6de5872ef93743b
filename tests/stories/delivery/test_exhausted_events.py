"""Records that FullStory never accepts, among many that it accepts."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from statistics import median

import pytest

from bridge.app.bridge import Bridge
from bridge.app.config import Config, load_config
from bridge.app.variation import Variation
from bridge.delivery.response_classifier import DeliveryPolicy
from bridge.fullstory.throttle import Throttle
from bridge.kafka.client_keys import KNOWN_KEYS
from bridge.observer import DeadLettered, Fact, Waiting
from bridge.settings.load import load
from tests.integration.running import FullStoryProcess
from tests.stories.conftest import MakeCluster, MockKafka
from tests.stories.kafka_fixture import ClusterFixture, encode

pytestmark = [pytest.mark.real, pytest.mark.story, pytest.mark.faults, pytest.mark.timeout(400)]

GOOD, BAD, WARM_UP, A_FEW = 50_000, 256, 10_000, 20
MAX_RATE = 400
AFTER_S, TRIES = 20.0, 5
"""Instead of 15 minutes and 10 tries; the backoff between the tries is the real one."""


class FastExhaustionBridge(Bridge):
    """The bridge with earlier exhaustion; it records dead letters, pauses and its throttle."""

    def __init__(self, config: Config) -> None:
        super().__init__(config, self, Variation(policy=_exhaust_early))
        self.throttle: Throttle | None = None
        self.dead_letters: list[DeadLettered] = []
        self.waited: list[Waiting] = []

    def notify(self, fact: Fact) -> None:
        """Record dead letters and pauses."""
        if isinstance(fact, DeadLettered):
            self.dead_letters.append(fact)
        elif isinstance(fact, Waiting):
            self.waited.append(fact)

    def _throttle(self) -> Throttle:
        self.throttle = super()._throttle()
        return self.throttle


def _exhaust_early(policy: DeliveryPolicy) -> DeliveryPolicy:
    return replace(policy, exhausted_after_s=AFTER_S, exhausted_tries=TRIES)


async def test_256_records_that_always_get_a_500_do_not_slow_down_others_and_are_exhausted(
    mock_kafka: MockKafka, make_cluster: MakeCluster
) -> None:
    """While they wait for their next try, they do not use in-flight slots."""
    # Given a bridge that sends good records at its full rate
    cluster = await asyncio.to_thread(make_cluster, mock_kafka)
    cluster.settings["fullstory"] = {"max_rate": MAX_RATE}
    cluster.fullstory.configure(failing="bad:", latency_s=0.02)
    await asyncio.to_thread(cluster.write, WARM_UP)
    async with _running_bridge(cluster) as bridge:
        without = await _per_s(cluster.fullstory, 1_000, WARM_UP)

        # When 256 among 50,000 further records can never be delivered
        await asyncio.to_thread(_write_bad_among_good, cluster)
        before = await _accepted(cluster.fullstory)
        started_s = time.monotonic()
        in_flight = []
        while (accepted := await _accepted(cluster.fullstory)) < WARM_UP + GOOD:
            assert bridge.throttle is not None
            in_flight.append(bridge.throttle.in_flight)
            await asyncio.sleep(0.2)
        together = (accepted - before) / (time.monotonic() - started_s)
        took_s = time.monotonic() - started_s

        # Then the good ones are sent at the same rate, and all bad ones are exhausted as long as
        # other records arrive
        while len(bridge.dead_letters) < BAD:
            await asyncio.to_thread(cluster.write, A_FEW)
            await asyncio.sleep(0.2)
        await asyncio.to_thread(cluster.wait_until_all_is_committed)
    failed = (await asyncio.to_thread(cluster.fullstory.counts))["answers"]["500"]
    print(  # noqa: T201
        f"\nwithout bad ones {without:.0f}/s, with bad ones {together:.0f}/s for {took_s:.0f} s;"
        f" {failed} tries of bad ones; {median(in_flight):.0f} in flight"
    )
    assert together >= 0.9 * without
    assert median(in_flight) < BAD / 8
    assert {(one.stage, one.reason) for one in bridge.dead_letters} == {("send", "exhausted")}
    assert len({one.place for one in bridge.dead_letters}) == len(bridge.dead_letters) == BAD
    assert bridge.waited == []
    arrived = cluster.arrived()
    assert len(arrived) == cluster.written - BAD
    assert set(arrived.values()) == {1}


@asynccontextmanager
async def _running_bridge(cluster: ClusterFixture) -> AsyncIterator[FastExhaustionBridge]:
    bridge = FastExhaustionBridge(
        load_config(load(cluster.write_settings(), {}, known_kafka_keys=KNOWN_KEYS))
    )
    running = asyncio.create_task(bridge.run())
    try:
        yield bridge
        assert not running.done()
    finally:
        bridge.stop()
        await running


def _write_bad_among_good(cluster: ClusterFixture) -> None:
    """Write the bad records evenly spread among the good ones."""
    first, count, each = cluster.written, GOOD + BAD, (GOOD + BAD) // BAD
    bad = set(range(first, first + BAD * each, each))
    values: list[bytes | None] = [
        encode(cluster.schema_id, n, f"bad:{n}" if n in bad else f"usr:{n % 97}")
        for n in range(first, first + count)
    ]
    for partition in range(4):
        cluster.kafka.produce(cluster.topic, values[partition::4], partition=partition)
    cluster.written += count


async def _per_s(fullstory: FullStoryProcess, first: int, last: int) -> float:
    """Events accepted per second between these counts."""
    begun = await _at_least(fullstory, first)
    started_s = time.monotonic()
    ended = await _at_least(fullstory, last)
    return (ended - begun) / (time.monotonic() - started_s)


async def _at_least(fullstory: FullStoryProcess, count: int) -> int:
    """Wait until at least `count` events are accepted; returns the actual count."""
    while (accepted := await _accepted(fullstory)) < count:  # noqa: ASYNC110  (another process)
        await asyncio.sleep(0.1)
    return accepted


async def _accepted(fullstory: FullStoryProcess) -> int:
    return int((await asyncio.to_thread(fullstory.counts))["accepted"])
