"""The real services do what the other tests take for granted."""

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


def test_what_is_produced_is_consumed(kafka: KafkaCluster, topic: str, group: str) -> None:
    """A consumer of a new group reads what was written before it came."""
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
def test_commit_metadata_of_4095_characters_is_the_most(
    kafka: KafkaCluster, topic: str, group: str, length: int, fits: bool
) -> None:
    """The limit that the progress written into commits is built for is the broker's."""
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


def test_a_topic_gets_more_partitions(kafka: KafkaCluster, unique: Unique) -> None:
    """New partitions can be written to as soon as they have been added."""
    name = kafka.create_topic(unique("grows"), partitions=2)
    kafka.add_partitions(name, 3)
    kafka.produce(name, [b"x"], partition=2)
    assert kafka.end_offsets(name) == {0: 0, 1: 0, 2: 1}


@pytest.mark.long
def test_no_topic_appears_by_being_written_to(kafka: KafkaCluster, unique: Unique) -> None:
    """A misspelt topic is an error, as on most production clusters."""
    with pytest.raises(KafkaException) as refused:
        kafka.produce(unique("misspelt"), [b"x"])
    assert refused.value.args[0].code() in (
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_TOPIC,
    )


@pytest.mark.long
def test_a_killed_leader_is_replaced_and_comes_back(kafka3: KafkaCluster, unique: Unique) -> None:
    """Nothing acknowledged is lost when a node is killed and started on its old log folder."""
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
def test_a_frozen_node_is_passed_over_and_thaws(kafka3: KafkaCluster, unique: Unique) -> None:
    """SIGSTOP looks like a hanging machine: another leads until it goes on."""
    name = kafka3.create_topic(unique("frozen"))
    leader = kafka3.leader_of(name, 0)
    leader.freeze()
    wait_until(lambda: kafka3.partitions(name)[0].leader not in (leader.id, -1), "a leader", 60)
    assert leader.running
    leader.thaw()
    kafka3.wait_in_sync(name)


@pytest.mark.long
def test_a_node_can_end_in_order(start_kafka: StartKafka) -> None:
    """SIGTERM, and the same node again with what it had; extra properties reach the broker."""
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


def test_the_registry_speaks_confluents_api(apicurio_url: str, unique: Unique) -> None:
    """Confluent's own client registers a schema and finds it by id; unknown ids are 40403."""
    text = '{"type":"record","name":"Payment","fields":[{"name":"amount","type":"long"}]}'
    with closing(registry_client(apicurio_url)) as client:
        number = client.register_schema(unique("payments") + "-value", Schema(text, "AVRO"))
        assert client.get_schema(number).schema_str == text
        with pytest.raises(SchemaRegistryError) as unknown:
            client.get_schema(number + 999_999)
    assert (unknown.value.http_status_code, unknown.value.error_code) == (404, 40403)


@pytest.mark.long
def test_the_registry_comes_back_on_its_port(
    start_apicurio: Callable[[], ApicurioRegistry],
) -> None:
    """A registry that was killed answers again at the same address."""
    registry = start_apicurio()
    url = registry.url
    registry.kill()
    assert not registry.running
    registry.start()
    assert registry.url == url
    with closing(registry_client(url)) as client:
        assert client.get_subjects() == []


def test_nothing_outlives_tests_that_were_killed(kafka_home: Path) -> None:
    """SIGKILL of the tests' process ends the broker and removes its folder."""
    command = [sys.executable, "-c", _ORPHAN, str(kafka_home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as tests:
        assert tests.stdout is not None
        pid, folder = tests.stdout.readline().split()
        assert alive(int(pid))
        os.kill(tests.pid, signal.SIGKILL)
    wait_until(lambda: not alive(int(pid)), "the broker is gone", 5)
    wait_until(lambda: not Path(folder).parent.exists(), "its folder is gone", 5)


def test_a_program_outlives_the_thread_that_started_it(tmp_path: Path) -> None:
    """The parent-death signal would kill it here: it is bound to a thread, ours to the process."""
    process = JavaProcess("sleeper", ["/bin/sleep", "60"], tmp_path, {})
    thread = threading.Thread(target=process.start)
    thread.start()
    thread.join()
    time.sleep(0.3)
    assert process.running
    assert alive(process.pid)
    process.kill()
    assert not alive(process.pid)


def test_a_program_dies_with_its_keeper(tmp_path: Path) -> None:
    """Not even the death of what watches over it leaves a program behind."""
    process = JavaProcess("sleeper", ["/bin/sleep", "60"], tmp_path, {})
    process.start()
    assert process._keeper is not None
    process._keeper.kill()
    wait_until(lambda: not alive(process.pid), "the program is gone", 5)
    process.kill()


def test_a_program_that_ends_at_once_says_why(tmp_path: Path) -> None:
    """The end of the log is in the error, so nobody has to look for it."""
    process = JavaProcess("failing", ["/bin/sh", "-c", "echo no disk; exit 3"], tmp_path, {})
    process.start()
    with pytest.raises(RuntimeError, match=r"failing ended.*\nno disk"):
        process.wait_ready(lambda: False, timeout_s=5)
    process.kill()


class _HalfDone:
    """A repository whose file is cut off, so often as it is told to be."""

    def __init__(self, folder: Path, cut_off: int) -> None:
        self._file = folder / "slf4j-simple-1.7.36.jar"
        self._cut_off = cut_off

    def fetch(self, _title: str, _wanted: Sequence[Coordinate]) -> list[Path]:
        """The file that is there, else the next one."""
        if not self._file.exists():
            self._file.write_bytes(b"half" if self._cut_off > 0 else b"whole")
            self._cut_off -= 1
        return [self._file]


def _fetch_from(half_done: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    pin = Pin(artifacts.KAFKA.roots[1], hashlib.sha256(b"whole").hexdigest())
    monkeypatch.setenv("FULLSTORY_BRIDGE_TEST_CACHE", str(folder))
    monkeypatch.setattr(artifacts, "read_lock", lambda: {"kafka": (pin,)})
    repository = _HalfDone(folder, half_done)
    monkeypatch.setattr(artifacts, "_repository", lambda _folder, _say: repository)
    return artifacts.obtain(artifacts.KAFKA)


def test_a_file_cut_off_by_an_interrupted_run_is_fetched_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pin notices it, and the second try brings the whole file."""
    home = _fetch_from(1, tmp_path, monkeypatch)
    assert [file.read_bytes() for file in home.iterdir()] == [b"whole"]


def test_a_file_that_is_not_the_pinned_one_is_never_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is an error, not a reason to skip, and no bundle appears."""
    with pytest.raises(artifacts.PinMismatch, match="slf4j-simple"):
        _fetch_from(2, tmp_path, monkeypatch)
    assert artifacts.ready(artifacts.KAFKA) is None


def test_the_lock_reads_back_as_written(tmp_path: Path) -> None:
    """Writing the pins that were read gives the same file, so a refresh shows only what changed."""
    write_lock(read_lock(), tmp_path / "lock")
    assert (tmp_path / "lock").read_text() == LOCK.read_text()
