"""Where a partition begins to be read, by what the group has committed before."""

from datetime import UTC, datetime
from typing import Any, cast

import pytest
from confluent_kafka import Consumer, KafkaError, TopicPartition

from bridge.delivery.commit_metadata import encode
from bridge.kafka.consumer.start_position import (
    LookUpFailed,
    Start,
    StartPosition,
    resolve_start,
    start_at,
)
from bridge.kafka.consumer.topic_ids import TopicIds
from tests.unit.kafka.lookups import AT_TIME, HIGH, LOW, Kafka

MOMENT = datetime(2026, 11, 24, 10, 15, tzinfo=UTC)
MOMENT_MS = 1_795_515_300_000


def _find(kafka: Kafka, *partitions: int, start: Start = "latest") -> list[StartPosition]:
    asked = [TopicPartition("t", partition) for partition in partitions]
    consumer = cast("Consumer", kafka)
    return resolve_start(consumer, asked, start, lambda _: False, parked={}, ids=TopicIds())


def _offsets(kafka: Kafka, *partitions: int, start: Start = "latest") -> list[int]:
    return [one.offset.offset for one in _find(kafka, *partitions, start=start)]


@pytest.mark.parametrize(
    ("start", "offset"), [("latest", HIGH), ("earliest", LOW), (MOMENT, AT_TIME)]
)
def test_a_group_that_never_committed_begins_where_the_settings_say(
    start: Start, offset: int
) -> None:
    """And the position is to be committed, with the number of partitions of this beginning."""
    [found] = _find(Kafka(), 1, start=start)
    assert found.offset.offset == offset
    assert found.assigned.dirty
    assert found.assigned.partitions_at_start == 4


def test_a_time_is_asked_for_in_milliseconds() -> None:
    """A time is turned into Kafka's own measure, whatever zone the setting is written in."""
    kafka = Kafka()
    _offsets(kafka, 0, start=MOMENT)
    assert kafka.asked_for_times == [MOMENT_MS]


@pytest.mark.parametrize(
    "kafka",
    [Kafka(at_time=-1), Kafka(at_time=MOMENT_MS, error=KafkaError(KafkaError._FAIL))],
    ids=["after the last record", "an error with the time in its offset"],
)
def test_a_time_without_a_record_after_it_is_the_end_of_the_log(kafka: Kafka) -> None:
    """Never the number that an answer with an error carries in place of an offset."""
    assert _offsets(kafka, 0, start=MOMENT) == [HIGH]


def test_a_committed_offset_is_obeyed_and_what_it_lists_is_not_sent_again() -> None:
    """Base and listed runs come from one commit; `start` has no say."""
    metadata = encode(500, 2, [(501, 503)])
    [found] = _find(Kafka(commits={0: (500, metadata)}), 0, start="earliest")

    assert found.offset.offset == 500
    assert found.halted is None
    assert not found.assigned.dirty
    assert found.assigned.partitions_at_start == 2
    progress = found.assigned.progress
    assert [progress.see(offset) for offset in (500, 501, 502, 503)] == [True, False, False, True]


def test_metadata_of_another_base_is_ignored_and_the_offset_obeyed() -> None:
    """An operator has moved the group: everything from there on is read."""
    [found] = _find(Kafka(commits={0: (200, encode(500, 2, [(501, 503)]))}), 0)
    assert found.offset.offset == 200
    assert all(found.assigned.progress.see(offset) for offset in range(200, 510))


def test_damaged_metadata_halts_its_partition_and_no_other() -> None:
    """To ignore it would send again what it lists, so a person has to look."""
    kafka = Kafka(commits={0: (500, "fsb1.AAAA."), 1: (600, encode(600, 4, []))})
    damaged, sound = _find(kafka, 0, 1)
    assert damaged.halted is not None
    assert "checksum" in damaged.halted
    assert sound.halted is None


def test_metadata_that_is_no_text_is_not_ours() -> None:
    """What another client left behind must not stop the partition."""
    [found] = _find(Kafka(commits={0: (500, "unreadable")}), 0)
    assert found.offset.offset == 500
    assert found.halted is None


def test_a_partition_added_later_begins_at_its_beginning() -> None:
    """The group began with two partitions: with `latest` the third one's first would be lost."""
    began = encode(500, 2, [])
    kafka = Kafka(partitions=3, commits={0: (500, began), 1: (500, began)})
    assert _offsets(kafka, 0, 1, 2, start="latest") == [500, 500, LOW]
    [added] = _find(kafka, 2)
    assert added.assigned.partitions_at_start == 2


def test_a_topic_that_came_later_begins_at_its_beginning_for_every_member() -> None:
    """Committed as begun with no partitions, which another member takes for added ones."""
    kafka = Kafka(partitions=2)
    asked = [TopicPartition("t", 0)]
    consumer = cast("Consumer", kafka)
    later = resolve_start(
        consumer, asked, "latest", lambda name: name == "t", parked={}, ids=TopicIds()
    )
    [seen] = later
    assert seen.offset.offset == LOW
    assert seen.assigned.partitions_at_start == 0

    kafka.commits = {0: (LOW, encode(LOW, seen.assigned.partitions_at_start, []))}
    [other] = _find(kafka, 1, start="latest")
    assert other.offset.offset == LOW
    assert other.assigned.partitions_at_start == 0


def test_two_members_that_join_together_both_begin_where_the_settings_say() -> None:
    """The slower one sees the faster one's first commits, and its partitions are not new."""
    first = encode(HIGH, 4, [])
    kafka = Kafka(commits={0: (HIGH, first), 1: (HIGH, first)})
    assert _offsets(kafka, 2, 3, start="latest") == [HIGH, HIGH]


def test_a_partition_without_a_commit_beside_commits_of_another_program_loses_nothing() -> None:
    """They do not tell how many partitions there were, so it is read from its beginning."""
    kafka = Kafka(commits={0: (500, ""), 1: (0, "theirs")})
    assert _offsets(kafka, 0, 1, 2, start="latest") == [500, 0, LOW]


@pytest.mark.parametrize(("where", "offset"), [("earliest", LOW), ("latest", HIGH)])
def test_a_position_that_left_the_log_goes_on_at_the_bound_that_was_chosen(
    where: Any, offset: int
) -> None:
    """And is committed, with the group's own beginning kept."""
    kafka = Kafka(commits={0: (5, encode(5, 3, []))})
    found = start_at(cast("Consumer", kafka), TopicPartition("t", 0), where, TopicIds())
    assert found.offset.offset == offset
    assert found.assigned.dirty
    assert found.assigned.partitions_at_start == 3


def test_no_answer_in_time_is_told_so_that_it_is_asked_again() -> None:
    """Nothing is guessed when Kafka is silent."""
    with pytest.raises(LookUpFailed):
        _find(Kafka(silent=True), 0)
