"""What is settled above a committed offset and finds no room in its metadata."""

from typing import Any, cast

import pytest
from confluent_kafka import Consumer, TopicPartition

from bridge.delivery.commit_metadata import METADATA_CHARACTERS_MAX, CommitMetadata, decode
from bridge.delivery.progress import Progress
from bridge.kafka.consumer.assigned_partition import AssignedPartition
from bridge.kafka.consumer.assigned_partitions import AssignedPartitions
from bridge.kafka.consumer.backpressure import BATCH_MAX
from bridge.kafka.consumer.committer import Committer
from bridge.kafka.consumer.metadata_limit import MetadataLimit
from bridge.kafka.consumer.source_options import every_record
from bridge.observer import Fact, Info
from bridge.records import Assignment, Message, Record
from tests.unit.kafka.consumer.fake_consumer import Bridge, brings
from tests.unit.kafka.messages import Polled, answer


def _taken(assigned_partitions: AssignedPartitions, offset: int, partition: int = 0) -> Record:
    message = cast("Message", Polled(offset, partition))
    [record], _ = assigned_partitions.take(("t", partition), [message], every_record)
    return record


class Broker:
    """Takes so many characters of metadata, and no more."""

    def __init__(self, characters_max: int, partitions: int = 1) -> None:
        self.assigned_partitions = AssignedPartitions()
        for partition in range(partitions):
            one = AssignedPartition(Assignment("t", partition), Progress(0), partitions_at_start=4)
            self.assigned_partitions.add(one)
        self.facts: list[Fact] = []
        self.asked: list[int] = []
        self.written: list[tuple[int, str]] = []
        self._characters_max = characters_max
        self._committer = Committer(
            self.assigned_partitions, self, lambda _: None, interval_s=0.0, events_max=1_000
        )

    def notify(self, fact: Fact) -> None:
        """Note a fact."""
        self.facts.append(fact)

    def commit(self, *, offsets: list[TopicPartition], asynchronous: bool) -> None:
        """Answer at once."""
        assert asynchronous
        answers = [answer(one, self._characters_max) for one in offsets]
        self.asked += [len(one.metadata or "") for one in offsets]
        self.written += [
            (one.offset, (one.metadata or "").rstrip())
            for one, said in zip(offsets, answers, strict=True)
            if said.error is None
        ]
        self._committer.answered(None, cast("Any", answers))

    def settle_above(self, count: int) -> None:
        """Take one record that stays, and so many behind it that are settled."""
        for offset in range(count + 1):
            record = _taken(self.assigned_partitions, offset)
            if offset:
                assert self.assigned_partitions.settle(record, 2)

    def every_second(self, first: int, end: int) -> list[Record]:
        """Take records and settle every second of them; returns those that stay."""
        records = [_taken(self.assigned_partitions, offset) for offset in range(first, end)]
        for record in records[1::2]:
            assert self.assigned_partitions.settle(record, 1)
        return records[::2]

    def ask(self, times: int) -> None:
        """Commit so often, if there is anything to commit."""
        for _ in range(times):
            self._committer.commit(cast("Consumer", self))


def test_what_is_listed_counts_as_nothing() -> None:
    """A crash repeats nothing of it."""
    broker = Broker(characters_max=4_095)
    broker.settle_above(10)
    broker.ask(1)
    assert broker.assigned_partitions.repeatable_events == 0
    [(offset, metadata)] = broker.written
    assert (offset, decode(metadata, 0)) == (0, CommitMetadata(0, 4, ((1, 11),)))


def test_what_is_settled_and_in_no_acknowledged_commit_counts() -> None:
    """Until the broker has answered, a crash repeats it."""
    broker = Broker(characters_max=4_095)
    broker.settle_above(10)
    assert broker.assigned_partitions.repeatable_events == 20


def test_the_first_commit_asks_the_broker_whether_it_takes_the_longest_list() -> None:
    """One partition's metadata is filled up, once: nothing is listed that might be refused."""
    broker = Broker(characters_max=4_095, partitions=2)
    _taken(broker.assigned_partitions, 0, 0)
    _taken(broker.assigned_partitions, 0, 1)
    assert not broker.assigned_partitions.metadata_limit.known
    broker.ask(1)
    assert broker.assigned_partitions.metadata_limit.is_usual
    assert broker.asked == [METADATA_CHARACTERS_MAX, len(broker.written[1][1])]

    _taken(broker.assigned_partitions, 1, 0)
    broker.ask(1)
    assert broker.asked[2] == broker.asked[1] < 30


@pytest.mark.parametrize(("characters_max", "found"), [(1_500, 1_000), (70, 62), (10, 0)])
def test_a_broker_that_takes_less_gets_what_fits_the_rest_is_counted_and_it_is_told_once(
    characters_max: int, found: int
) -> None:
    """`offset.metadata.max.bytes` of little, and of nothing at all; half the records stay."""
    broker = Broker(characters_max)
    broker.every_second(0, 1_000)
    broker.ask(12)

    assert broker.assigned_partitions.metadata_limit.characters_max == found
    assert broker.assigned_partitions.metadata_limit.known
    assert not broker.assigned_partitions.metadata_limit.is_usual
    [(offset, metadata)] = broker.written
    listed = decode(metadata, 0)
    assert (offset, found - 3 < len(metadata) <= found) == (0, True)
    runs = 0 if listed is None else len(listed.settled)
    assert (runs > 0) == (found > 0)
    assert broker.assigned_partitions.repeatable_events == 500 - runs
    assert len([fact for fact in broker.facts if isinstance(fact, Info)]) == 1


