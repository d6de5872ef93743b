"""A real Apache Kafka of one or three nodes, each both broker and controller (KRaft).

Invariants: a node restarts on the same ports and log folder. Topics are never created implicitly
(`auto.create.topics.enable=false`). `stop` leaves no process and no file.
"""

import contextlib
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from tests.services.java import JavaProcess, java, run_root, wait_until
from tests.services.kafka_admin import KafkaAdmin, client_settings
from tests.services.ports import Port, accepts

_CLUSTER_ID = "AAAAAAAAAAAAAAAAAAAAAQ"
_READY_S = 60
_THAWED_S = 20

_COMMON: Mapping[str, str] = {
    "process.roles": "broker,controller",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "PLAINTEXT",
    "auto.create.topics.enable": "false",
    # The first member does not wait for others, and tests may use short session timeouts.
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    "group.consumer.min.session.timeout.ms": "1000",
    "group.consumer.min.heartbeat.interval.ms": "200",
    # Minimal internal topics, because each partition delays the start of a node.
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.num.partitions": "1",
    # By default the cleaner allocates 128 MB at startup.
    "log.cleaner.dedupe.buffer.size": "8388608",
}
_REPLICATED = (
    "default.replication.factor",
    "offsets.topic.replication.factor",
    "transaction.state.log.replication.factor",
    "share.coordinator.state.topic.replication.factor",
)


class KafkaNode:
    """One node that tests kill, terminate, freeze and restart."""

    def __init__(self, number: int, home: Path, root: Path, client: Mapping[str, str]) -> None:
        self.id = number
        self._client_port, self._controller_port = Port(), Port()
        self._client = client
        folder = root / f"node-{number}"
        folder.mkdir()
        self._properties = folder / "server.properties"
        self._classpath = f"{home}/*"
        level = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
        temp = f"-Djava.io.tmpdir={folder}"
        self.process = JavaProcess(
            f"kafka node {number}",
            java(level, temp, "-cp", self._classpath, "kafka.Kafka", str(self._properties)),
            folder,
            {},
        )

    @property
    def address(self) -> str:
        """The address for clients, `host:port`."""
        return f"127.0.0.1:{self._client_port.number}"

    @property
    def voter(self) -> str:
        """Its entry in `controller.quorum.voters`."""
        return f"{self.id}@127.0.0.1:{self._controller_port.number}"

    @property
    def running(self) -> bool:
        """Whether its process exists, which includes frozen ones."""
        return self.process.running

    @property
    def pid(self) -> int:
        """The id of its Java process."""
        return self.process.pid

    def format(self, properties: Mapping[str, str]) -> subprocess.Popen[bytes]:
        """Write its properties and start formatting its log folder; the caller waits."""
        client, controller = self._client_port.number, self._controller_port.number
        own = {
            "node.id": str(self.id),
            "listeners": f"PLAINTEXT://127.0.0.1:{client},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{client}",
            "log.dirs": str(self.process.folder / "data"),
        }
        lines = [f"{key}={value}" for key, value in {**own, **properties}.items()]
        self._properties.write_text("\n".join(lines) + "\n", encoding="utf-8")
        tool = ["-cp", self._classpath, "kafka.tools.StorageTool", "format"]
        with self.process.log.open("ab") as log:
            return subprocess.Popen(
                java(*tool, "-t", _CLUSTER_ID, "-c", str(self._properties)),
                stdout=log,
                stderr=log,
                env={},
            )

    def start(self, *, wait: bool = True) -> None:
        """Start it on its log folder, and wait until it serves clients.

        Use `wait=False` to start several nodes while there is no quorum.
        """
        self.process.start()
        if wait:
            self.wait_ready()

    def wait_ready(self, within_s: float = _READY_S) -> None:
        """Wait until it accepts clients and its metadata lists it as a broker."""
        self.process.wait_ready(lambda: accepts(self._client_port.number), within_s)
        admin = AdminClient(client_settings(self.address, self._client))

        def in_metadata() -> bool:
            with contextlib.suppress(KafkaException):
                return self.id in admin.list_topics(timeout=2).brokers
            return False

        self.process.wait_ready(in_metadata, within_s)

    def is_ready(self, within_s: float) -> bool:
        """Whether it is ready within this time, see `wait_ready`."""
        try:
            self.wait_ready(within_s)
        except RuntimeError:
            return False
        return True

    def kill(self) -> None:
        """SIGKILL, and wait until it has ended."""
        self.process.kill()

    def terminate(self) -> None:
        """SIGTERM: it hands over its leaderships; wait until it has ended."""
        self.process.terminate()

    def freeze(self) -> None:
        """SIGSTOP: connections stay open, and it does not respond."""
        self.process.freeze()

    def thaw(self) -> None:
        """SIGCONT: it resumes."""
        self.process.thaw()

    def discard(self) -> None:
        """Kill it, remove its folder and release its ports."""
        self.process.discard()
        self._client_port.release()
        self._controller_port.release()


