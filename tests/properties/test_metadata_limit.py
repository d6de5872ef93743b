"""Lists in commits' metadata: how much finds room, and what is taken so that all of it does."""

from random import Random
from typing import cast

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.delivery.commit_metadata import METADATA_CHARACTERS_MAX, encode, shortened_to_fit
from bridge.delivery.progress import Progress
from bridge.kafka.consumer.assigned_partition import AssignedPartition
from bridge.kafka.consumer.assigned_partitions import AssignedPartitions
from bridge.kafka.consumer.backpressure import BATCH_MAX
from bridge.kafka.consumer.source_options import every_record
from bridge.records import Assignment, Message, Record
from tests.unit.kafka.messages import Polled

RUNS = st.lists(st.tuples(st.integers(1, 1 << 20), st.integers(1, 1 << 20)), max_size=40)


TOPIC_IDS = st.one_of(st.none(), st.integers(0, (1 << 32) - 1))


@given(st.integers(0, 1 << 62), st.integers(1, 5_000), RUNS, st.integers(32, 400), TOPIC_IDS)
def test_what_fits_is_the_longest_beginning_of_a_list_that_finds_room(
    base: int,
    partitions: int,
    lengths: list[tuple[int, int]],
    characters_max: int,
    topic_id: int | None,
) -> None:
    """No shorter than it must be, and never longer."""
    runs, cursor = [], base
    for gap, length in lengths:
        runs.append((cursor + gap, cursor + gap + length))
        cursor += gap + length

    fit = shortened_to_fit(base, partitions, runs, characters_max, topic_id)
    assert runs[: len(fit)] == list(fit)
    assert len(encode(base, partitions, fit, topic_id)) <= characters_max
    if len(fit) < len(runs):
        assert len(encode(base, partitions, runs[: len(fit) + 1], topic_id)) > characters_max


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1 << 32).map(Random), st.floats(0.02, 0.9))
def test_a_partition_that_is_read_only_while_it_is_not_crowded_has_room_for_its_whole_list(
    chance: Random, stays: float
) -> None:
    """Whatever stays, and in whatever order the others are settled."""
    assigned_partitions = AssignedPartitions()
    assigned_partitions.metadata_limit.accepted(METADATA_CHARACTERS_MAX)
    assigned_partitions.add(
        AssignedPartition(Assignment("t", 0), Progress(0), partitions_at_start=4, topic_id=7)
    )
    under_way: list[Record] = []
    stuck: list[Record] = []
    taken = 0
    for _ in range(60):
        if not assigned_partitions.crowded(4_000):
            for _ in range(chance.choice((100, BATCH_MAX))):
                polled = cast("Message", Polled(taken, 0))
                [record], _ = assigned_partitions.take(("t", 0), [polled], every_record)
                (stuck if chance.random() < stays else under_way).append(record)
                taken += 1
        chance.shuffle(under_way)
        for _ in range(chance.randrange(len(under_way) + 1)):
            assert assigned_partitions.settle(under_way.pop(), 1)
        if chance.random() < 0.05:
            under_way += stuck
            stuck.clear()
        if chance.random() < 0.5:
            commit = assigned_partitions.commit()
            if commit is not None:
                assigned_partitions.acknowledge(commit, frozenset())
                assert assigned_partitions.repeatable_events == 0
