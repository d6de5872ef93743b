"""The mock cluster with real clients; fast tests and the demo depend on it."""

from collections.abc import Iterator

import confluent_kafka
import pytest

from bridge.sandbox.kafka.mock_cluster import MockCluster


@pytest.fixture
def cluster() -> Iterator[MockCluster]:
    """A running cluster of one broker."""
    with MockCluster() as cluster:
        yield cluster


def _producer(cluster: MockCluster, **more: object) -> confluent_kafka.Producer:
    settings = {"bootstrap.servers": cluster.bootstrap_servers, "log_level": 0, "linger.ms": 0}
    return confluent_kafka.Producer({**settings, **more})


def _consumer(cluster: MockCluster) -> confluent_kafka.Consumer:
    return confluent_kafka.Consumer(
        {
            "bootstrap.servers": cluster.bootstrap_servers,
            "group.id": "g",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "session.timeout.ms": 2500,
            "heartbeat.interval.ms": 300,
            "log_level": 0,
        }
    )


def test_a_created_topic_has_its_partitions(cluster: MockCluster) -> None:
    """Creating it again raises librdkafka's error."""
    cluster.create_topic("payments", 3)
    metadata = _producer(cluster).list_topics("payments", timeout=5)
    assert len(metadata.topics["payments"].partitions) == 3
    with pytest.raises(RuntimeError, match="exists"):
        cluster.create_topic("payments", 3)


def test_a_classic_group_joins_reads_and_commits(cluster: MockCluster) -> None:
    """A short initial rebalance delay keeps it to tenths of a second."""
    cluster.create_topic("t", 1)
    producer = _producer(cluster)
    producer.produce("t", b"v", headers={"h": b"x"})
    assert producer.flush(5) == 0
    consumer = _consumer(cluster)
    try:
        consumer.subscribe(["t"])
        (message,) = consumer.consume(1, timeout=5)
        assert (message.value(), message.headers()) == (b"v", [("h", b"x")])
        position = confluent_kafka.TopicPartition("t", 0, 1, "note")
        consumer.commit(offsets=[position], asynchronous=False)
        (committed,) = consumer.committed([confluent_kafka.TopicPartition("t", 0)], timeout=5)
        assert (committed.offset, committed.metadata) == (1, "note")
    finally:
        consumer.close()


def test_injected_errors_reach_the_client_and_can_be_cleared(cluster: MockCluster) -> None:
    """The delivery report shows the refused produce request."""
    cluster.create_topic("t", 1)
    producer = _producer(cluster, retries=0)
    error_codes: list[object] = []
    cluster.push_request_errors(0, [confluent_kafka.KafkaError.MSG_SIZE_TOO_LARGE])
    producer.produce(
        "t", b"1", on_delivery=lambda error, _: error_codes.append(error and error.code())
    )
    producer.flush(5)
    cluster.push_request_errors(0, [confluent_kafka.KafkaError.MSG_SIZE_TOO_LARGE])
    cluster.clear_request_errors(0)
    producer.produce(
        "t", b"2", on_delivery=lambda error, _: error_codes.append(error and error.code())
    )
    producer.flush(5)
    assert error_codes == [confluent_kafka.KafkaError.MSG_SIZE_TOO_LARGE, None]


def test_a_broker_goes_down_and_comes_back(cluster: MockCluster) -> None:
    """Queued records are delivered afterwards."""
    cluster.create_topic("t", 1)
    producer = _producer(cluster, **{"reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 50})
    cluster.broker_down()
    producer.produce("t", b"1")
    assert producer.flush(0.3) == 1
    cluster.broker_up()
    assert producer.flush(5) == 0


def test_deleting_records_moves_the_low_watermark(cluster: MockCluster) -> None:
    """As retention does."""
    cluster.create_topic("t", 1)
    producer = _producer(cluster)
    for _ in range(3):
        producer.produce("t", b"v")
        producer.flush(5)
    cluster.delete_records("t", 0, 2)
    consumer = _consumer(cluster)
    try:
        partition = confluent_kafka.TopicPartition("t", 0)
        assert consumer.get_watermark_offsets(partition, timeout=5) == (2, 3)
    finally:
        consumer.close()


def test_a_closed_cluster_raises_an_error() -> None:
    """No call reaches freed memory, and closing twice does nothing."""
    with MockCluster() as cluster:
        pass
    cluster.close()
    with pytest.raises(RuntimeError, match="not running"):
        cluster.create_topic("t")
