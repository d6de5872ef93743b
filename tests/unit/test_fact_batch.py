"""Facts of every event are told once a turn of the loop, with their number."""

import asyncio

from bridge.fact_batch import FactBatch
from bridge.observer import Delivered, Fact, RecordsSettled
from bridge.status.counts import Counts


class Heard:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []

    def notify(self, fact: Fact) -> None:
        """Note a fact."""
        self.facts.append(fact)


async def test_equal_facts_of_one_turn_are_told_once_with_their_number() -> None:
    """Different mappings, tries and ends are told apart."""
    heard = Heard()
    batch = FactBatch(heard)
    for _ in range(3):
        batch.delivered("m", 1)
        batch.settled("t", "sent")
    batch.delivered("m", 2)
    batch.settled("t", "filtered")
    assert heard.facts == []
    await asyncio.sleep(0)
    assert heard.facts == [
        Delivered("m", 1, 3),
        Delivered("m", 2, 1),
        RecordsSettled("t", "sent", 3),
        RecordsSettled("t", "filtered", 1),
    ]
    await asyncio.sleep(0)
    assert len(heard.facts) == 4


async def test_what_was_not_told_yet_is_told_at_the_end_and_no_second_time() -> None:
    """The last turn of the loop may be over."""
    counts = Counts()
    batch = FactBatch(counts)
    batch.delivered("m", 1)
    batch.delivered("m", 1)
    batch.delivered("m", 3)
    batch.notify()
    await asyncio.sleep(0)
    assert (counts.delivered, counts.answers[200]) == (3, 2)
    batch.delivered("m", 1)
    await asyncio.sleep(0)
    assert counts.delivered == 4
