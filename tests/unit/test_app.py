"""Startup and shutdown of the bridge: what it waits for, and that it stops."""

import asyncio
from pathlib import Path

import pytest

from bridge.app.bridge import Bridge
from bridge.errors import Unavailable
from bridge.observer import Draining, Fact, Resumed, Waiting
from tests.unit.test_config import BY_NAME, config
from tests.unit.virtual_time import run


class Start:
    """A starting bridge, its facts, and a dependency that answers the fourth request."""

    def __init__(self, folder: Path) -> None:
        self.facts: list[Fact] = []
        self.bridge = Bridge(config(folder, [BY_NAME]), self)
        self.requests = 0

    def notify(self, fact: Fact) -> None:
        """Record a fact."""
        self.facts.append(fact)

    async def request(self) -> str:
        """Fail three times, then answer."""
        self.requests += 1
        if self.requests < 4:
            raise Unavailable("no answer")
        return "here"


def test_an_outage_at_startup_is_reported_once_and_so_is_its_end(
    tmp_path: Path,
) -> None:
    """However many requests fail."""

    async def story() -> None:
        start = Start(tmp_path)
        assert await start.bridge._retry("kafka", start.request) == "here"
        assert start.facts == [Waiting("kafka", "no answer"), Resumed("kafka")]
        start.facts.clear()
        assert await start.bridge._retry("kafka", start.request) == "here"
        assert start.facts == []

    run(story())


def test_a_bridge_that_is_stopped_during_an_outage_does_not_report_a_recovery(
    tmp_path: Path,
) -> None:
    """It reports draining once, even if it is stopped twice."""

    async def story() -> None:
        start = Start(tmp_path)
        waiting = asyncio.create_task(start.bridge._retry("kafka", start.request))
        await asyncio.sleep(0.5)
        start.bridge.stop()
        start.bridge.stop()
        assert await waiting is None
        assert start.facts == [Waiting("kafka", "no answer"), Draining()]

    run(story())


def test_a_stopping_bridge_requests_no_cluster_metadata(
    tmp_path: Path,
) -> None:
    """A request may take five seconds, and shutdown would wait for it."""

    async def story() -> None:
        start = Start(tmp_path)
        start.bridge.stop()
        with pytest.raises(Unavailable, match="stopping"):
            await start.bridge._describe_cluster()

    run(story())
