"""The environment: brokers, a registry, a FullStory stand-in and the members of one group.

Invariants: everything listens on loopback and is a separate process that never outlives the soak
test. All files are in one temporary folder. If the guarantee is violated, the folder is kept, with
the brokers' logs.
"""

import json
import shutil
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # exported, but not by its stubs
    AdminClient,
    NewPartitions,
)

from tests.integration.running import KEY
from tests.services.artifacts import APICURIO, KAFKA, obtain
from tests.services.java import JavaProcess, wait_until
from tests.services.kafka import KafkaCluster
from tests.services.kafka_admin import client_settings
from tests.services.registry import ApicurioRegistry
from tests.soak.fullstory import Arrivals
from tests.soak.member import Member
from tests.stories.kafka_fixture import MAPPING, SCHEMA, register

TOPIC, DEAD_LETTERS, GROUP = "paid", "dead-letters", "soak"
SESSION_S = 10
DRAIN_S = 25
"""The bridge's own default of `delivery.shutdown_drain_s`."""
_ANSWER_S = 10.0
_PROTOCOLS: dict[str, dict[str, Any]] = {
    "cooperative": {"session.timeout.ms": SESSION_S * 1000, "heartbeat.interval.ms": 1000},
    "eager": {
        "session.timeout.ms": SESSION_S * 1000,
        "heartbeat.interval.ms": 1000,
        "partition.assignment.strategy": "range",
    },
    "KIP-848": {"group.protocol": "consumer"},
}
PROTOCOLS = tuple(_PROTOCOLS)


