"""Retention, and committed offsets that an operator changes."""

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition

from tests.services.java import wait_until
from tests.services.kafka import KafkaCluster
from tests.stories.conftest import MakeCluster
from tests.stories.kafka_fixture import ClusterFixture

pytestmark = [pytest.mark.real, pytest.mark.story, pytest.mark.timeout(120)]


def test_a_partition_whose_offset_is_out_of_range_halts_until_an_operator_resets_the_offset(
    kafka: KafkaCluster, make_cluster: MakeCluster
) -> None:
    """`out_of_range: halt` never skips records silently; other partitions continue."""
    # Given a stopped bridge, and retention that deleted the committed offset of one partition
    cluster = _with_deleted_records(kafka, make_cluster)
    with cluster.bridge() as bridge:
        # When the next bridge starts
        bridge.wait_until_logged("halted", scope=f"{cluster.topic}/0")
        cluster.wait_for(150)

        # Then the other partition is delivered, and this one stays at its committed offset
        wait_until(
            lambda: kafka.committed(cluster.group, cluster.topic)[1].offset == 100, "committed", 20
        )
        assert bridge.stop() == 0
    assert kafka.committed(cluster.group, cluster.topic)[0].offset == 50
    assert cluster.reconcile([*range(100), *range(101, 200, 2)]) == ([], 0)

    # And when an operator resets the offset, reading continues there
    _reset_offset(kafka, cluster.group, cluster.topic, 80)
    with cluster.bridge() as bridge:
        cluster.wait_until_all_is_committed()
        assert bridge.stop() == 0
    assert cluster.reconcile([*range(100), *range(101, 200, 2), *range(160, 200, 2)]) == ([], 0)


def test_with_out_of_range_earliest_reading_continues_at_the_first_record_and_is_logged(
    kafka: KafkaCluster, make_cluster: MakeCluster
) -> None:
    """All records that retention has not deleted arrive."""
    cluster = _with_deleted_records(kafka, make_cluster)
    cluster.settings["out_of_range"] = "earliest"

    with cluster.bridge() as bridge:
        cluster.wait_until_all_is_committed()
        assert any("offset out of range" in line["event"] for line in bridge.lines)
        assert bridge.stop() == 0

    assert cluster.reconcile([*range(100), *range(101, 200, 2), *range(160, 200, 2)]) == ([], 0)


def test_an_offset_that_an_operator_resets_is_used(
    kafka: KafkaCluster, make_cluster: MakeCluster
) -> None:
    """A reset means that the records are wanted again, although the bridge knows them."""
    # Given a stopped bridge that has delivered 100 records
    cluster = make_cluster(kafka, partitions=1)
    cluster.write(100)
    with cluster.bridge() as bridge:
        cluster.wait_until_all_is_committed()
        assert bridge.stop() == 0

    # When the group's offset is reset to 40
    _reset_offset(kafka, cluster.group, cluster.topic, 40)
    with cluster.bridge() as bridge:
        cluster.wait_until_all_is_committed()
        assert bridge.stop() == 0

    # Then exactly the records from there on arrived again
    arrived = cluster.arrived()
    assert [arrived[n] for n in range(100)] == [1] * 40 + [2] * 60


def _with_deleted_records(kafka: KafkaCluster, make_cluster: MakeCluster) -> ClusterFixture:
    """Two partitions of 100 records, committed at 50; the first one now starts at 80."""
    cluster = make_cluster(kafka, partitions=2)
    cluster.write(100)
    with cluster.bridge() as bridge:
        cluster.wait_until_all_is_committed()
        assert bridge.stop() == 0
    cluster.write(100)
    kafka.delete_records(cluster.topic, 0, before=80)
    return cluster


def _reset_offset(kafka: KafkaCluster, group: str, topic: str, offset: int) -> None:
    """Set the group's offset of partition 0, as kafka-consumer-groups does."""
    request = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, 0, offset)])
    for future in kafka.admin.alter_consumer_group_offsets([request]).values():
        future.result(10)
