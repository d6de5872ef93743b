"""The record reader against librdkafka's mock cluster and a real Kafka."""

import itertools
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from bridge.errors import SetupError, Unavailable
from bridge.kafka.record_reader import follow, read_last, read_one
from bridge.sandbox.kafka.mock_cluster import MockCluster
from tests.services.java import wait_until

TIMEOUT_S = 20.0


@dataclass(frozen=True)
class Cluster:
    """The mock or the real cluster, with the methods that the tests need."""

    bootstrap_servers: str
    create_topic: Callable[[str, int], object]

    @property
    def settings(self) -> dict[str, str]:
        """The user's Kafka settings."""
        return {"bootstrap.servers": self.bootstrap_servers, "group.id": "reader-tests"}

    def topic(self, partitions: int = 1) -> str:
        """Create a topic."""
        name = f"reader.{uuid.uuid4().hex[:8]}"
        self.create_topic(name, partitions)
        return name

    def write(
        self, topic: str, values: list[bytes | None], partition: int = 0, first_ms: int = 1_000
    ) -> None:
        """Write one record per millisecond."""
        producer = Producer({"bootstrap.servers": self.bootstrap_servers, "log_level": 0})
        for number, value in enumerate(values):
            producer.produce(
                topic,
                value,
                b"k",
                partition,
                timestamp=first_ms + number,
                headers=[("h", b"x")],
            )
        assert producer.flush(TIMEOUT_S) == 0


@pytest.fixture(scope="module")
def mock() -> Iterator[MockCluster]:
    """One mock cluster for all tests."""
    with MockCluster() as cluster:
        yield cluster


@pytest.fixture(params=["mock", pytest.param("real", marks=pytest.mark.real)])
def cluster(request: pytest.FixtureRequest) -> Cluster:
    """The mock cluster, then the real one."""
    found = request.getfixturevalue("mock" if request.param == "mock" else "kafka")
    return Cluster(found.bootstrap_servers, found.create_topic)


def test_one_record_is_read_completely(cluster: Cluster) -> None:
    """Value, key, headers, timestamp and position; also a tombstone."""
    topic = cluster.topic(2)
    cluster.write(topic, [b"a", None, b"c"], partition=1)

    record = read_one(cluster.settings, topic, 1, 0, TIMEOUT_S)
    tombstone = read_one(cluster.settings, topic, 1, 1, TIMEOUT_S)

    assert (record.value, record.key, record.timestamp_ms) == (b"a", b"k", 1_000)
    assert (record.place, list(record.headers)) == (f"{topic}/1/0", [("h", b"x")])
    assert (tombstone.value, tombstone.offset) == (None, 1)


@pytest.mark.parametrize(
    ("partition", "offset", "message"),
    [
        (0, 3, "/0 has no offset 3: it holds 0 to 2"),
        (1, 0, "/1 has no offset 0: it is empty"),
        (2, 0, "has no partition 2"),
    ],
)
def test_an_offset_without_a_record_reports_the_existing_range(
    cluster: Cluster, partition: int, offset: int, message: str
) -> None:
    """A typing mistake is noticed immediately."""
    topic = cluster.topic(2)
    cluster.write(topic, [b"a", b"b", b"c"])

    with pytest.raises(SetupError) as error:
        read_one(cluster.settings, topic, partition, offset, TIMEOUT_S)

    assert message in str(error.value)


def test_the_newest_records_are_returned_oldest_first(cluster: Cluster) -> None:
    """Of all partitions together, by timestamp."""
    topic = cluster.topic(3)
    cluster.write(topic, [b"a1", b"a2", b"a3"], partition=0, first_ms=1_000)
    cluster.write(topic, [b"b1", b"b2"], partition=1, first_ms=1_010)
    cluster.write(topic, [b"a4"], partition=0, first_ms=1_020)

    found = read_last(cluster.settings, topic, 3, TIMEOUT_S)
    every = read_last(cluster.settings, topic, 100, TIMEOUT_S)

    assert [record.value for record in found] == [b"b1", b"b2", b"a4"]
    assert [record.value for record in every] == [b"a1", b"a2", b"a3", b"b1", b"b2", b"a4"]


