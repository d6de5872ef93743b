"""The bridge before and after its path: what it waits for at its start, and that it ends."""

import asyncio
from pathlib import Path

import pytest

from bridge.app.bridge import Bridge
from bridge.errors import Unavailable
from bridge.observer import Draining, Fact, Resumed, Waiting
from tests.unit.test_config import BY_NAME, config
from tests.unit.virtual_time import run


class Start:
    """A bridge that begins, what it told, and a neighbour that answers the fourth question."""

    def __init__(self, folder: Path) -> None:
        self.facts: list[Fact] = []
        self.bridge = Bridge(config(folder, [BY_NAME]), self)
        self.asked = 0

    def notify(self, fact: Fact) -> None:
        """Note a fact."""
        self.facts.append(fact)

    async def ask(self) -> str:
        """No answer, three times."""
        self.asked += 1
        if self.asked < 4:
            raise Unavailable("no answer")
        return "here"


def test_a_neighbour_that_is_waited_for_at_the_start_is_told_once_and_its_answer_too(
    tmp_path: Path,
) -> None:
    """However often it is asked."""

    async def story() -> None:
        start = Start(tmp_path)
        assert await start.bridge._answer("kafka", start.ask) == "here"
        assert start.facts == [Waiting("kafka", "no answer"), Resumed("kafka")]
        start.facts.clear()
        assert await start.bridge._answer("kafka", start.ask) == "here"
        assert start.facts == []

    run(story())


def test_a_bridge_that_is_stopped_while_it_waits_does_not_say_that_it_was_answered(
    tmp_path: Path,
) -> None:
    """It drains, which is told once; a second request is no second end."""

    async def story() -> None:
        start = Start(tmp_path)
        waiting = asyncio.create_task(start.bridge._answer("kafka", start.ask))
        await asyncio.sleep(0.5)
        start.bridge.stop()
        start.bridge.stop()
        assert await waiting is None
        assert start.facts == [Waiting("kafka", "no answer"), Draining()]

    run(story())


def test_kafka_is_not_asked_about_itself_any_more_once_the_bridge_is_to_stop(
    tmp_path: Path,
) -> None:
    """A question may take five seconds, and the end would wait for its answer."""

    async def story() -> None:
        start = Start(tmp_path)
        start.bridge.stop()
        with pytest.raises(Unavailable, match="stopping"):
            await start.bridge._look()

    run(story())
