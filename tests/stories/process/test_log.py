"""Kafka's log is not a plain list of records: transactions, retention, offsets moved by hand."""

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, Producer, TopicPartition

from tests.services.java import wait_until
from tests.services.kafka import KafkaCluster
from tests.stories.conftest import FoundTown
from tests.stories.kafka_fixture import Town, encode

pytestmark = [pytest.mark.real, pytest.mark.story, pytest.mark.timeout(120)]


def test_what_a_transaction_took_back_is_not_sent_and_its_markers_hold_nothing_up(
    kafka: KafkaCluster, found_town: FoundTown
) -> None:
    """An aborted record never happened; the offsets pass it and Kafka's own markers."""
    # Given transactions of 50 records each, of which the second was aborted
    town = found_town(kafka, partitions=1)
    producer = Producer(
        {"bootstrap.servers": kafka.bootstrap_servers, "transactional.id": town.group}
    )
    producer.init_transactions(20)
    for number, end in enumerate(
        (producer.commit_transaction, producer.abort_transaction, producer.commit_transaction)
    ):
        producer.begin_transaction()
        for n in range(50 * number, 50 * number + 50):
            producer.produce(town.topic, encode(town.schema_id, n))
        producer.flush(20)
        end(20)

    # When a bridge reads them, and another one after it
    for _ in range(2):
        with town.bridge() as bridge:
            bridge.wait_until_assigned_any()
            bridge.wait_until(lambda: _committed_up_to_the_marker(town), "everything committed")
            assert bridge.stop() == 0

    # Then what was committed arrived, once
    assert town.reconcile([*range(50), *range(100, 150)]) == ([], 0)


def test_a_partition_whose_offset_left_the_log_halts_alone_until_a_person_moves_it(
    kafka: KafkaCluster, found_town: FoundTown
) -> None:
    """`out_of_range: halt` skips nothing in silence: it says so, and the others flow on."""
    # Given a stopped bridge, and retention that has passed the offset of one partition
    town = _with_a_hole(kafka, found_town)
    with town.bridge() as bridge:
        # When the next one begins
        bridge.wait_until_logged("halted", scope=f"{town.topic}/0")
        town.wait_for(150)

        # Then the other partition is delivered, and nothing of this one, whose offset stands
        wait_until(
            lambda: kafka.committed(town.group, town.topic)[1].offset == 100, "committed", 20
        )
        assert bridge.stop() == 0
    assert kafka.committed(town.group, town.topic)[0].offset == 50
    assert town.reconcile([*range(100), *range(101, 200, 2)]) == ([], 0)

    # And when a person moves the offset, it goes on there
    _move(kafka, town.group, town.topic, 80)
    with town.bridge() as bridge:
        town.wait_until_all_is_committed()
        assert bridge.stop() == 0
    assert town.reconcile([*range(100), *range(101, 200, 2), *range(160, 200, 2)]) == ([], 0)


def test_with_out_of_range_earliest_it_goes_on_behind_the_hole_and_says_so(
    kafka: KafkaCluster, found_town: FoundTown
) -> None:
    """What retention has removed is gone; all that is left arrives."""
    town = _with_a_hole(kafka, found_town)
    town.settings["out_of_range"] = "earliest"

    with town.bridge() as bridge:
        town.wait_until_all_is_committed()
        assert any("left the log" in line["event"] for line in bridge.lines)
        assert bridge.stop() == 0

    assert town.reconcile([*range(100), *range(101, 200, 2), *range(160, 200, 2)]) == ([], 0)


def test_an_offset_that_a_person_moved_back_is_obeyed(
    kafka: KafkaCluster, found_town: FoundTown
) -> None:
    """Whoever resets a group wants the records again, though the bridge remembers them."""
    # Given a stopped bridge that has delivered 100 records
    town = found_town(kafka, partitions=1)
    town.write(100)
    with town.bridge() as bridge:
        town.wait_until_all_is_committed()
        assert bridge.stop() == 0

    # When the group's offset is moved back to the 40th
    _move(kafka, town.group, town.topic, 40)
    with town.bridge() as bridge:
        town.wait_until_all_is_committed()
        assert bridge.stop() == 0

    # Then exactly those behind it came again
    arrived = town.arrived()
    assert [arrived[n] for n in range(100)] == [1] * 40 + [2] * 60


def _committed_up_to_the_marker(town: Town) -> bool:
    """Whether only the last transaction's marker is behind the offset: nobody is told of it."""
    told = town.kafka.committed(town.group, town.topic)
    return 0 in told and told[0].offset >= town.kafka.end_offsets(town.topic)[0] - 1


def _with_a_hole(kafka: KafkaCluster, found_town: FoundTown) -> Town:
    """Two partitions of 100 records, committed at 50; the first begins at 80 by now."""
    town = found_town(kafka, partitions=2)
    town.write(100)
    with town.bridge() as bridge:
        town.wait_until_all_is_committed()
        assert bridge.stop() == 0
    town.write(100)
    kafka.delete_records(town.topic, 0, before=80)
    return town


def _move(kafka: KafkaCluster, group: str, topic: str, offset: int) -> None:
    """Set the group's offset of partition 0, as kafka-consumer-groups does."""
    asked = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, 0, offset)])
    for future in kafka.admin.alter_consumer_group_offsets([asked]).values():
        future.result(10)