def test_an_empty_topic_has_no_newest_records(cluster: Cluster) -> None:
    """It returns without waiting."""
    assert read_last(cluster.settings, cluster.topic(2), 5, TIMEOUT_S) == []


def test_only_new_records_are_followed(cluster: Cluster) -> None:
    """Existing records are excluded; several topics are read."""
    first, second = cluster.topic(), cluster.topic()
    cluster.write(first, [b"old"])
    records = follow(cluster.settings, [first, second])
    found: list[bytes | None] = []
    ready = threading.Event()

    def watch() -> None:
        ready.set()
        found.extend(record.value for record in itertools.islice(records, 2))

    watcher = threading.Thread(target=watch)
    watcher.start()
    ready.wait(TIMEOUT_S)
    numbers = itertools.count()

    def written_until_two_are_read() -> bool:
        """Write until two are read: the reader does not report when it has started."""
        if watcher.is_alive():
            cluster.write(first if next(numbers) % 2 else second, [b"new"])
        return not watcher.is_alive()

    wait_until(written_until_two_are_read, "two records", TIMEOUT_S)
    watcher.join()
    records.close()
    assert found == [b"new", b"new"]


def test_an_unknown_topic_is_an_error(cluster: Cluster) -> None:
    """For all three functions."""
    name = f"nowhere.{uuid.uuid4().hex[:8]}"
    for ask in (
        lambda: read_one(cluster.settings, name, 0, 0, TIMEOUT_S),
        lambda: read_last(cluster.settings, name, 1, TIMEOUT_S),
        lambda: next(follow(cluster.settings, [name])),
    ):
        with pytest.raises(SetupError, match="no topic"):
            ask()


def test_an_unreachable_kafka_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within the time of one lookup."""
    monkeypatch.setattr("bridge.kafka.record_reader.LOOKUP_TIMEOUT_S", 0.3)
    settings = {"bootstrap.servers": "127.0.0.1:1", "group.id": "g"}
    with pytest.raises(Unavailable, match="Kafka does not answer"):
        read_last(settings, "t", 1, TIMEOUT_S)


@pytest.mark.real
def test_no_group_is_joined_and_nothing_committed(request: pytest.FixtureRequest) -> None:
    """The group of the settings does not exist at the broker afterwards."""
    kafka = request.getfixturevalue("kafka")
    cluster = Cluster(kafka.bootstrap_servers, kafka.create_topic)
    topic = cluster.topic()
    cluster.write(topic, [b"a"])
    settings = {**cluster.settings, "group.id": "never-joined", "group.protocol": "consumer"}

    read_one(settings, topic, 0, 0, TIMEOUT_S)
    read_last(settings, topic, 1, TIMEOUT_S)

    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    groups = admin.list_consumer_groups().result(TIMEOUT_S).valid
    assert "never-joined" not in [group.group_id for group in groups]


@pytest.mark.real
def test_a_transaction_marker_is_not_a_record(request: pytest.FixtureRequest) -> None:
    """It occupies an offset, and so do the records of an aborted transaction."""
    kafka = request.getfixturevalue("kafka")
    cluster = Cluster(kafka.bootstrap_servers, kafka.create_topic)
    topic = cluster.topic()
    producer = Producer(
        {"bootstrap.servers": kafka.bootstrap_servers, "transactional.id": uuid.uuid4().hex}
    )
    producer.init_transactions(TIMEOUT_S)
    producer.begin_transaction()
    producer.produce(topic, b"aborted")
    producer.flush(TIMEOUT_S)
    producer.abort_transaction(TIMEOUT_S)
    wait_until(lambda: kafka.end_offsets(topic) == {0: 2}, "the marker", TIMEOUT_S)
    cluster.write(topic, [b"kept"])

    for offset in (0, 1):
        with pytest.raises(SetupError, match="is not a record"):
            read_one(cluster.settings, topic, 0, offset, TIMEOUT_S)
    assert [r.value for r in read_last(cluster.settings, topic, 5, TIMEOUT_S)] == [b"kept"]
