"""The end of a partition whose last offsets hold no record that a consumer could read."""

import contextlib
import time
from collections.abc import Callable

import pytest
from confluent_kafka import Producer

from tests.services.fixtures import StartKafka
from tests.services.java import wait_until
from tests.services.kafka import KafkaCluster
from tests.stories.conftest import MakeCluster
from tests.stories.kafka_fixture import ClusterFixture, Member, encode

pytestmark = [pytest.mark.real, pytest.mark.story, pytest.mark.timeout(180)]

COMPACTED = {
    "cleanup.policy": "compact,delete",  # only then may records be deleted as retention does
    "segment.ms": "100",
    "min.cleanable.dirty.ratio": "0.001",
    "delete.retention.ms": "0",
}
READERS = ["the same bridge", "a restarted bridge", "another member"]
SEGMENT_S = 0.3
"""Longer than `segment.ms`: the next write begins a new segment."""


def test_aborted_records_are_not_sent_and_transaction_markers_do_not_block_commits(
    kafka: KafkaCluster, make_cluster: MakeCluster
) -> None:
    """Committed offsets advance past aborted records and Kafka's control records."""
    # Given three transactions of 50 records each; the second is aborted
    cluster = make_cluster(kafka, partitions=1)
    writer = Transactions(cluster)
    for number, finish in enumerate((writer.commit, writer.abort, writer.commit)):
        finish(range(50 * number, 50 * number + 50))

    # When a bridge reads them, and then another one
    for _ in range(2):
        with cluster.bridge() as bridge:
            bridge.wait_until_assigned_any()
            bridge.wait_until(cluster.all_is_committed, "everything committed")
            assert bridge.stop() == 0

    # Then each committed record arrived once
    assert cluster.reconcile([*range(50), *range(100, 150)]) == ([], 0)


@pytest.mark.parametrize("tail", ["a transaction marker", "10,000 aborted records"])
@pytest.mark.parametrize("reader", READERS)
def test_retention_up_to_an_unreadable_tail_halts_nothing_and_loses_nothing(
    kafka: KafkaCluster, make_cluster: MakeCluster, tail: str, reader: str
) -> None:
    """The end is committed behind the tail, so it stays in the log."""
    # Given a bridge at the end of a partition whose last offsets hold no readable record
    cluster = make_cluster(kafka, partitions=1)
    writer = Transactions(cluster)
    with cluster.bridge() as bridge:
        bridge.wait_until_assigned_any()
        writer.commit(range(3))
        if "aborted" in tail:
            writer.abort(range(3, 10_003))

        # Then its lag is 0, as Kafka's own tools calculate it
        bridge.wait_until(cluster.all_is_committed, "a lag of 0")

        # When retention deletes everything, and one of the bridges reads on
        _read_on(cluster, bridge, reader, lambda: writer.commit(range(10_003, 10_006)))

    # Then each committed record arrived once
    assert cluster.reconcile([*range(3), *range(10_003, 10_006)]) == ([], 0)


def _read_on(
    cluster: ClusterFixture, bridge: Member, reader: str, write: Callable[[], None]
) -> None:
    """Delete all records, and let `reader` read those that are written then."""
    if reader == "a restarted bridge":
        assert bridge.stop() == 0
    _delete_all(cluster)
    with contextlib.ExitStack() as stack:
        if reader != "the same bridge":
            stack.enter_context(cluster.bridge())
        if reader == "another member":
            wait_until(lambda: cluster.kafka.members(cluster.group) == 2, "a second member", 20)
            assert bridge.stop() == 0
        write()
        wait_until(cluster.all_is_committed, "everything committed", 40)


def _delete_all(cluster: ClusterFixture) -> None:
    end = cluster.kafka.end_offsets(cluster.topic)[0]
    cluster.kafka.delete_records(cluster.topic, 0, before=end)
    assert cluster.kafka.start_offsets(cluster.topic)[0] == end


def _committed(cluster: ClusterFixture) -> int:
    committed = cluster.kafka.committed(cluster.group, cluster.topic)
    return committed[0].offset if committed else -1


