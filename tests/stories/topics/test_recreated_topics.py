"""Recreated topics: the name and the offsets are the same, but the records are not.

Kafka deletes a group's offsets with the topic. But librdkafka does not report the new topic, so a
running bridge would continue at its old offset and commit it.
"""

import pytest
from confluent_kafka import KafkaException, TopicCollection

from bridge.delivery.commit_metadata import encode
from bridge.kafka.consumer.topic_ids import short_id
from tests.services.java import wait_until
from tests.services.kafka import KafkaCluster
from tests.stories.conftest import MakeCluster
from tests.stories.kafka_fixture import ClusterFixture

pytestmark = [pytest.mark.real, pytest.mark.story, pytest.mark.timeout(120)]

TOLD = "the topic {} was recreated: it is read from the beginning"


@pytest.mark.parametrize(
    ("protocol", "partitions"),
    [
        ("classic", 2),
        pytest.param("consumer", 2, marks=pytest.mark.long),
        pytest.param("classic", 1, marks=pytest.mark.long),
        pytest.param("consumer", 1, marks=pytest.mark.long),
        pytest.param("classic", 3, marks=pytest.mark.long),
        pytest.param("consumer", 3, marks=pytest.mark.long),
    ],
)
def test_a_topic_recreated_under_a_running_bridge_is_read_from_its_first_record(
    kafka: KafkaCluster, make_cluster: MakeCluster, protocol: str, partitions: int
) -> None:
    """The new topic may be shorter or longer, and have fewer or more partitions."""
    # Given a bridge with `start: latest` that has delivered 100 records
    cluster = make_cluster(kafka, partitions=2)
    cluster.settings["start"] = "latest"
    cluster.kafka_settings = {"group.protocol": protocol}
    if partitions > 2:  # detects added partitions quickly
        cluster.kafka_settings["topic.metadata.refresh.interval.ms"] = 1_000
    if protocol == "consumer":
        cluster.kafka_settings |= {"session.timeout.ms": None, "heartbeat.interval.ms": None}
    with cluster.bridge() as bridge:
        bridge.wait_until_assigned([f"{cluster.topic}/0", f"{cluster.topic}/1"])
        cluster.write(100)
        cluster.wait_until_all_is_committed()

        # When its topic is deleted and immediately recreated: one partition has more records than
        # were delivered from the old one, the other has fewer
        _recreate(cluster, partitions)
        cluster.write(200, partition=0)
        if partitions > 1:
            cluster.write(10, partition=1)
        bridge.wait_until_logged(TOLD.format(cluster.topic))

        # Then all records of the new topic arrive, and nothing halts
        bridge.wait_until(
            lambda: len(cluster.arrived()) == cluster.written, "all records of the new topic", 30
        )
        bridge.wait_until(cluster.all_is_committed, "everything committed", 30)
        assert not bridge.has_logged("halted")
        assert bridge.stop() == 0

    # And only records read before the detection are duplicates
    lost, duplicates = cluster.reconcile()
    assert lost == []
    assert duplicates <= 150


def test_a_commit_for_the_old_topic_does_not_skip_records_of_the_recreated_topic(
    kafka: KafkaCluster, make_cluster: MakeCluster
) -> None:
    """This happens if a bridge is killed before it detects the recreated topic."""
    # Given a stopped bridge that has delivered 100 records
    cluster = make_cluster(kafka, partitions=1)
    cluster.write(100)
    _run_until_committed(cluster)
    old_id = _topic_id(cluster)
    assert "fsb2." in kafka.committed(cluster.group, cluster.topic)[0].metadata

    # When its topic is recreated, and a late commit has offsets of the old one
    _recreate(cluster, 1)
    assert kafka.committed(cluster.group, cluster.topic) == {}
    cluster.write(300)
    cluster.commit(100, encode(100, 1, [(150, 200)], old_id))
    cluster.settings["start"] = "latest"
    with cluster.bridge() as bridge:
        bridge.wait_until_logged(TOLD.format(cluster.topic))
        bridge.wait_until(lambda: len(cluster.arrived()) == 400, "all records of the new topic", 30)
        bridge.wait_until(cluster.all_is_committed, "everything committed", 30)
        assert bridge.stop() == 0

    # Then all records of the new topic arrive; those read before its id was known are duplicates
    lost, duplicates = cluster.reconcile()
    assert lost == []
    assert duplicates <= 200


def _recreate(cluster: ClusterFixture, partitions: int) -> None:
    cluster.kafka.delete_topic(cluster.topic)
    wait_until(lambda: _created(cluster, partitions), "the new topic", 30)


def _created(cluster: ClusterFixture, partitions: int) -> bool:
    """Whether the topic was created; right after the deletion its name is still in use."""
    try:
        cluster.kafka.create_topic(cluster.topic, partitions)
    except KafkaException:
        return False
    return True


def _topic_id(cluster: ClusterFixture) -> int:
    asked = cluster.kafka.admin.describe_topics(TopicCollection([cluster.topic]))
    described = cluster.kafka.admin.describe_cluster().result(10)
    return short_id(str(described.cluster_id), str(asked[cluster.topic].result(10).topic_id))


def _run_until_committed(cluster: ClusterFixture) -> None:
    with cluster.bridge() as bridge:
        bridge.wait_until(cluster.all_is_committed, "everything committed", 60)
        assert bridge.stop() == 0