class World:
    """The environment during a `with` block; `member` adds bridges."""

    def __init__(
        self,
        *,
        partitions: int,
        budget: int,
        latency_s: float,
        protocol: str,
        fullstory: Mapping[str, Any] | None = None,
        brokers: int = 3,
        start: str = "latest",
    ) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="fullstory-bridge-soak-"))
        self.partitions = partitions
        self.budget = budget
        self.members: list[Member] = []
        self.broker_lock = threading.Lock()
        """Held while a broker is down, or while all brokers are needed."""
        self._brokers = brokers
        self._start = start
        self._latency_s = latency_s
        self._protocol = protocol
        self._fullstory_settings = dict(fullstory or {})
        self._stack = ExitStack()
        self._control = ""

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            limits = {
                "group.consumer.session.timeout.ms": str(SESSION_S * 1000),
                "group.consumer.heartbeat.interval.ms": "1000",
            }
            self.kafka = stack.enter_context(KafkaCluster(obtain(KAFKA), self._brokers, limits))
            self.registry = stack.enter_context(ApicurioRegistry(obtain(APICURIO)))
            stack.callback(self._end_members)
            self._start_fullstory(stack)
            self.kafka.create_topic(TOPIC, self.partitions)
            self.kafka.create_topic(DEAD_LETTERS)
            self.schema_id = register(self.registry.url, f"{TOPIC}-value", SCHEMA)
            (self.root / "paid.yaml").write_text(json.dumps(MAPPING))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def member(self) -> Member:
        """One more bridge, not started yet."""
        made = Member(len(self.members) + 1, self.root, self._settings())
        self.members.append(made)
        return made

    def producer_settings(self) -> dict[str, Any]:
        """Settings of a producer that survives every fault."""
        settings = client_settings(self.kafka.bootstrap_servers, {})
        return {**settings, "socket.timeout.ms": 10_000}

    def configure(self, **knobs: Any) -> None:
        """Inject FullStory faults: the knobs of the stand-in's control endpoint."""
        body = json.dumps(knobs).encode()
        request = urllib.request.Request(f"{self._control}/knobs", body, method="POST")  # noqa: S310
        with urllib.request.urlopen(request, timeout=20):  # noqa: S310
            pass

    def add_partitions(self, count: int) -> None:
        """Add `count` partitions to the topic; all brokers must be up."""
        total = self.partitions + count
        admin = AdminClient(client_settings(self.kafka.bootstrap_servers, {}))
        for future in admin.create_partitions([NewPartitions(TOPIC, total)]).values():
            future.result(30)
        self.partitions = total

    def recover(self) -> None:
        """End all faults: thaw and restart everything, and clear FullStory's faults."""
        self.configure(clear=True, latency_s=self._latency_s)
        for node in self.kafka.nodes:
            if node.running:
                node.thaw()
            else:
                node.start(wait=False)
        for node in self.kafka.nodes:
            node.wait_ready()
        for member in self.members:
            member.process.thaw()

    def uncommitted(self) -> dict[int, int] | None:
        """Uncommitted records per partition; None if Kafka does not respond."""
        places = [TopicPartition(TOPIC, number) for number in range(self.partitions)]
        try:
            with self._reader() as reader:
                committed = reader.committed(places, timeout=_ANSWER_S)
                behind = {
                    one.partition: _end(reader, one) - max(0, one.offset) for one in committed
                }
        except KafkaException:
            return None
        return {number: count for number, count in behind.items() if count}

    def committed(self) -> dict[int, int]:
        """The group's committed offset of every partition; 0 without a commit."""
        places = [TopicPartition(TOPIC, number) for number in range(self.partitions)]
        with self._reader() as reader:
            committed = reader.committed(places, timeout=_ANSWER_S)
        return {one.partition: max(0, one.offset) for one in committed}

    def record_count(self, topic: str) -> int:
        """The number of records in a topic; KafkaException if Kafka does not respond."""
        count = len(self.kafka.partitions(topic))
        with self._reader() as reader:
            return sum(_end(reader, TopicPartition(topic, number)) for number in range(count))

    def _reader(self) -> Consumer:
        """A consumer that joins no group and is closed after each query.

        With brokers down, librdkafka's admin client sometimes aborts the whole process, and a
        long-lived consumer that never polls may find no coordinator for minutes.
        """
        settings = client_settings(self.kafka.bootstrap_servers, {})
        return Consumer({**settings, "group.id": GROUP, "enable.auto.commit": False})

    def processes(self) -> dict[str, int]:
        """Name and process id of every running process."""
        processes = [*(one.process for one in self.members), self.fullstory]
        processes += [node.process for node in self.kafka.nodes]
        return {one.name: one.pid for one in processes if one.running}

    def keep_broker_logs(self) -> None:
        """Copy the brokers' logs into the folder that is kept."""
        for node in self.kafka.nodes:
            if node.process.log.exists():
                shutil.copy(node.process.log, self.root / f"broker-{node.id}.log")

    def _start_fullstory(self, stack: ExitStack) -> None:
        folder = self.root / "fullstory"
        folder.mkdir()
        ledger = folder / "ledger"
        environment = {"PYTHONPATH": str(Path(__file__).parents[2])}
        command = [sys.executable, "-m", "tests.soak.fullstory", str(ledger)]
        self.fullstory = JavaProcess("fullstory", command, folder, environment)
        self.fullstory.start()
        stack.callback(self.fullstory.kill)
        wait_until(lambda: bool(self._addresses()), "FullStory's address", 20)
        addresses = self._addresses()
        self._url, self._control = addresses["url"], addresses["control"]
        self.arrivals = Arrivals(ledger)
        self.configure(latency_s=self._latency_s)

    def _addresses(self) -> dict[str, str]:
        lines = self.fullstory.log.read_text().splitlines()
        addresses: dict[str, str] = json.loads(lines[0]) if lines else {}
        return addresses

    def _settings(self) -> dict[str, Any]:
        servers = self.kafka.bootstrap_servers
        kafka = {"bootstrap.servers": servers, "group.id": GROUP, **_PROTOCOLS[self._protocol]}
        return {
            "kafka": {**kafka, "topic.metadata.refresh.interval.ms": 2000},
            "mappings": [str(self.root / "paid.yaml")],
            "start": self._start,
            "avro": {"registry": {"url": self.registry.url}},
            "dead_letters": {"topic": DEAD_LETTERS},
            "status": {"listen": None},
            "delivery": {"duplicate_budget": self.budget},
            "fullstory": {"key": KEY, "base_url": self._url, **self._fullstory_settings},
        }

    def _end_members(self) -> None:
        for member in self.members:
            member.process.kill()


def _end(reader: Consumer, place: TopicPartition) -> int:
    _, end = reader.get_watermark_offsets(place, timeout=_ANSWER_S)
    return int(end)


def wait_for(true: Any, what: str, timeout_s: float) -> None:
    """Check once per second until `true()`; TimeoutError with `what` after the timeout."""
    deadline_s = time.monotonic() + timeout_s
    while not true():
        if time.monotonic() > deadline_s:
            message = f"not within {timeout_s:.0f} s: {what}"
            raise TimeoutError(message)
        time.sleep(1)