@pytest.mark.long
@pytest.mark.parametrize("reader", READERS)
def test_the_end_behind_a_compacted_tail_is_committed(
    start_kafka: StartKafka, make_cluster: MakeCluster, reader: str
) -> None:
    """Compaction may remove the last records; a bridge that starts later reads nothing there."""
    # Given a bridge that stopped in front of records that compaction then removed
    kafka = start_kafka(properties={"log.cleaner.backoff.ms": "200"})
    cluster = make_cluster(kafka, partitions=1)
    cluster.topic = kafka.create_topic(f"{cluster.topic}.compacted", config=COMPACTED)
    writer = Transactions(cluster)
    writer.commit(range(3), key="a")
    with cluster.bridge() as bridge:
        bridge.wait_until(cluster.all_is_committed, "everything committed")
        assert bridge.stop() == 0
    writer.delete("b", times=50)
    wait_until(lambda: len(kafka.read(cluster.topic)) < 10, "compaction", 60)

    # When the next bridge starts
    with cluster.bridge() as bridge:
        # Then its lag is 0, and retention up to there halts nothing
        bridge.wait_until(cluster.all_is_committed, "a lag of 0")
        _read_on(cluster, bridge, reader, lambda: writer.commit(range(3, 6), key="c"))
    assert cluster.reconcile(range(6)) == ([], 0)


def test_the_end_is_not_committed_while_a_transaction_is_open(
    kafka: KafkaCluster, make_cluster: MakeCluster
) -> None:
    """Its records are read once it is committed."""
    # Given an open transaction at the end of a partition
    cluster = make_cluster(kafka, partitions=1)
    writer = Transactions(cluster)
    writer.commit(range(3))
    writer.begin(range(3, 6))
    with cluster.bridge() as bridge:
        # When the bridge has read everything before it
        wait_until(lambda: _committed(cluster) == 4, "the first transaction committed", 40)
        assert bridge.stop() == 0
    assert _committed(cluster) == 4

    # Then the next bridge reads its records once it is committed
    with cluster.bridge() as bridge:
        bridge.wait_until_assigned_any()
        writer.end()
        bridge.wait_until(cluster.all_is_committed, "everything committed")
        assert bridge.stop() == 0
    assert cluster.reconcile(range(6)) == ([], 0)


class Transactions:
    """Writes to partition 0 of the cluster's topic in transactions."""

    def __init__(self, cluster: ClusterFixture) -> None:
        self._cluster = cluster
        servers, name = cluster.kafka.bootstrap_servers, cluster.group
        settings = {"bootstrap.servers": servers, "transactional.id": name, "log_level": 0}
        self._producer = Producer(settings)
        self._producer.init_transactions(20)

    def commit(self, numbers: range, key: str | None = None) -> None:
        """Write records with these numbers and commit them."""
        self.begin(numbers, key)
        self.end()

    def abort(self, numbers: range) -> None:
        """Write records with these numbers and abort them."""
        self.begin(numbers)
        self._producer.abort_transaction(20)
        self._wait_for_marker()

    def begin(self, numbers: range, key: str | None = None) -> None:
        """Write records with these numbers and leave the transaction open."""
        self._begin(len(numbers))
        for n in numbers:
            self._write(encode(self._cluster.schema_id, n), key)
        self._producer.flush(20)

    def end(self) -> None:
        """Commit the open transaction."""
        self._producer.commit_transaction(20)
        self._wait_for_marker()

    def delete(self, key: str, times: int) -> None:
        """Write only tombstones of a key, and then a marker that begins a new segment."""
        self._begin(times)
        for _ in range(times):
            self._write(None, key)
        self._producer.flush(20)
        time.sleep(SEGMENT_S)
        self.end()

    def _begin(self, records: int) -> None:
        self._records_end = self._cluster.kafka.end_offsets(self._cluster.topic)[0] + records
        self._producer.begin_transaction()

    def _write(self, value: bytes | None, key: str | None) -> None:
        self._producer.produce(self._cluster.topic, value, key, partition=0)
        self._producer.poll(0)

    def _wait_for_marker(self) -> None:
        """Wait for the marker: the broker writes it after it has answered the client."""
        end = self._records_end + 1
        kafka, topic = self._cluster.kafka, self._cluster.topic
        wait_until(lambda: kafka.end_offsets(topic)[0] == end, "the marker", 20)
