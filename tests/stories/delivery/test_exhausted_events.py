"""Records that FullStory can never take, among many that it takes."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from statistics import median

import pytest

from bridge.app.bridge import Bridge
from bridge.app.config import Config, load_config
from bridge.delivery.response_classifier import DeliveryPolicy
from bridge.fullstory.throttle import Throttle
from bridge.kafka.client_keys import KNOWN_KEYS
from bridge.observer import DeadLettered, Fact, Waiting
from bridge.settings.load import load
from tests.integration.running import FullStoryProcess
from tests.stories.conftest import FoundTown, MockKafka
from tests.stories.kafka_fixture import Town, encode

pytestmark = [pytest.mark.real, pytest.mark.story, pytest.mark.faults, pytest.mark.timeout(400)]

GOOD, BAD, BEFORE, A_FEW = 50_000, 256, 10_000, 20
MAX_RATE = 400
AFTER_S, TRIES = 20.0, 5
"""In place of 15 minutes and 10 tries; the waits between the tries are the real ones."""


class Hasty(Bridge):
    """The bridge, but one event is given up sooner; and it tells what is on its way."""

    def __init__(self, config: Config) -> None:
        super().__init__(config, self)
        self.throttle: Throttle | None = None
        self.letters: list[DeadLettered] = []
        self.waited: list[Waiting] = []

    def notify(self, fact: Fact) -> None:
        """Note dead letters and pauses."""
        if isinstance(fact, DeadLettered):
            self.letters.append(fact)
        elif isinstance(fact, Waiting):
            self.waited.append(fact)

    def _policy(self) -> DeliveryPolicy:
        return replace(super()._policy(), exhausted_after_s=AFTER_S, exhausted_tries=TRIES)

    def _throttle(self) -> Throttle:
        self.throttle = super()._throttle()
        return self.throttle


async def test_256_records_that_always_get_a_500_slow_down_nobody_and_end_as_exhausted(
    mock_kafka: MockKafka, found_town: FoundTown
) -> None:
    """They wait for their next tries beside the others, without a slot."""
    # Given a bridge that sends good records as fast as it may
    town = await asyncio.to_thread(found_town, mock_kafka)
    town.settings["fullstory"] = {"max_rate": MAX_RATE}
    town.fullstory.turn(failing="bad:", latency_s=0.02)
    await asyncio.to_thread(town.write, BEFORE)
    async with _at_work(town) as bridge:
        without = await _per_s(town.fullstory, 1_000, BEFORE)

        # When 256 of 50,000 more can never be delivered
        await asyncio.to_thread(_write_bad_among_good, town)
        before = await _accepted(town.fullstory)
        begun_s = time.monotonic()
        in_flight = []
        while (accepted := await _accepted(town.fullstory)) < BEFORE + GOOD:
            assert bridge.throttle is not None
            in_flight.append(bridge.throttle.in_flight)
            await asyncio.sleep(0.2)
        beside = (accepted - before) / (time.monotonic() - begun_s)
        took_s = time.monotonic() - begun_s

        # Then the good ones flow as before, and the bad ones end by themselves: all, as long as
        # there are others beside them
        while len(bridge.letters) < BAD:
            await asyncio.to_thread(town.write, A_FEW)
            await asyncio.sleep(0.2)
        await asyncio.to_thread(town.wait_until_all_is_committed)
    refused = (await asyncio.to_thread(town.fullstory.counts))["answers"]["500"]
    print(  # noqa: T201
        f"\nwithout {without:.0f}/s, beside the bad ones {beside:.0f}/s for {took_s:.0f} s;"
        f" {refused} tries of bad ones; {median(in_flight):.0f} in flight"
    )
    assert beside >= 0.9 * without
    assert median(in_flight) < BAD / 8
    assert {(one.stage, one.reason) for one in bridge.letters} == {("send", "exhausted")}
    assert len({one.place for one in bridge.letters}) == len(bridge.letters) == BAD
    assert bridge.waited == []
    arrived = town.arrived()
    assert len(arrived) == town.written - BAD
    assert set(arrived.values()) == {1}


@asynccontextmanager
async def _at_work(town: Town) -> AsyncIterator[Hasty]:
    bridge = Hasty(load_config(load(town.write_settings(), {}, known_kafka_keys=KNOWN_KEYS)))
    running = asyncio.create_task(bridge.run())
    try:
        yield bridge
        assert not running.done()
    finally:
        bridge.stop()
        await running


def _write_bad_among_good(town: Town) -> None:
    """Evenly spread; the window of work meets each of them in turn."""
    first, count, each = town.written, GOOD + BAD, (GOOD + BAD) // BAD
    bad = set(range(first, first + BAD * each, each))
    values: list[bytes | None] = [
        encode(town.schema_id, n, f"bad:{n}" if n in bad else f"usr:{n % 97}")
        for n in range(first, first + count)
    ]
    for partition in range(4):
        town.kafka.produce(town.topic, values[partition::4], partition=partition)
    town.written += count


async def _per_s(fullstory: FullStoryProcess, first: int, last: int) -> float:
    """How many a second are accepted between these counts."""
    begun = await _at_least(fullstory, first)
    begun_s = time.monotonic()
    ended = await _at_least(fullstory, last)
    return (ended - begun) / (time.monotonic() - begun_s)


async def _at_least(fullstory: FullStoryProcess, count: int) -> int:
    """Wait until so many are accepted; how many it were then."""
    while (accepted := await _accepted(fullstory)) < count:  # noqa: ASYNC110  (another process)
        await asyncio.sleep(0.1)
    return accepted


async def _accepted(fullstory: FullStoryProcess) -> int:
    return int((await asyncio.to_thread(fullstory.counts))["accepted"])
