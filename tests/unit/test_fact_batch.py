"""Facts of events are batched: one notification per turn of the event loop, with a count."""

import asyncio

from bridge.fact_batch import FactBatch
from bridge.observer import Delivered, Fact, RecordsSettled
from bridge.status.counts import Counts


class FakeObserver:
    """Records the facts that it receives."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []

    def notify(self, fact: Fact) -> None:
        """Record a fact."""
        self.facts.append(fact)


async def test_equal_facts_of_one_turn_are_sent_once_with_their_count() -> None:
    """Different mappings, tries and outcomes are separate facts."""
    observer = FakeObserver()
    batch = FactBatch(observer)
    for _ in range(3):
        batch.delivered("m", 1)
        batch.settled("t", "sent")
    batch.delivered("m", 2)
    batch.settled("t", "filtered")
    assert observer.facts == []
    await asyncio.sleep(0)
    assert observer.facts == [
        Delivered("m", 1, 3),
        Delivered("m", 2, 1),
        RecordsSettled("t", "sent", 3),
        RecordsSettled("t", "filtered", 1),
    ]
    await asyncio.sleep(0)
    assert len(observer.facts) == 4


async def test_pending_facts_are_flushed_at_the_end_and_not_sent_twice() -> None:
    """The event loop may not run again."""
    counts = Counts()
    batch = FactBatch(counts)
    batch.delivered("m", 1)
    batch.delivered("m", 1)
    batch.delivered("m", 3)
    batch.flush()
    await asyncio.sleep(0)
    assert (counts.delivered, counts.answers[200]) == (3, 2)
    batch.delivered("m", 1)
    await asyncio.sleep(0)
    assert counts.delivered == 4