class KafkaCluster(KafkaAdmin):
    """One or three nodes; `home` is the folder with Kafka's jars.

    `properties` are added to those of every node. To change the clients' listener, map its name
    (`"listener.security.protocol.map": "PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT"`) and pass
    the admin client's settings in `client`.
    """

    def __init__(
        self,
        home: Path,
        nodes: int = 1,
        properties: Mapping[str, str] | None = None,
        client: Mapping[str, str] | None = None,
    ) -> None:
        self._root = run_root()
        self.nodes = tuple(
            KafkaNode(number, home, self._root, client or {}) for number in range(1, nodes + 1)
        )
        super().__init__(self.bootstrap_servers, client or {})
        self._properties = {**self._defaults(), **(properties or {})}
        self._formatted = False

    @property
    def bootstrap_servers(self) -> str:
        """The addresses of all nodes, for clients."""
        return ",".join(node.address for node in self.nodes)

    def node(self, number: int) -> KafkaNode:
        """The node with this id; ids start at 1."""
        return self.nodes[number - 1]

    def leader_of(self, topic: str, partition: int) -> KafkaNode:
        """The partition's current leader; RuntimeError if it has none."""
        leader = self.partitions(topic)[partition].leader
        if leader < 1:
            message = f"{topic}/{partition} has no leader"
            raise RuntimeError(message)
        return self.node(leader)

    def start(self) -> Self:
        """Format and start all nodes, and wait until topics on all of them can be created."""
        try:
            self._format()
            for node in self.nodes:
                node.start(wait=False)
            self.wait_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def wait_ready(self) -> None:
        """Wait until every node serves clients and topics on all of them can be created."""
        for node in self.nodes:
            node.wait_ready()
        wait_until(
            lambda: self.can_create_topics(replication=len(self.nodes)),
            "a topic on all nodes can be created",
            _READY_S,
        )

    def revive(self) -> None:
        """Thaw frozen nodes, restart killed ones, and wait until all are ready.

        A node that was frozen for long does not always recover; then it is restarted.
        """
        if all(node.running and not node.process.frozen for node in self.nodes):
            return
        frozen = [node for node in self.nodes if node.process.frozen]
        for node in frozen:
            node.thaw()
        for node in self.nodes:
            if not node.running:
                node.start(wait=False)
        for node in frozen:
            if not node.is_ready(_THAWED_S):
                node.kill()
                node.start(wait=False)
        self.wait_ready()

    def stop(self) -> None:
        """Kill all nodes and remove their files."""
        for node in self.nodes:
            node.discard()
        with contextlib.suppress(OSError):
            self._root.rmdir()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _defaults(self) -> dict[str, str]:
        count = len(self.nodes)
        defaults = {
            **_COMMON,
            "controller.quorum.voters": ",".join(node.voter for node in self.nodes),
            **dict.fromkeys(_REPLICATED, str(count)),
            "transaction.state.log.min.isr": "1",
            "share.coordinator.state.topic.min.isr": "1",
        }
        if count > 1:
            defaults["min.insync.replicas"] = "2"
            defaults["transaction.state.log.min.isr"] = "2"
            defaults["broker.session.timeout.ms"] = "3000"  # detects killed nodes quickly
            defaults["broker.heartbeat.interval.ms"] = "500"
        return defaults

    def _format(self) -> None:
        tools = [(node, node.format(self._properties)) for node in self.nodes]
        for node, tool in tools:
            if tool.wait(_READY_S) != 0:
                message = f"node {node.id} cannot be formatted:\n{node.process.log_tail()}"
                raise RuntimeError(message)
