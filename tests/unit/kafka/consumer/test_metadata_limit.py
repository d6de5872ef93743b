"""Ranges settled above a committed offset that do not fit into its metadata."""

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
from tests.unit.kafka.consumer.fake_consumer import Bridge, returns
from tests.unit.kafka.messages import Polled, answer


def _track(assigned_partitions: AssignedPartitions, offset: int, partition: int = 0) -> Record:
    message = cast("Message", Polled(offset, partition))
    [record], _ = assigned_partitions.track(("t", partition), [message], every_record)
    return record


class Broker:
    """A broker that accepts `characters_max` characters of metadata."""

    def __init__(self, characters_max: int, partitions: int = 1) -> None:
        self.assigned_partitions = AssignedPartitions()
        for partition in range(partitions):
            one = AssignedPartition(Assignment("t", partition), Progress(0), partitions_at_start=4)
            self.assigned_partitions.add(one)
        self.facts: list[Fact] = []
        self.metadata_sizes: list[int] = []
        self.accepted: list[tuple[int, str]] = []
        self._characters_max = characters_max
        self._committer = Committer(
            self.assigned_partitions, self, lambda _: None, interval_s=0.0, events_max=1_000
        )

    def notify(self, fact: Fact) -> None:
        """Store a fact."""
        self.facts.append(fact)

    def commit(self, *, offsets: list[TopicPartition], asynchronous: bool) -> None:
        """Answer immediately."""
        assert asynchronous
        answers = [answer(one, self._characters_max) for one in offsets]
        self.metadata_sizes += [len(one.metadata or "") for one in offsets]
        self.accepted += [
            (one.offset, (one.metadata or "").rstrip())
            for one, answered in zip(offsets, answers, strict=True)
            if answered.error is None
        ]
        self._committer.on_commit(None, cast("Any", answers))

    def settle_above(self, count: int) -> None:
        """Track one record that stays unsettled, and settle `count` records after it."""
        for offset in range(count + 1):
            record = _track(self.assigned_partitions, offset)
            if offset:
                assert self.assigned_partitions.settle(record, 2)

    def settle_every_second(self, first: int, end: int) -> list[Record]:
        """Track records and settle every second one; returns the unsettled records."""
        records = [_track(self.assigned_partitions, offset) for offset in range(first, end)]
        for record in records[1::2]:
            assert self.assigned_partitions.settle(record, 1)
        return records[::2]

    def commit_times(self, times: int) -> None:
        """Commit this many times, if a commit is due."""
        for _ in range(times):
            self._committer.commit(cast("Consumer", self))


def test_listed_events_are_not_repeatable() -> None:
    """A crash repeats none of them."""
    broker = Broker(characters_max=4_095)
    broker.settle_above(10)
    broker.commit_times(1)
    assert broker.assigned_partitions.repeatable_events == 0
    [(offset, metadata)] = broker.accepted
    assert (offset, decode(metadata, 0)) == (0, CommitMetadata(0, 4, ((1, 11),)))


def test_unacknowledged_events_are_repeatable() -> None:
    """Until the broker has answered, a crash repeats them."""
    broker = Broker(characters_max=4_095)
    broker.settle_above(10)
    assert broker.assigned_partitions.repeatable_events == 20


def test_the_first_commit_probes_the_metadata_limit() -> None:
    """One partition's metadata is padded, once: nothing is listed that might be refused."""
    broker = Broker(characters_max=4_095, partitions=2)
    _track(broker.assigned_partitions, 0, 0)
    _track(broker.assigned_partitions, 0, 1)
    assert not broker.assigned_partitions.metadata_limit.known
    broker.commit_times(1)
    assert broker.assigned_partitions.metadata_limit.is_unrestricted
    assert broker.metadata_sizes == [METADATA_CHARACTERS_MAX, len(broker.accepted[1][1])]

    _track(broker.assigned_partitions, 1, 0)
    broker.commit_times(1)
    assert broker.metadata_sizes[2] == broker.metadata_sizes[1] < 30


@pytest.mark.parametrize(("characters_max", "accepted_size"), [(1_500, 1_000), (70, 62), (10, 0)])
def test_a_lower_limit_truncates_the_ranges_and_is_reported_once(
    characters_max: int, accepted_size: int
) -> None:
    """A small `offset.metadata.max.bytes`, or none at all; half of the records stay unsettled."""
    broker = Broker(characters_max)
    broker.settle_every_second(0, 1_000)
    broker.commit_times(12)

    assert broker.assigned_partitions.metadata_limit.characters_max == accepted_size
    assert broker.assigned_partitions.metadata_limit.known
    assert not broker.assigned_partitions.metadata_limit.is_unrestricted
    [(offset, metadata)] = broker.accepted
    listed = decode(metadata, 0)
    assert (offset, accepted_size - 3 < len(metadata) <= accepted_size) == (0, True)
    range_count = 0 if listed is None else len(listed.settled)
    assert (range_count > 0) == (accepted_size > 0)
    assert broker.assigned_partitions.repeatable_events == 500 - range_count
    assert len([fact for fact in broker.facts if isinstance(fact, Info)]) == 1


