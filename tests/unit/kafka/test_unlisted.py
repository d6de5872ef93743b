"""What is settled above a committed offset and cannot be listed in its metadata."""

from typing import Any, cast

import pytest
from confluent_kafka import Consumer, Message, TopicPartition

from bridge.delivery.progress import Progress
from bridge.delivery.runs import METADATA_CHARACTERS_MAX, Listed, decode
from bridge.kafka.committer import Committer
from bridge.kafka.holdings import Holding, Holdings, Metadata
from bridge.observer import Fact, Noted
from bridge.records import Assignment, Record
from tests.unit.kafka.messages import Polled, answer
from tests.unit.kafka.played import Bridge, brings


def _taken(holdings: Holdings, offset: int) -> Record:
    record = holdings.take(cast("Message[bytes, bytes]", cast("Any", Polled(offset, 0))))
    assert record is not None
    return record


class Broker:
    """Takes so many characters of metadata, and no more."""

    def __init__(self, characters_max: int) -> None:
        self.holdings = Holdings()
        self.holdings.add(Holding(Assignment("t", 0), Progress(0), partitions_at_start=4))
        self.facts: list[Fact] = []
        self.written: list[tuple[int, str | None]] = []
        self._characters_max = characters_max
        self._committer = Committer(
            self.holdings, self, lambda _: None, interval_s=0.0, events_max=1_000
        )

    def tell(self, fact: Fact) -> None:
        """Note a fact."""
        self.facts.append(fact)

    def commit(self, *, offsets: list[TopicPartition], asynchronous: bool) -> None:
        """Answer at once."""
        assert asynchronous
        [one] = offsets
        said = answer(one, self._characters_max)
        if said.error is None:
            self.written.append((one.offset, one.metadata))
        self._committer.answered(None, cast("Any", [said]))

    def settle_above(self, count: int) -> None:
        """Take one record that stays, and so many behind it that are settled."""
        for offset in range(count + 1):
            record = _taken(self.holdings, offset)
            if offset:
                assert self.holdings.settle(record, 2)

    def ask(self, times: int) -> None:
        """Commit so often, if there is anything to commit."""
        for _ in range(times):
            self._committer.commit(cast("Consumer", self))


def test_what_is_listed_counts_as_nothing() -> None:
    """A crash repeats nothing of it."""
    broker = Broker(characters_max=4_095)
    broker.settle_above(10)
    broker.ask(1)
    assert (broker.holdings.lists_all, broker.holdings.unlisted_events) == (True, 0)
    assert broker.written[0][0] == 0


@pytest.mark.parametrize(
    ("characters_max", "level", "listed"),
    [(15, Metadata.WITHOUT_RUNS, Listed(0, 4, ())), (0, Metadata.NONE, None)],
)
def test_a_broker_that_takes_less_gets_the_same_offset_with_less_and_it_is_told_once(
    characters_max: int, level: Metadata, listed: Listed | None
) -> None:
    """`offset.metadata.max.bytes` of 15, and of nothing at all."""
    broker = Broker(characters_max)
    broker.settle_above(10)
    broker.ask(4)

    assert broker.holdings.metadata is level
    [(offset, written)] = broker.written
    assert offset == 0
    assert decode(written, 0) == listed
    noted = [fact for fact in broker.facts if isinstance(fact, Noted)]
    assert len(noted) == Metadata.WHOLE - level
    assert (broker.holdings.lists_all, broker.holdings.unlisted_events) == (False, 20)


def test_a_list_that_is_too_long_is_left_out_and_counted_until_it_is_short_again() -> None:
    """Every second record of thousands is not settled; then most of them are."""
    broker = Broker(characters_max=4_095)
    records = [_taken(broker.holdings, offset) for offset in range(8_000)]
    for record in records[1::2]:
        broker.holdings.settle(record, 1)
    broker.ask(1)
    assert len(str(broker.written[0][1])) < METADATA_CHARACTERS_MAX
    assert (broker.holdings.lists_all, broker.holdings.unlisted_events) == (False, 4_000)

    for record in records[2::2]:
        broker.holdings.settle(record, 1)
    broker.ask(1)
    assert (broker.holdings.lists_all, broker.holdings.unlisted_events) == (True, 0)
    listed = decode(broker.written[1][1], 0)
    assert listed is not None
    assert listed.settled == ((1, 8_000),)


def test_where_nothing_can_be_listed_no_more_is_taken_than_a_crash_may_repeat(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One record stays; what is settled behind it, and what is taken, fit into the budget."""
    bridge = Bridge(monkeypatch, settles=False, duplicate_budget=20, events_per_record_max=2)
    bridge.consumer.characters_max = 15

    def settle_all_but_the_first() -> None:
        bridge.poller.settled.extend((record, 2) for record in bridge.records[1:])

    bridge.run(
        bridge.assign(0),
        brings(Polled(500), Polled(501), Polled(502)),
        settle_all_but_the_first,
        brings(),
        brings(),
        brings(Polled(503)),
    )
    # Four events are settled above, sixteen are left: eight records, one of which is taken.
    assert [count for count in bridge.consumer.asked if count > 1] == [499, 6]
