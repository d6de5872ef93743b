"""That Kafka answers again is told once for each spell, on good grounds only."""

import asyncio
from collections.abc import Callable, Sequence

import pytest

from bridge.errors import Unavailable
from bridge.kafka.consumer.connection_monitor import ASK_EVERY_S, ConnectionMonitor
from bridge.observer import (
    Assigned,
    Committed,
    Delivered,
    Fact,
    Polled,
    PollLoopTick,
    RecordsFiltered,
    RecordsSettled,
    Resumed,
    Revoked,
    Waiting,
)
from tests.unit.virtual_time import run, settle_down

DOWN = Waiting("kafka", "down")
NO_RIGHT = Waiting("kafka topic t", "not authorized")


class Desk:
    """A recovery that asks a Kafka which answers as `answers` says, and what it told."""

    def __init__(self, answers: Callable[[], bool] = lambda: False) -> None:
        self._answers = answers
        self.asked = 0
        self.told: list[Fact] = []
        self.recovery = ConnectionMonitor(self._ask, self)

    def notify(self, fact: Fact) -> None:
        """Note a fact."""
        self.told.append(fact)

    async def _ask(self) -> None:
        self.asked += 1
        await asyncio.sleep(1)
        if not self._answers():
            raise Unavailable("no answer")

    async def hear(self, *facts: Fact) -> list[Fact]:
        """What it tells when it hears of these."""
        self.told.clear()
        for fact in facts:
            self.recovery.notify(fact)
        await settle_down()
        return list(self.told)


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ([Committed([("t", 0)])], []),
        ([Assigned([("t", 0)])], []),
        ([DOWN, Polled(5), Delivered("m", 1), PollLoopTick(), RecordsSettled("t", "sent")], []),
        ([DOWN, Revoked([("t", 0)], True)], []),
        ([Waiting("fullstory", "timeout"), Committed([("t", 0)])], []),
        ([DOWN, Committed([("t", 0)])], [Resumed("kafka")]),
        ([DOWN, Assigned([("t", 0)])], [Resumed("kafka")]),
        ([DOWN, DOWN, Committed([("t", 0)]), Committed([("t", 0)])], [Resumed("kafka")]),
        ([DOWN, Committed([("t", 0)]), DOWN], [Resumed("kafka")]),
    ],
)
def test_a_commit_or_an_assignment_ends_a_spell_and_records_that_were_fetched_do_not(
    facts: Sequence[Fact], told: list[Fact]
) -> None:
    """What was fetched before the trouble goes on coming after it."""

    async def story() -> None:
        desk = Desk()
        assert await desk.hear(*facts) == told
        await desk.recovery.close()

    run(story())


def test_where_nothing_is_to_be_committed_kafka_is_asked_until_it_answers() -> None:
    """Every few seconds, and no longer than it is waited for."""

    async def story() -> None:
        loop = asyncio.get_running_loop()
        desk = Desk(lambda: loop.time() > 60)
        assert await desk.hear(DOWN) == []
        await asyncio.sleep(55)
        assert desk.told == []
        assert desk.asked == 1 + 55 // (1 + ASK_EVERY_S)
        await asyncio.sleep(60)
        assert desk.told == [Resumed("kafka")]
        asked = desk.asked
        await asyncio.sleep(60)
        assert desk.asked == asked
        assert await desk.hear(DOWN, DOWN) == []
        await asyncio.sleep(2)
        assert desk.told == [Resumed("kafka")]
        await desk.recovery.close()

    run(story())


def test_an_answer_to_a_question_asked_before_the_trouble_counts_for_nothing() -> None:
    """The trouble is the newer one."""

    async def story() -> None:
        desk = Desk(lambda: True)
        await desk.hear(DOWN)
        await asyncio.sleep(0.5)
        await desk.hear(DOWN)
        await asyncio.sleep(1)
        assert desk.told == []
        await asyncio.sleep(ASK_EVERY_S + 1)
        assert desk.told == [Resumed("kafka")]
        await desk.recovery.close()

    run(story())


@pytest.mark.parametrize("end", [RecordsSettled("t", "sent"), RecordsFiltered("t")])
def test_a_topic_can_be_read_again_when_a_record_of_it_came_to_its_end(end: Fact) -> None:
    """Of this topic, once; a commit says nothing of it."""

    async def story() -> None:
        desk = Desk()
        assert await desk.hear(Assigned([("t", 0), ("u", 0)]), NO_RIGHT) == []
        assert (
            await desk.hear(
                Committed([("t", 0)]), RecordsFiltered("u"), RecordsSettled("u", "sent")
            )
            == []
        )
        assert await desk.hear(end, end) == [Resumed("kafka topic t")]
        assert await desk.hear(NO_RIGHT) == []
        assert await desk.hear(end) == [Resumed("kafka topic t")]
        assert desk.asked == 0

    run(story())


def test_a_topic_of_which_nothing_is_left_here_is_waited_for_no_more() -> None:
    """Its partitions' next owner meets the trouble itself."""

    async def story() -> None:
        desk = Desk()
        assert await desk.hear(Assigned([("t", 0), ("t", 1), ("u", 0)]), NO_RIGHT) == []
        assert await desk.hear(Revoked([("t", 0), ("u", 0)], False)) == []
        assert await desk.hear(Revoked([("t", 1)], True)) == [Resumed("kafka topic t")]

    run(story())


def test_nothing_is_asked_after_the_end() -> None:
    """A question takes seconds, and the process ends."""

    async def story() -> None:
        desk = Desk()
        await desk.hear(DOWN)
        await desk.recovery.close()
        await asyncio.sleep(60)
        assert desk.asked == 1

    run(story())
