"""Ranges in commit metadata: how many fit, and how much may be polled so that all of them fit."""

from random import Random
from typing import cast

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.delivery.commit_metadata import METADATA_CHARACTERS_MAX, encode, truncate_to_fit
from bridge.delivery.progress import Progress
from bridge.kafka.consumer.assigned_partition import AssignedPartition
from bridge.kafka.consumer.assigned_partitions import AssignedPartitions
from bridge.kafka.consumer.backpressure import BATCH_MAX
from bridge.kafka.consumer.source_options import every_record
from bridge.records import Assignment, Message, Record
from tests.unit.kafka.messages import Polled

RANGES = st.lists(st.tuples(st.integers(1, 1 << 20), st.integers(1, 1 << 20)), max_size=40)


TOPIC_IDS = st.one_of(st.none(), st.integers(0, (1 << 32) - 1))


@given(st.integers(0, 1 << 62), st.integers(1, 5_000), RANGES, st.integers(32, 400), TOPIC_IDS)
def test_truncation_keeps_the_longest_prefix_that_fits(
    base: int,
    partitions: int,
    lengths: list[tuple[int, int]],
    characters_max: int,
    topic_id: int | None,
) -> None:
    """No shorter than necessary, and never too long."""
    ranges, cursor = [], base
    for gap, length in lengths:
        ranges.append((cursor + gap, cursor + gap + length))
        cursor += gap + length

    fit = truncate_to_fit(base, partitions, ranges, characters_max, topic_id)
    assert ranges[: len(fit)] == list(fit)
    assert len(encode(base, partitions, fit, topic_id)) <= characters_max
    if len(fit) < len(ranges):
        assert len(encode(base, partitions, ranges[: len(fit) + 1], topic_id)) > characters_max


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1 << 32).map(Random), st.floats(0.02, 0.9))
def test_polling_below_capacity_never_omits_a_range(rng: Random, unsettled_share: float) -> None:
    """Whichever records stay unsettled, and in whatever order the others are settled."""
    assigned_partitions = AssignedPartitions()
    assigned_partitions.metadata_limit.accepted(METADATA_CHARACTERS_MAX)
    assigned_partitions.add(
        AssignedPartition(Assignment("t", 0), Progress(0), partitions_at_start=4, topic_id=7)
    )
    in_flight: list[Record] = []
    unsettled: list[Record] = []
    tracked = 0
    for _ in range(60):
        if not assigned_partitions.at_capacity(4_000):
            for _ in range(rng.choice((100, BATCH_MAX))):
                message = cast("Message", Polled(tracked, 0))
                [record], _ = assigned_partitions.track(("t", 0), [message], every_record)
                (unsettled if rng.random() < unsettled_share else in_flight).append(record)
                tracked += 1
        rng.shuffle(in_flight)
        for _ in range(rng.randrange(len(in_flight) + 1)):
            assert assigned_partitions.settle(in_flight.pop(), 1)
        if rng.random() < 0.05:
            in_flight += unsettled
            unsettled.clear()
        if rng.random() < 0.5:
            commit = assigned_partitions.commit()
            if commit is not None:
                assigned_partitions.acknowledge(commit, frozenset())
                assert assigned_partitions.repeatable_events == 0
