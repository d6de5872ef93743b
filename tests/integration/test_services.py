"""The real services behave as the other tests assume."""

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.schema_registry import Schema
from confluent_kafka.schema_registry.error import SchemaRegistryError

from tests.services import artifacts
from tests.services.confluent import registry_client
from tests.services.fixtures import StartKafka
from tests.services.java import JavaProcess, alive, wait_until
from tests.services.kafka import KafkaCluster
from tests.services.pins import LOCK, Coordinate, Pin, read_lock, write_lock
from tests.services.registry import ApicurioRegistry

Unique = Callable[[str], str]

_ORPHAN = """
import sys, time
from pathlib import Path
from tests.services.kafka import KafkaCluster
cluster = KafkaCluster(Path(sys.argv[1])).start()
node = cluster.node(1)
print(node.pid, node.process.folder, flush=True)
time.sleep(600)
"""


def _consumer(kafka: KafkaCluster, group: str) -> Consumer:
    settings = {"bootstrap.servers": kafka.bootstrap_servers, "group.id": group}
    return Consumer({**settings, "enable.auto.commit": False, "auto.offset.reset": "earliest"})


def test_produced_records_are_consumed(kafka: KafkaCluster, topic: str, group: str) -> None:
    """A consumer of a new group reads records that were written before it joined."""
    kafka.produce(topic, [b"one", b"two"], key=b"k")
    consumer = _consumer(kafka, group)
    try:
        consumer.subscribe([topic])
        got = consumer.consume(2, timeout=10)
    finally:
        consumer.close()
    assert [(message.key(), message.value()) for message in got] == [(b"k", b"one"), (b"k", b"two")]
    assert [message.value() for message in kafka.read(topic)] == [b"one", b"two"]


@pytest.mark.parametrize(("length", "fits"), [(4095, True), (4096, False)])
def test_commit_metadata_has_at_most_4095_characters(
    kafka: KafkaCluster, topic: str, group: str, length: int, fits: bool
) -> None:
    """The bridge's limit for commit metadata is the broker's default."""
    kafka.produce(topic, [b"one"])
    consumer = _consumer(kafka, group)
    try:
        consumer.assign([TopicPartition(topic, 0, 0)])
        consumer.poll(5)
        offsets = [TopicPartition(topic, 0, 1, "m" * length)]
        if fits:
            consumer.commit(offsets=offsets, asynchronous=False)
        else:
            with pytest.raises(KafkaException) as refused:
                consumer.commit(offsets=offsets, asynchronous=False)
            assert refused.value.args[0].code() == KafkaError.OFFSET_METADATA_TOO_LARGE
    finally:
        consumer.close()
    assert kafka.committed(group, topic) == ({0: (1, "m" * length)} if fits else {})


def test_partitions_can_be_added(kafka: KafkaCluster, unique: Unique) -> None:
    """New partitions are writable as soon as they are added."""
    name = kafka.create_topic(unique("grows"), partitions=2)
    kafka.add_partitions(name, 3)
    kafka.produce(name, [b"x"], partition=2)
    assert kafka.end_offsets(name) == {0: 0, 1: 0, 2: 1}


@pytest.mark.long
def test_writing_to_a_missing_topic_does_not_create_it(kafka: KafkaCluster, unique: Unique) -> None:
    """A misspelled topic is an error, as on most production clusters."""
    with pytest.raises(KafkaException) as refused:
        kafka.produce(unique("misspelled"), [b"x"])
    assert refused.value.args[0].code() in (
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_TOPIC,
    )


@pytest.mark.long
def test_a_killed_leader_is_replaced_and_restarts(kafka3: KafkaCluster, unique: Unique) -> None:
    """No acknowledged record is lost when a node is killed and restarted on its log folder."""
    name = kafka3.create_topic(unique("replicated"))
    kafka3.produce(name, [b"before"])
    leader = kafka3.leader_of(name, 0)
    leader.kill()
    assert not alive(leader.pid)
    kafka3.produce(name, [b"without"])
    assert kafka3.leader_of(name, 0).id != leader.id
    leader.start()
    kafka3.wait_in_sync(name)
    assert [message.value() for message in kafka3.read(name)] == [b"before", b"without"]


@pytest.mark.long
def test_a_frozen_leader_is_replaced_and_thaws(kafka3: KafkaCluster, unique: Unique) -> None:
    """SIGSTOP simulates a hanging machine: another node becomes the leader."""
    name = kafka3.create_topic(unique("frozen"))
    leader = kafka3.leader_of(name, 0)
    leader.freeze()
    wait_until(lambda: kafka3.partitions(name)[0].leader not in (leader.id, -1), "a leader", 60)
    assert leader.running
    leader.thaw()
    kafka3.wait_in_sync(name)


@pytest.mark.long
def test_a_node_restarts_after_sigterm(start_kafka: StartKafka) -> None:
    """It keeps its records, and extra properties reach the broker."""
    cluster = start_kafka(properties={"offset.metadata.max.bytes": "10"})
    cluster.create_topic("kept")
    cluster.produce("kept", [b"x"])
    cluster.node(1).terminate()
    assert not cluster.node(1).running
    cluster.node(1).start()
    assert cluster.end_offsets("kept") == {0: 1}
    assert "offset.metadata.max.bytes=10" in (
        cluster.node(1).process.folder / "server.properties"
    ).read_text(encoding="utf-8")


