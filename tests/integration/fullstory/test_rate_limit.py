"""The rate limit in real time against a token bucket behind real sockets: 90 seconds."""

import asyncio
import random
import time
from pathlib import Path
from typing import Any

import pytest

from bridge.delivery.response_classifier import DeliveryPolicy
from bridge.fullstory.client import Client, ClientOptions
from bridge.fullstory.requests.request import Request
from bridge.fullstory.sender import FullStorySender
from bridge.fullstory.throttle import Throttle
from bridge.observer import Answered, Fact
from bridge.records import Assignment
from tests.integration.running import KEY, FullStoryProcess

LIMITS = (100, 40, 100)
PHASE_S = 30.0
BURST = 50
ROUND_TRIP_S = 0.05
REQUEST = Request("POST", "/users/v1/individual/u/customevent", b'{"event":{"event_name":"x"}}')


class ResponseCounter:
    """Counts responses by status; the sender adds accepted events."""

    def __init__(self) -> None:
        self.by_status: dict[int, int] = {}

    def notify(self, fact: Fact) -> None:
        """Count a response."""
        if isinstance(fact, Answered):
            self.by_status[fact.status] = self.by_status.get(fact.status, 0) + 1


@pytest.mark.long
@pytest.mark.timeout(150)
async def test_in_real_time_it_uses_80_percent_of_a_changing_limit(tmp_path: Path) -> None:
    """100, 40 and 100 events per second for 30 s each, with and without a given rate."""
    results = await asyncio.gather(
        *[_measure(tmp_path / name, max_rate) for name, max_rate in (("a", None), ("b", 98.0))]
    )
    possible = sum(BURST + limit * PHASE_S for limit in LIMITS)  # each bucket starts full
    for max_rate, counter in zip(("unknown", "98"), results, strict=True):
        accepted, refused = counter.by_status.get(200, 0), counter.by_status.get(429, 0)
        share, part = accepted / possible, refused / (accepted + refused)
        print(f"\nmax_rate {max_rate}: {share:.3f} accepted, {refused} 429s ({part:.2%})")  # noqa: T201
        assert share >= 0.80
        assert part <= 0.01


async def _measure(folder: Path, max_rate: float | None) -> ResponseCounter:
    await asyncio.to_thread(folder.mkdir)
    counter = ResponseCounter()
    with FullStoryProcess(folder) as fullstory:
        await _configure(
            fullstory, limit={"rate": LIMITS[0], "burst": BURST}, latency_s=ROUND_TRIP_S
        )
        async with Client(ClientOptions(fullstory.url, lambda: KEY)) as client:
            sending = asyncio.create_task(_send_continuously(client, max_rate, counter))
            for limit in LIMITS[1:]:
                await asyncio.sleep(PHASE_S)
                await _configure(fullstory, limit={"rate": limit, "burst": BURST})
            await asyncio.sleep(PHASE_S)
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
    return counter


async def _configure(fullstory: FullStoryProcess, **options: Any) -> None:
    await asyncio.to_thread(lambda: fullstory.configure(**options))


async def _send_continuously(
    client: Client, max_rate: float | None, counter: ResponseCounter
) -> None:
    throttle = Throttle(
        in_flight_max=256, duplicate_budget=1000, now_s=time.monotonic, max_rate=max_rate
    )
    sender = FullStorySender(
        client, throttle, DeliveryPolicy(), counter, now_s=time.monotonic, chance=random.random
    )
    assignment = Assignment("t", 0)

    async def work() -> None:
        while True:
            await sender.send_first(REQUEST, "m", assignment, events=1)
            counter.by_status[200] = counter.by_status.get(200, 0) + 1
            throttle.acknowledged(1)

    await asyncio.gather(*[work() for _ in range(300)])
