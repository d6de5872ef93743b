"""The status over a real socket: what an orchestrator and a person get."""

import re
import socket
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from bridge.errors import SetupError
from bridge.observer import (
    EVERY_TOPIC,
    Assigned,
    Delivered,
    Fact,
    HaltedScope,
    Info,
    ObserverGroup,
    Polled,
    PollLoopTick,
    Waiting,
)
from bridge.status.conditions import Conditions
from bridge.status.counts import Counts
from bridge.status.server import StatusServer

EIGHT = 1_800_000_000.0
"""A time of the wall's clock: 2027-01-15T08:00:00Z."""


class Place:
    """A status server on a free port, whose clocks stand still unless they are moved."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.counts = Counts()
        self.conditions = Conditions(lambda: self.now_s)
        self.everybody = ObserverGroup(self.counts, self.conditions)
        self.facts: list[Fact] = []
        self.server = self.at(("127.0.0.1", 0))

    def at(self, address: tuple[str, int]) -> StatusServer:
        """A server at an address."""
        return StatusServer(
            address,
            self.counts,
            self.conditions,
            self,
            now_s=lambda: self.now_s,
            clock=lambda: EIGHT + self.now_s - 100.0,
        )

    def notify(self, fact: Fact) -> None:
        """What the server itself has to say."""
        self.facts.append(fact)

    def told(self, *facts: Fact) -> None:
        """What happens in the bridge."""
        for fact in facts:
            self.everybody.notify(fact)

    async def ask(self, path: str) -> tuple[int, str]:
        """Status and text of an answer, which nobody may keep."""
        url = f"{self.server.url}{path}"
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            assert answer.headers["Cache-Control"] == "no-store"
            return answer.status, await answer.text()

    async def read(self) -> dict[str, Any]:
        """The status as JSON."""
        url = f"{self.server.url}/status"
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            assert (answer.status, answer.content_type) == (200, "application/json")
            data: dict[str, Any] = await answer.json()
            return data


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    """A place whose server listens."""
    place = Place()
    async with place.server:
        yield place


async def test_a_start_is_live_and_not_ready_and_says_what_it_waits_for(place: Place) -> None:
    """From the first moment on."""
    assert await place.ask("/livez") == (200, "live\n")
    assert await place.ask("/readyz") == (503, "not ready\n")
    place.now_s += 5
    place.told(Waiting("kafka", "no broker\nanswers"))
    place.now_s += 30
    status, text = await place.ask("/readyz?verbose")
    first, starting, paused = text.splitlines()
    assert (status, first) == (503, "not ready")
    assert starting.startswith("starting: bridge (everything) since 2027-01-15T08:00:00Z (35 s): ")
    assert paused.startswith(
        "paused: kafka (everything) since 2027-01-15T08:00:05Z (30 s): no broker answers; cure: "
    )


async def test_a_bridge_at_work_is_ready_and_an_outage_degrades_it_only(place: Place) -> None:
    """Else a rollout would stall for as long as FullStory is away."""
    place.told(PollLoopTick(), Assigned([("t", 0)]))
    assert await place.ask("/readyz") == (200, "ready\n")
    assert await place.ask("/readyz?verbose") == (200, "ready\n")
    place.told(Waiting("fullstory", "status_503"))
    assert await place.ask("/readyz") == (200, "ready, degraded\n")
    place.told(Waiting("fullstory", "key_refused"))
    assert await place.ask("/readyz") == (503, "not ready\n")
    _, text = await place.ask("/readyz?verbose")
    assert "cure: give `fullstory.key` a key that may write events" in text


async def test_a_halt_is_told_with_whom_to_ask(place: Place) -> None:
    """One line for each; nothing is said twice in it."""
    place.told(PollLoopTick(), Assigned([("t", 0)]))
    place.told(HaltedScope("the topic t", "invalid_uid", "mend it", "the shop"))
    status, text = await place.ask("/readyz?verbose")
    line = "halted: the topic t since 2027-01-15T08:00:00Z (0 s): invalid_uid; cure: mend it"
    assert (status, text) == (200, f"ready, degraded\n{line}; ask: the shop\n")
    place.told(HaltedScope(EVERY_TOPIC, "nobody_is_known", "ask"))
    assert (await place.ask("/readyz"))[0] == 503
    assert (await place.ask("/livez"))[0] == 200


async def test_a_poll_thread_that_stands_still_is_not_live(place: Place) -> None:
    """Then a restart mends something."""
    place.told(PollLoopTick())
    place.now_s += 61
    assert await place.ask("/livez") == (503, "not live: the poll thread stands still\n")
    assert (await place.read())["live"] is False


async def test_the_status_tells_counts_conditions_and_partitions(place: Place) -> None:
    """In full: what is not listed here is not told."""
    place.told(
        PollLoopTick(), Assigned([("u", 3), ("t", 10), ("t", 9)]), Polled(5), Delivered("m", 1)
    )
    place.told(HaltedScope("the topic t", "invalid_uid", "mend it", "the shop"))
    place.now_s += 1.25
    told = await place.read()
    assert re.fullmatch(r"\d+\.\d+.*", told.pop("version"))
    assert told == {
        "live": True,
        "readiness": "degraded",
        "conditions": [
            {
                "what": "the topic t",
                "state": "halted",
                "scope": "the topic t",
                "since": "2027-01-15T08:00:00Z",
                "for_s": 1.2,
                "why": "invalid_uid",
                "fix": "mend it",
                "owner": "the shop",
                "ready": True,
            }
        ],
        "partitions": {"t": [9, 10], "u": [3]},
        "counts": {"polled": 5, "delivered": 1, "halted": ["the topic t"]},
    }


async def test_there_is_nothing_else_and_nothing_can_be_changed(place: Place) -> None:
    """It only tells."""
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{place.server.url}/") as answer:
            assert answer.status == 404
        async with session.post(f"{place.server.url}/status") as answer:
            assert answer.status == 405


async def test_where_it_is_told_is_said_once(place: Place) -> None:
    """With the port that was free, where any would do."""
    assert place.facts == [Info(f"the status is told at {place.server.url}/status")]
    assert re.fullmatch(r"http://127\.0\.0\.1:[1-9]\d*", place.server.url)


async def test_an_address_that_is_taken_is_refused_with_its_name_and_cure(place: Place) -> None:
    """Two bridges on one machine need two of them."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SetupError) as told:
            async with place.at(("127.0.0.1", port)):
                pass
    first, second = str(told.value).splitlines()
    assert first.startswith(f"status.listen: nothing can listen at 127.0.0.1:{port}: ")
    assert "in use" in first
    assert second.startswith("    cure: name a free address of this machine")


async def test_the_address_is_free_again_after_the_end(place: Place) -> None:
    """An answer that somebody still reads does not hold up the end."""
    address = ("127.0.0.1", int(place.server.url.rpartition(":")[2]))
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{place.server.url}/livez") as answer:
            assert answer.status == 200
        await place.server.__aexit__(None, None, None)
    async with place.at(address) as again:
        assert again.url == place.server.url
