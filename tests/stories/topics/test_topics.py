"""Topics that are compacted, deleted, recreated, or have one hot partition."""

import time

import psutil  # type: ignore[import-untyped]  # only the stubs are missing
import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition

from tests.services.fixtures import StartKafka
from tests.services.java import wait_until
from tests.services.kafka import KafkaCluster
from tests.stories.conftest import MakeCluster
from tests.stories.kafka_fixture import encode, wait_until_stable

pytestmark = [pytest.mark.real, pytest.mark.story, pytest.mark.long, pytest.mark.timeout(180)]


def test_the_gaps_of_a_compacted_topic_do_not_block_commits(
    start_kafka: StartKafka, make_cluster: MakeCluster
) -> None:
    """Offsets that compaction has removed are skipped."""
    # Given 200 records of ten keys in a compacted topic
    kafka = start_kafka(properties={"log.cleaner.backoff.ms": "200"})
    cluster = make_cluster(kafka, partitions=1)
    compacted = {
        "cleanup.policy": "compact",
        "segment.ms": "100",
        "min.cleanable.dirty.ratio": "0.001",
    }
    cluster.topic = kafka.create_topic(f"{cluster.topic}.compacted", config=compacted)
    for n in range(200):
        value = encode(cluster.schema_id, n)
        kafka.produce(cluster.topic, [value], partition=0, key=f"{n % 10}".encode())

    # When compaction has removed most of them
    wait_until(lambda: len(kafka.read(cluster.topic)) < 40, "compaction", 60)
    left = len(kafka.read(cluster.topic))
    with cluster.bridge() as bridge:
        bridge.wait_until(cluster.all_is_committed, "everything committed", 30)
        assert bridge.stop() == 0

    # Then the last record of every key arrives once, and the end is committed
    assert left <= len(cluster.arrived()) + 1
    assert cluster.reconcile(sorted(cluster.arrived()))[1] == 0
    assert set(range(190, 200)) <= set(cluster.arrived())


def test_a_recreated_topic_is_read_from_its_first_record(
    kafka3: KafkaCluster, make_cluster: MakeCluster
) -> None:
    """Offsets and progress of the old topic do not apply to the new one."""
    # Given a bridge that has delivered 300 records
    cluster = make_cluster(kafka3, partitions=2)
    cluster.kafka_settings = {"topic.metadata.refresh.interval.ms": 500}
    cluster.write(300)
    with cluster.bridge() as bridge:
        cluster.wait_until_all_is_committed()

        # When its topic is deleted and recreated, and records are written
        kafka3.delete_topic(cluster.topic)
        time.sleep(2)
        wait_until(lambda: _created(kafka3, cluster.topic), "the new topic", 30)
        cluster.write(400)

        # Then it is still running, and every record of the new topic arrives once
        bridge.wait_until(cluster.all_is_committed, "everything committed", 60)
        assert bridge.stop() == 0
    assert cluster.reconcile() == ([], 0)


def test_a_topic_recreated_while_the_bridge_is_stopped_is_read_from_its_beginning(
    kafka3: KafkaCluster, make_cluster: MakeCluster
) -> None:
    """Kafka deletes the offsets with the topic, so `start` applies to the next bridge."""
    cluster = make_cluster(kafka3, partitions=2)
    cluster.write(300)
    with cluster.bridge() as bridge:
        cluster.wait_until_all_is_committed()
        assert bridge.stop() == 0

    kafka3.delete_topic(cluster.topic)
    wait_until(lambda: _created(kafka3, cluster.topic), "the new topic", 30)
    cluster.write(400)
    with cluster.bridge() as bridge:
        bridge.wait_until(cluster.all_is_committed, "everything committed", 60)
        assert bridge.stop() == 0

    assert cluster.reconcile() == ([], 0)


def test_an_offset_beyond_the_end_of_the_log_halts_and_repeats_nothing(
    kafka3: KafkaCluster, make_cluster: MakeCluster
) -> None:
    """As after an unclean leader election: the loss is logged, and nothing is sent again."""
    # Given a stopped bridge whose committed offset is far beyond the end of one partition
    cluster = make_cluster(kafka3, partitions=2)
    cluster.write(100)
    with cluster.bridge() as bridge:
        cluster.wait_until_all_is_committed()
        assert bridge.stop() == 0
    beyond = ConsumerGroupTopicPartitions(cluster.group, [TopicPartition(cluster.topic, 0, 500)])
    for future in kafka3.admin.alter_consumer_group_offsets([beyond]).values():
        future.result(10)
    cluster.write(100)

    # When the next one starts
    with cluster.bridge() as bridge:
        bridge.wait_until_logged("halted", scope=f"{cluster.topic}/0")
        cluster.wait_for(150)
        wait_until_stable(lambda: len(cluster.fullstory.accepted))

        # Then only the other partition is delivered
        assert bridge.stop() == 0
    assert cluster.reconcile([*range(100), *range(101, 200, 2)]) == ([], 0)


@pytest.mark.faults
def test_one_hot_partition_does_not_fill_memory_or_block_the_others(
    kafka3: KafkaCluster, make_cluster: MakeCluster
) -> None:
    """20,000 records wait in one partition; the few in the others do not wait for all of them."""
    # Given a bridge that is busy with one hot partition
    cluster = make_cluster(kafka3)
    cluster.fullstory.configure(latency_s=0.1)
    cluster.write(20_000, partition=0)
    with cluster.bridge() as bridge:
        cluster.wait_for(2_000)
        before_bytes = _rss_bytes(bridge.pid)

        # When a few records arrive in the others
        for partition in (1, 2, 3):
            cluster.write(10, partition=partition)
        few, hot_before = set(range(20_000, 20_030)), len(cluster.arrived())
        bridge.wait_until(lambda: cluster.arrived().keys() >= few, "the few", 60)

        # Then they wait for at most half a window of the hot ones, and memory does not grow
        hot_meanwhile = len(cluster.arrived().keys() - few) - hot_before
        assert hot_meanwhile < 3_000
        bridge.wait_until(cluster.all_is_committed, "everything committed", 90)
        assert _rss_bytes(bridge.pid) - before_bytes < 40e6
        assert bridge.stop() == 0
    assert cluster.reconcile() == ([], 0)


def _rss_bytes(pid: int) -> int:
    return int(psutil.Process(pid).memory_info().rss)


def _created(kafka: KafkaCluster, topic: str) -> bool:
    """Whether the topic was created; right after the deletion its name is still in use."""
    try:
        kafka.create_topic(topic, 2)
    except Exception:
        return False
    return True