def test_of_a_list_that_is_too_long_the_nearest_runs_are_written_and_the_rest_is_counted() -> None:
    """Every second record of thousands is not settled; then most of them are."""
    broker = Broker(characters_max=4_095)
    broker.settle_above(1)
    broker.ask(1)
    stay = broker.every_second(2, 8_002)
    broker.ask(1)
    listed = decode(broker.written[1][1], 0)
    assert listed is not None
    assert METADATA_CHARACTERS_MAX - 4 <= len(broker.written[1][1]) <= METADATA_CHARACTERS_MAX
    assert broker.assigned_partitions.repeatable_events == 4_001 - len(listed.settled)

    for record in stay:
        assert broker.assigned_partitions.settle(record, 1)
    broker.ask(1)
    assert broker.assigned_partitions.repeatable_events == 0
    assert decode(broker.written[2][1], 0) == CommitMetadata(0, 4, ((1, 8_002),))


def test_a_partition_is_held_back_before_its_list_is_full_and_others_are_not() -> None:
    """Nothing is ever left out: it is read again when two batches more would find room."""
    broker = Broker(characters_max=4_095, partitions=2)
    broker.settle_above(1)
    broker.ask(1)
    stay: list[Record] = []
    taken = 2
    while not broker.assigned_partitions.crowded(100_000):
        stay += broker.every_second(taken, taken + 10)
        taken += 10
        if taken % 100 == 2:
            broker.ask(1)
    broker.ask(1)
    assert broker.assigned_partitions.crowded(100_000) == {("t", 0)}
    assert broker.assigned_partitions.repeatable_events == 0
    assert 1_500 < taken < 4_000

    settled = 0
    while broker.assigned_partitions.crowded(100_000):
        assert broker.assigned_partitions.settle(stay[settled], 1)
        broker.ask(1)
        settled += 1
    assert 100 < settled < len(stay) // 2


def test_what_was_taken_since_the_last_commit_may_lengthen_the_list_too() -> None:
    """Every second of them may be settled before the next one."""
    broker = Broker(characters_max=4_095)
    broker.settle_above(1)
    broker.ask(1)
    taken = 2
    while not broker.assigned_partitions.crowded(100_000):
        _taken(broker.assigned_partitions, taken)
        taken += 1
    assert 2_000 < taken < 3_000 - BATCH_MAX


def test_an_answer_to_an_older_commit_says_nothing_of_what_is_asked_for_now() -> None:
    """Two may be under way when a partition is let go."""
    metadata_limit = MetadataLimit()
    metadata_limit.refused(4_000)
    metadata_limit.refused(2_000)
    metadata_limit.refused(4_000)
    metadata_limit.accepted(4_000)
    assert (metadata_limit.characters_max, metadata_limit.known) == (1_000, False)
    metadata_limit.accepted(1_000)
    assert (metadata_limit.known, metadata_limit.shortened, metadata_limit.is_usual) == (
        True,
        True,
        False,
    )


def test_a_partition_is_held_back_when_it_fills_half_of_the_window_beside_others() -> None:
    """What the others bring would wait behind all of it; one that is alone may fill it."""
    for partitions, crowded in ((2, {("t", 0)}), (1, set())):
        broker = Broker(characters_max=4_095, partitions=partitions)
        records = [_taken(broker.assigned_partitions, offset) for offset in range(1_500)]
        broker.ask(1)
        assert not broker.assigned_partitions.crowded(4_000)
        records.append(_taken(broker.assigned_partitions, 1_500))
        assert broker.assigned_partitions.crowded(4_000) == crowded
        for record in records[:500]:
            broker.assigned_partitions.settle(record, 1)
        assert broker.assigned_partitions.crowded(4_000) == crowded
        broker.assigned_partitions.settle(records[500], 1)
        assert not broker.assigned_partitions.crowded(4_000)


def test_where_nothing_can_be_listed_no_more_is_taken_than_a_crash_may_repeat(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One record stays; what is settled behind it, and what is taken, fit into the budget."""
    bridge = Bridge(monkeypatch, settles=False, duplicate_budget=20, events_per_record_max=2)
    bridge.consumer.characters_max = 15
    still: list[set[int]] = []

    def settle_all_but_the_first() -> None:
        for record in bridge.records[1:]:
            bridge.poller.settled.add(record, 2)

    bridge.run(
        bridge.assign(0),
        brings(Polled(500), Polled(501), Polled(502)),
        *[brings() for _ in range(9)],
        settle_all_but_the_first,
        brings(),
        brings(),
        brings(*[Polled(offset) for offset in range(503, 510)]),
        brings(),
        lambda: still.append(set(bridge.consumer.still)),
    )
    # Four events are settled above, sixteen are left: eight records, one of which is taken; and
    # when it is full nothing comes any more, not even one record now and then.
    assert still == [{0}]
    assert [len(one) for one in bridge.consumer.metadata[:3]] == [4_000, 2_000, 1_000]
    assert [count for count in bridge.consumer.asked if count > 1] == [9, 6]


def test_where_all_can_be_listed_the_budget_is_no_bound_to_what_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The throttle keeps it; ten times as much may be taken and wait there."""
    bridge = Bridge(monkeypatch, settles=False, duplicate_budget=20)
    bridge.run(bridge.assign(0), brings(Polled(500)), brings(), brings(Polled(501)))
    assert [count for count in bridge.consumer.asked if count > 1] == [19, 499]
