"""The status server over a real socket: responses for an orchestrator and for a person."""

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

STARTED_AT = 1_800_000_000.0
"""The wall-clock time of the start: 2027-01-15T08:00:00Z."""


class Status:
    """A status server on a free port, with manual clocks."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.counts = Counts()
        self.conditions = Conditions(lambda: self.now_s)
        self.observers = ObserverGroup(self.counts, self.conditions)
        self.facts: list[Fact] = []
        self.server = self.listen_at(("127.0.0.1", 0))

    def listen_at(self, address: tuple[str, int]) -> StatusServer:
        """Create a server at an address."""
        return StatusServer(
            address,
            self.counts,
            self.conditions,
            self,
            now_s=lambda: self.now_s,
            clock=lambda: STARTED_AT + self.now_s - 100.0,
        )

    def notify(self, fact: Fact) -> None:
        """Record a fact from the server itself."""
        self.facts.append(fact)

    def send(self, *facts: Fact) -> None:
        """Send facts from the bridge."""
        for fact in facts:
            self.observers.notify(fact)

    async def get(self, path: str) -> tuple[int, str]:
        """Return status and text of a response, and check that it must not be cached."""
        url = f"{self.server.url}{path}"
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            assert response.headers["Cache-Control"] == "no-store"
            return response.status, await response.text()

    async def read(self) -> dict[str, Any]:
        """Return the status as JSON."""
        url = f"{self.server.url}/status"
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            assert (response.status, response.content_type) == (200, "application/json")
            data: dict[str, Any] = await response.json()
            return data


@pytest.fixture
async def status() -> AsyncIterator[Status]:
    """A running status server."""
    status = Status()
    async with status.server:
        yield status


async def test_a_starting_bridge_is_live_and_not_ready_and_shows_what_it_waits_for(
    status: Status,
) -> None:
    """From the first moment on."""
    assert await status.get("/livez") == (200, "live\n")
    assert await status.get("/readyz") == (503, "not ready\n")
    status.now_s += 5
    status.send(Waiting("kafka", "no broker\nanswers"))
    status.now_s += 30
    code, text = await status.get("/readyz?verbose")
    first, starting, paused = text.splitlines()
    assert (code, first) == (503, "not ready")
    assert starting.startswith("starting: bridge (everything) since 2027-01-15T08:00:00Z (35 s): ")
    assert paused.startswith(
        "paused: kafka (everything) since 2027-01-15T08:00:05Z (30 s): no broker answers; fix: "
    )


async def test_a_running_bridge_is_ready_and_during_an_outage_degraded(status: Status) -> None:
    """Otherwise a FullStory outage would block a rollout."""
    status.send(PollLoopTick(), Assigned([("t", 0)]))
    assert await status.get("/readyz") == (200, "ready\n")
    assert await status.get("/readyz?verbose") == (200, "ready\n")
    status.send(Waiting("fullstory", "status_503"))
    assert await status.get("/readyz") == (200, "ready, degraded\n")
    status.send(Waiting("fullstory", "key_refused"))
    assert await status.get("/readyz") == (503, "not ready\n")
    _, text = await status.get("/readyz?verbose")
    assert "fix: set `fullstory.key` to a key that may write events" in text


async def test_a_halt_is_shown_with_its_owner(status: Status) -> None:
    """One line per halt, without repetition."""
    status.send(PollLoopTick(), Assigned([("t", 0)]))
    status.send(HaltedScope("the topic t", "invalid_uid", "change it", "the shop"))
    code, text = await status.get("/readyz?verbose")
    line = "halted: the topic t since 2027-01-15T08:00:00Z (0 s): invalid_uid; fix: change it"
    assert (code, text) == (200, f"ready, degraded\n{line}; ask: the shop\n")
    status.send(HaltedScope(EVERY_TOPIC, "nobody_is_known", "ask"))
    assert (await status.get("/readyz"))[0] == 503
    assert (await status.get("/livez"))[0] == 200


async def test_a_process_with_a_stuck_poll_thread_is_not_live(status: Status) -> None:
    """Only a restart helps."""
    status.send(PollLoopTick())
    status.now_s += 61
    assert await status.get("/livez") == (503, "not live: the poll thread is stuck\n")
    assert (await status.read())["live"] is False


async def test_the_status_has_counts_conditions_and_partitions(status: Status) -> None:
    """This is the complete content."""
    status.send(
        PollLoopTick(), Assigned([("u", 3), ("t", 10), ("t", 9)]), Polled(5), Delivered("m", 1)
    )
    status.send(HaltedScope("the topic t", "invalid_uid", "change it", "the shop"))
    status.now_s += 1.25
    content = await status.read()
    assert re.fullmatch(r"\d+\.\d+.*", content.pop("version"))
    assert content == {
        "live": True,
        "readiness": "degraded",
        "conditions": [
            {
                "component": "the topic t",
                "state": "halted",
                "scope": "the topic t",
                "since": "2027-01-15T08:00:00Z",
                "for_s": 1.2,
                "why": "invalid_uid",
                "fix": "change it",
                "owner": "the shop",
                "ready": True,
            }
        ],
        "partitions": {"t": [9, 10], "u": [3]},
        "counts": {"polled": 5, "delivered": 1, "halted": ["the topic t"]},
    }


async def test_there_are_no_other_paths_and_no_writes(status: Status) -> None:
    """The server is read-only."""
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{status.server.url}/") as response:
            assert response.status == 404
        async with session.post(f"{status.server.url}/status") as response:
            assert response.status == 405


async def test_the_address_is_reported_once(status: Status) -> None:
    """With the actual port if the setting is port 0."""
    assert status.facts == [Info(f"status server listens at {status.server.url}/status")]
    assert re.fullmatch(r"http://127\.0\.0\.1:[1-9]\d*", status.server.url)


async def test_an_address_in_use_is_refused_with_its_name_and_a_fix(status: Status) -> None:
    """Two bridges on one machine need two addresses."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(SetupError) as error:
            async with status.listen_at(("127.0.0.1", port)):
                pass
    first, second = str(error.value).splitlines()
    assert first.startswith(f"status.listen: cannot listen at 127.0.0.1:{port}: ")
    assert "in use" in first
    assert second.startswith("    fix: use a free address of this machine")


async def test_the_address_is_free_again_after_shutdown(status: Status) -> None:
    """A response that a client still reads does not delay shutdown."""
    address = ("127.0.0.1", int(status.server.url.rpartition(":")[2]))
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{status.server.url}/livez") as response:
            assert response.status == 200
        await status.server.__aexit__(None, None, None)
    async with status.listen_at(address) as again:
        assert again.url == status.server.url