def test_too_many_ranges_are_truncated_and_the_rest_is_counted() -> None:
    """Every second record of thousands is unsettled; then most of them are settled."""
    broker = Broker(characters_max=4_095)
    broker.settle_above(1)
    broker.commit_times(1)
    unsettled = broker.settle_every_second(2, 8_002)
    broker.commit_times(1)
    listed = decode(broker.accepted[1][1], 0)
    assert listed is not None
    assert METADATA_CHARACTERS_MAX - 4 <= len(broker.accepted[1][1]) <= METADATA_CHARACTERS_MAX
    assert broker.assigned_partitions.repeatable_events == 4_001 - len(listed.settled)

    for record in unsettled:
        assert broker.assigned_partitions.settle(record, 1)
    broker.commit_times(1)
    assert broker.assigned_partitions.repeatable_events == 0
    assert decode(broker.accepted[2][1], 0) == CommitMetadata(0, 4, ((1, 8_002),))


def test_a_partition_is_paused_before_its_metadata_is_full() -> None:
    """No range is ever omitted; the partition is resumed once two more batches would fit."""
    broker = Broker(characters_max=4_095, partitions=2)
    broker.settle_above(1)
    broker.commit_times(1)
    unsettled: list[Record] = []
    tracked = 2
    while not broker.assigned_partitions.at_capacity(100_000):
        unsettled += broker.settle_every_second(tracked, tracked + 10)
        tracked += 10
        if tracked % 100 == 2:
            broker.commit_times(1)
    broker.commit_times(1)
    assert broker.assigned_partitions.at_capacity(100_000) == {("t", 0)}
    assert broker.assigned_partitions.repeatable_events == 0
    assert 1_500 < tracked < 4_000

    settled = 0
    while broker.assigned_partitions.at_capacity(100_000):
        assert broker.assigned_partitions.settle(unsettled[settled], 1)
        broker.commit_times(1)
        settled += 1
    assert 100 < settled < len(unsettled) // 2


def test_records_tracked_since_the_last_commit_count_as_growth() -> None:
    """Every second one of them may be settled before the next commit."""
    broker = Broker(characters_max=4_095)
    broker.settle_above(1)
    broker.commit_times(1)
    tracked = 2
    while not broker.assigned_partitions.at_capacity(100_000):
        _track(broker.assigned_partitions, tracked)
        tracked += 1
    assert 2_000 < tracked < 3_000 - BATCH_MAX


def test_an_answer_to_an_older_commit_does_not_change_the_limit() -> None:
    """Two commits may be in flight when a partition is revoked."""
    metadata_limit = MetadataLimit()
    metadata_limit.refused(4_000)
    metadata_limit.refused(2_000)
    metadata_limit.refused(4_000)
    metadata_limit.accepted(4_000)
    assert (metadata_limit.characters_max, metadata_limit.known) == (1_000, False)
    metadata_limit.accepted(1_000)
    assert (metadata_limit.known, metadata_limit.is_reduced, metadata_limit.is_unrestricted) == (
        True,
        True,
        False,
    )


def test_a_partition_is_paused_when_it_fills_half_of_the_window() -> None:
    """Records of others would wait behind its records; a single partition may fill the window."""
    for partitions, at_capacity in ((2, {("t", 0)}), (1, set())):
        broker = Broker(characters_max=4_095, partitions=partitions)
        records = [_track(broker.assigned_partitions, offset) for offset in range(1_500)]
        broker.commit_times(1)
        assert not broker.assigned_partitions.at_capacity(4_000)
        records.append(_track(broker.assigned_partitions, 1_500))
        assert broker.assigned_partitions.at_capacity(4_000) == at_capacity
        for record in records[:500]:
            broker.assigned_partitions.settle(record, 1)
        assert broker.assigned_partitions.at_capacity(4_000) == at_capacity
        broker.assigned_partitions.settle(records[500], 1)
        assert not broker.assigned_partitions.at_capacity(4_000)


def test_without_metadata_the_duplicate_budget_limits_polling(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One record stays unsettled; settled and polled records after it fit into the budget."""
    bridge = Bridge(monkeypatch, settles=False, duplicate_budget=20, events_per_record_max=2)
    bridge.consumer.characters_max = 15
    paused: list[set[int]] = []

    def settle_all_but_the_first() -> None:
        for record in bridge.records[1:]:
            bridge.poller.settled.add(record, 2)

    bridge.run(
        bridge.assign(0),
        returns(Polled(500), Polled(501), Polled(502)),
        *[returns() for _ in range(9)],
        settle_all_but_the_first,
        returns(),
        returns(),
        returns(*[Polled(offset) for offset in range(503, 510)]),
        returns(),
        lambda: paused.append(set(bridge.consumer.paused)),
    )
    # Four events are settled above. Sixteen are left, which is eight records, one of them tracked.
    # When the budget is full, nothing is polled, not even a single record.
    assert paused == [{0}]
    assert [len(one) for one in bridge.consumer.metadata[:3]] == [4_000, 2_000, 1_000]
    assert [count for count in bridge.consumer.consume_counts if count > 1] == [9, 6]


def test_with_full_metadata_the_budget_does_not_limit_polling(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The throttle enforces the budget; ten times as many records may be polled and wait there."""
    bridge = Bridge(monkeypatch, settles=False, duplicate_budget=20)
    bridge.run(bridge.assign(0), returns(Polled(500)), returns(), returns(Polled(501)))
    assert [count for count in bridge.consumer.consume_counts if count > 1] == [19, 499]
