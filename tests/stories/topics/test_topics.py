"""Topics that are compacted, deleted, made anew, or full in one partition only."""

import time

import psutil  # type: ignore[import-untyped]  # only the stubs are missing
import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition

from tests.services.fixtures import StartKafka
from tests.services.java import wait_until
from tests.services.kafka import KafkaCluster
from tests.stories.conftest import FoundTown
from tests.stories.kafka_fixture import encode, moving

pytestmark = [pytest.mark.real, pytest.mark.story, pytest.mark.long, pytest.mark.timeout(180)]


def test_the_gaps_of_a_compacted_topic_hold_nothing_up(
    start_kafka: StartKafka, found_town: FoundTown
) -> None:
    """What compaction has removed is nothing to wait for, and its offsets are passed."""
    # Given 200 records of ten keys in a compacted topic
    kafka = start_kafka(properties={"log.cleaner.backoff.ms": "200"})
    town = found_town(kafka, partitions=1)
    compacted = {
        "cleanup.policy": "compact",
        "segment.ms": "100",
        "min.cleanable.dirty.ratio": "0.001",
    }
    town.topic = kafka.create_topic(f"{town.topic}.compacted", config=compacted)
    for n in range(200):
        value = encode(town.schema_id, n)
        kafka.produce(town.topic, [value], partition=0, key=f"{n % 10}".encode())

    # When compaction has left little of them
    wait_until(lambda: len(kafka.read(town.topic)) < 40, "compaction", 60)
    left = len(kafka.read(town.topic))
    with town.bridge() as bridge:
        bridge.wait_until(town.all_is_committed, "everything committed", 30)
        assert bridge.stop() == 0

    # Then the last record of every key arrived, once, and its end is committed
    assert left <= len(town.arrived()) + 1
    assert town.reconcile(sorted(town.arrived()))[1] == 0
    assert set(range(190, 200)) <= set(town.arrived())


def test_a_topic_that_is_deleted_and_made_anew_is_read_from_its_first_record(
    kafka3: KafkaCluster, found_town: FoundTown
) -> None:
    """Offsets of the old topic, and what was known of them, say nothing of the new one."""
    # Given a bridge that has delivered 300 records
    town = found_town(kafka3, partitions=2)
    town.kafka_settings = {"topic.metadata.refresh.interval.ms": 500}
    town.write(300)
    with town.bridge() as bridge:
        town.wait_until_all_is_committed()

        # When its topic is deleted, and another one made with its name, and written to
        kafka3.delete_topic(town.topic)
        time.sleep(2)
        wait_until(lambda: _created(kafka3, town.topic), "the new topic", 30)
        town.write(400)

        # Then it is still alive, and all of the new topic arrives, once
        bridge.wait_until(town.all_is_committed, "everything committed", 60)
        assert bridge.stop() == 0
    assert town.reconcile() == ([], 0)


def test_a_topic_that_is_made_anew_while_the_bridge_is_stopped_is_read_from_its_start(
    kafka3: KafkaCluster, found_town: FoundTown
) -> None:
    """Kafka forgets the offsets of a topic that it deletes; the next bridge begins anew."""
    town = found_town(kafka3, partitions=2)
    town.write(300)
    with town.bridge() as bridge:
        town.wait_until_all_is_committed()
        assert bridge.stop() == 0

    kafka3.delete_topic(town.topic)
    wait_until(lambda: _created(kafka3, town.topic), "the new topic", 30)
    town.write(400)
    with town.bridge() as bridge:
        bridge.wait_until(town.all_is_committed, "everything committed", 60)
        assert bridge.stop() == 0

    assert town.reconcile() == ([], 0)


def test_an_offset_beyond_the_end_of_the_log_halts_and_replays_nothing(
    kafka3: KafkaCluster, found_town: FoundTown
) -> None:
    """As after an unclean election: what Kafka has lost is told, and nothing is sent again."""
    # Given a stopped bridge whose committed offset is far beyond the end of one partition
    town = found_town(kafka3, partitions=2)
    town.write(100)
    with town.bridge() as bridge:
        town.wait_until_all_is_committed()
        assert bridge.stop() == 0
    beyond = ConsumerGroupTopicPartitions(town.group, [TopicPartition(town.topic, 0, 500)])
    for future in kafka3.admin.alter_consumer_group_offsets([beyond]).values():
        future.result(10)
    town.write(100)

    # When the next one begins
    with town.bridge() as bridge:
        bridge.wait_until_logged("halted", scope=f"{town.topic}/0")
        town.wait_for(150)
        moving(lambda: len(town.fullstory.accepted))

        # Then the other partition is delivered, and nothing of this one
        assert bridge.stop() == 0
    assert town.reconcile([*range(100), *range(101, 200, 2)]) == ([], 0)


@pytest.mark.faults
def test_one_hot_partition_fills_neither_the_memory_nor_the_others_place(
    kafka3: KafkaCluster, found_town: FoundTown
) -> None:
    """20,000 records wait in one partition: the few in the others do not wait for them."""
    # Given a bridge busy with one hot partition
    town = found_town(kafka3)
    town.fullstory.turn(latency_s=0.1)
    town.write(20_000, partition=0)
    with town.bridge() as bridge:
        town.wait_for(2_000)
        before_bytes = _rss_bytes(bridge.pid)

        # When a few records come in the others
        for partition in (1, 2, 3):
            town.write(10, partition=partition)
        few, hot_before = set(range(20_000, 20_030)), len(town.arrived())
        bridge.wait_until(lambda: town.arrived().keys() >= few, "the few", 60)

        # Then they waited for half a window of the hot ones at most, and memory has not grown
        hot_meanwhile = len(town.arrived().keys() - few) - hot_before
        assert hot_meanwhile < 3_000
        bridge.wait_until(town.all_is_committed, "everything committed", 90)
        assert _rss_bytes(bridge.pid) - before_bytes < 40e6
        assert bridge.stop() == 0
    assert town.reconcile() == ([], 0)


def _rss_bytes(pid: int) -> int:
    return int(psutil.Process(pid).memory_info().rss)


def _created(kafka: KafkaCluster, topic: str) -> bool:
    """Whether the topic could be made: for a while after its end its name is taken."""
    try:
        kafka.create_topic(topic, 2)
    except Exception:
        return False
    return True
