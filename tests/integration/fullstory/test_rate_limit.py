"""The pace in real time: a token bucket behind real sockets, 90 seconds."""

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


class Answers:
    """An observer that counts answers by status; accepted events are added by who sends them."""

    def __init__(self) -> None:
        self.by_status: dict[int, int] = {}

    def notify(self, fact: Fact) -> None:
        """Count an answer."""
        if isinstance(fact, Answered):
            self.by_status[fact.status] = self.by_status.get(fact.status, 0) + 1


@pytest.mark.long
@pytest.mark.timeout(150)
async def test_in_real_time_it_takes_four_fifths_of_a_limit_that_changes(tmp_path: Path) -> None:
    """100, 40 and 100 a second, 30 s each, without the limit known and with it."""
    results = await asyncio.gather(
        *[_measure(tmp_path / name, max_rate) for name, max_rate in (("a", None), ("b", 98.0))]
    )
    possible = sum(BURST + limit * PHASE_S for limit in LIMITS)  # each limit begins full
    for max_rate, answers in zip(("unknown", "98"), results, strict=True):
        accepted, refused = answers.by_status.get(200, 0), answers.by_status.get(429, 0)
        share, part = accepted / possible, refused / (accepted + refused)
        print(f"\nmax_rate {max_rate}: {share:.3f} accepted, {refused} 429s ({part:.2%})")  # noqa: T201
        assert share >= 0.80
        assert part <= 0.01


async def _measure(folder: Path, max_rate: float | None) -> Answers:
    await asyncio.to_thread(folder.mkdir)
    answers = Answers()
    with FullStoryProcess(folder) as fullstory:
        await _turn(fullstory, limit={"rate": LIMITS[0], "burst": BURST}, latency_s=ROUND_TRIP_S)
        async with Client(ClientOptions(fullstory.url, lambda: KEY)) as client:
            sending = asyncio.create_task(_send_without_end(client, max_rate, answers))
            for limit in LIMITS[1:]:
                await asyncio.sleep(PHASE_S)
                await _turn(fullstory, limit={"rate": limit, "burst": BURST})
            await asyncio.sleep(PHASE_S)
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
    return answers


async def _turn(fullstory: FullStoryProcess, **knobs: Any) -> None:
    await asyncio.to_thread(lambda: fullstory.turn(**knobs))


async def _send_without_end(client: Client, max_rate: float | None, answers: Answers) -> None:
    throttle = Throttle(
        in_flight_max=256, unacknowledged_max=1000, now_s=time.monotonic, max_rate=max_rate
    )
    sender = FullStorySender(
        client, throttle, DeliveryPolicy(), answers, now_s=time.monotonic, chance=random.random
    )
    assignment = Assignment("t", 0)

    async def work() -> None:
        while True:
            await sender.send(REQUEST, "m", assignment, events=1)
            answers.by_status[200] = answers.by_status.get(200, 0) + 1
            throttle.acknowledged(1)

    await asyncio.gather(*[work() for _ in range(300)])