def test_the_registry_supports_confluents_api(apicurio_url: str, unique: Unique) -> None:
    """Confluent's client registers a schema and finds it by id; unknown ids are 40403."""
    text = '{"type":"record","name":"Payment","fields":[{"name":"amount","type":"long"}]}'
    with closing(registry_client(apicurio_url)) as client:
        number = client.register_schema(unique("payments") + "-value", Schema(text, "AVRO"))
        assert client.get_schema(number).schema_str == text
        with pytest.raises(SchemaRegistryError) as unknown:
            client.get_schema(number + 999_999)
    assert (unknown.value.http_status_code, unknown.value.error_code) == (404, 40403)


@pytest.mark.long
def test_the_registry_restarts_on_its_port(
    start_apicurio: Callable[[], ApicurioRegistry],
) -> None:
    """A killed registry responds at the same address after a restart."""
    registry = start_apicurio()
    url = registry.url
    registry.kill()
    assert not registry.running
    registry.start()
    assert registry.url == url
    with closing(registry_client(url)) as client:
        assert client.get_subjects() == []


def test_nothing_outlives_killed_tests(kafka_home: Path) -> None:
    """SIGKILL of the tests' process kills the broker and removes its folder."""
    command = [sys.executable, "-c", _ORPHAN, str(kafka_home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as tests:
        assert tests.stdout is not None
        pid, folder = tests.stdout.readline().split()
        assert alive(int(pid))
        os.kill(tests.pid, signal.SIGKILL)
    wait_until(lambda: not alive(int(pid)), "the broker killed", 5)
    wait_until(lambda: not Path(folder).parent.exists(), "its folder removed", 5)


def test_a_program_outlives_the_thread_that_started_it(tmp_path: Path) -> None:
    """A plain parent-death signal would kill it here, because that depends on the thread."""
    process = JavaProcess("sleeper", ["/bin/sleep", "60"], tmp_path, {})
    thread = threading.Thread(target=process.start)
    thread.start()
    thread.join()
    time.sleep(0.3)
    assert process.running
    assert alive(process.pid)
    process.kill()
    assert not alive(process.pid)


def test_a_program_dies_with_its_supervisor(tmp_path: Path) -> None:
    """Killing the supervisor kills the program, too."""
    process = JavaProcess("sleeper", ["/bin/sleep", "60"], tmp_path, {})
    process.start()
    assert process._supervisor is not None
    process._supervisor.kill()
    wait_until(lambda: not alive(process.pid), "the program killed", 5)
    process.kill()


def test_the_error_for_a_program_that_ends_immediately_says_why(tmp_path: Path) -> None:
    """It contains the end of the log."""
    process = JavaProcess("failing", ["/bin/sh", "-c", "echo no disk; exit 3"], tmp_path, {})
    process.start()
    with pytest.raises(RuntimeError, match=r"failing ended.*\nno disk"):
        process.wait_ready(lambda: False, timeout_s=5)
    process.kill()


class _PartialRepository:
    """A repository that truncates its file for the first `cut_off` downloads."""

    def __init__(self, folder: Path, cut_off: int) -> None:
        self._file = folder / "slf4j-simple-1.7.36.jar"
        self._cut_off = cut_off

    def fetch(self, _title: str, _wanted: Sequence[Coordinate]) -> list[Path]:
        """The existing file, else the next download."""
        if not self._file.exists():
            self._file.write_bytes(b"half" if self._cut_off > 0 else b"whole")
            self._cut_off -= 1
        return [self._file]


def _fetch_from(partial_downloads: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    pin = Pin(artifacts.KAFKA.roots[1], hashlib.sha256(b"whole").hexdigest())
    monkeypatch.setenv("FULLSTORY_BRIDGE_TEST_CACHE", str(folder))
    monkeypatch.setattr(artifacts, "read_lock", lambda: {"kafka": (pin,)})
    repository = _PartialRepository(folder, partial_downloads)
    monkeypatch.setattr(artifacts, "_repository", lambda _folder, _say: repository)
    return artifacts.obtain(artifacts.KAFKA)


def test_a_file_truncated_by_an_interrupted_run_is_downloaded_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hash does not match, and the second try downloads the whole file."""
    home = _fetch_from(1, tmp_path, monkeypatch)
    assert [file.read_bytes() for file in home.iterdir()] == [b"whole"]


def test_a_file_that_does_not_match_its_pin_is_never_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is an error, not a reason to skip, and no bundle is created."""
    with pytest.raises(artifacts.PinMismatch, match="slf4j-simple"):
        _fetch_from(2, tmp_path, monkeypatch)
    assert artifacts.ready(artifacts.KAFKA) is None


def test_rewriting_the_lock_gives_the_same_file(tmp_path: Path) -> None:
    """Therefore an update of the lock changes only lines with new pins."""
    write_lock(read_lock(), tmp_path / "lock")
    assert (tmp_path / "lock").read_text() == LOCK.read_text()
