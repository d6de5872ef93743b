"""Where a partition starts, depending on the group's commits."""

from datetime import UTC, datetime
from typing import Any, cast

import pytest
from confluent_kafka import Consumer, KafkaError, TopicPartition

from bridge.delivery.commit_metadata import encode
from bridge.kafka.consumer.start_position import (
    LookupFailed,
    Start,
    StartPosition,
    resolve_reset,
    resolve_start,
)
from bridge.kafka.consumer.topic_ids import TopicIds
from tests.unit.kafka.fake_kafka import AT_TIME, HIGH, LOW, Kafka

MOMENT = datetime(2026, 11, 24, 10, 15, tzinfo=UTC)
MOMENT_MS = 1_795_515_300_000


def _resolve(kafka: Kafka, *partitions: int, start: Start = "latest") -> list[StartPosition]:
    requested = [TopicPartition("t", partition) for partition in partitions]
    consumer = cast("Consumer", kafka)
    return resolve_start(
        consumer, requested, start, lambda _: False, former={}, topic_ids=TopicIds()
    )


def _offsets(kafka: Kafka, *partitions: int, start: Start = "latest") -> list[int]:
    return [one.offset.offset for one in _resolve(kafka, *partitions, start=start)]


@pytest.mark.parametrize(
    ("start", "offset"), [("latest", HIGH), ("earliest", LOW), (MOMENT, AT_TIME)]
)
def test_a_group_without_a_commit_uses_start(start: Start, offset: int) -> None:
    """The position is due for a commit, with the partition count at the start."""
    [start_position] = _resolve(Kafka(), 1, start=start)
    assert start_position.offset.offset == offset
    assert start_position.assigned.dirty
    assert start_position.assigned.partitions_at_start == 4


def test_a_start_time_is_looked_up_in_milliseconds() -> None:
    """Whatever time zone the setting is written in."""
    kafka = Kafka()
    _offsets(kafka, 0, start=MOMENT)
    assert kafka.requested_times == [MOMENT_MS]


@pytest.mark.parametrize(
    "kafka",
    [Kafka(at_time=-1), Kafka(at_time=MOMENT_MS, error=KafkaError(KafkaError._FAIL))],
    ids=["after the last record", "an error with the time in its offset"],
)
def test_a_start_time_after_the_last_record_is_the_end_of_the_log(kafka: Kafka) -> None:
    """The number in an answer with an error is never used as an offset."""
    assert _offsets(kafka, 0, start=MOMENT) == [HIGH]


def test_a_committed_offset_and_its_settled_ranges_are_used() -> None:
    """Base and ranges come from one commit; `start` is ignored."""
    metadata = encode(500, 2, [(501, 503)])
    [start_position] = _resolve(Kafka(commits={0: (500, metadata)}), 0, start="earliest")

    assert start_position.offset.offset == 500
    assert start_position.halt_reason is None
    assert not start_position.assigned.dirty
    assert start_position.assigned.partitions_at_start == 2
    progress = start_position.assigned.progress
    assert [progress.track(offset) for offset in (500, 501, 502, 503)] == [True, False, False, True]


def test_metadata_of_another_base_is_ignored_and_the_offset_used() -> None:
    """An operator has moved the group, so everything from there on is read."""
    [start_position] = _resolve(Kafka(commits={0: (200, encode(500, 2, [(501, 503)]))}), 0)
    assert start_position.offset.offset == 200
    assert all(start_position.assigned.progress.track(offset) for offset in range(200, 510))


def test_damaged_metadata_halts_only_its_partition() -> None:
    """Ignoring it would send the listed events again, so a person has to decide."""
    kafka = Kafka(commits={0: (500, "fsb1.AAAA."), 1: (600, encode(600, 4, []))})
    damaged, sound = _resolve(kafka, 0, 1)
    assert damaged.halt_reason is not None
    assert "checksum" in damaged.halt_reason
    assert sound.halt_reason is None


def test_metadata_that_is_not_text_is_ignored() -> None:
    """Another client's metadata must not stop the partition."""
    [start_position] = _resolve(Kafka(commits={0: (500, "unreadable")}), 0)
    assert start_position.offset.offset == 500
    assert start_position.halt_reason is None


def test_a_partition_added_later_starts_at_its_beginning() -> None:
    """The group began with two partitions; with `latest`, the third one would lose records."""
    began = encode(500, 2, [])
    kafka = Kafka(partitions=3, commits={0: (500, began), 1: (500, began)})
    assert _offsets(kafka, 0, 1, 2, start="latest") == [500, 500, LOW]
    [added] = _resolve(kafka, 2)
    assert added.assigned.partitions_at_start == 2


def test_a_new_topic_starts_at_its_beginning_for_every_member() -> None:
    """Committed with a partition count of 0, it looks added later to other members."""
    kafka = Kafka(partitions=2)
    requested = [TopicPartition("t", 0)]
    consumer = cast("Consumer", kafka)
    starts = resolve_start(
        consumer, requested, "latest", lambda name: name == "t", former={}, topic_ids=TopicIds()
    )
    [member_start] = starts
    assert member_start.offset.offset == LOW
    assert member_start.assigned.partitions_at_start == 0

    kafka.commits = {0: (LOW, encode(LOW, member_start.assigned.partitions_at_start, []))}
    [other] = _resolve(kafka, 1, start="latest")
    assert other.offset.offset == LOW
    assert other.assigned.partitions_at_start == 0


def test_two_members_that_join_together_both_use_start() -> None:
    """The slower one sees the faster one's first commits, but its partitions are not new."""
    first = encode(HIGH, 4, [])
    kafka = Kafka(commits={0: (HIGH, first), 1: (HIGH, first)})
    assert _offsets(kafka, 2, 3, start="latest") == [HIGH, HIGH]


def test_with_commits_of_another_program_an_uncommitted_partition_starts_at_its_beginning() -> None:
    """They do not contain the partition count, so reading from the beginning loses nothing."""
    kafka = Kafka(commits={0: (500, ""), 1: (0, "theirs")})
    assert _offsets(kafka, 0, 1, 2, start="latest") == [500, 0, LOW]


@pytest.mark.parametrize(("bound", "offset"), [("earliest", LOW), ("latest", HIGH)])
def test_a_position_out_of_range_is_reset_to_the_chosen_bound(bound: Any, offset: int) -> None:
    """It is due for a commit, with the group's original partition count."""
    kafka = Kafka(commits={0: (5, encode(5, 3, []))})
    start_position = resolve_reset(
        cast("Consumer", kafka), TopicPartition("t", 0), bound, TopicIds()
    )
    assert start_position.offset.offset == offset
    assert start_position.assigned.dirty
    assert start_position.assigned.partitions_at_start == 3


def test_a_reset_before_the_first_commit_of_the_group_counts_all_partitions() -> None:
    """With a count of 0, other members would read their partitions from the beginning."""
    kafka = Kafka(partitions=4)
    start_position = resolve_reset(
        cast("Consumer", kafka), TopicPartition("t", 0), "latest", TopicIds()
    )
    assert start_position.assigned.partitions_at_start == 4


def test_a_lookup_without_an_answer_fails() -> None:
    """So that it is retried; nothing is guessed."""
    with pytest.raises(LookupFailed):
        _resolve(Kafka(silent=True), 0)
