"""The cluster fixture of the stories: numbered records, bridges, and the reconciliation.

All records have one small type, and the number in the field `n` is unique in a story. So the
accepted events show which records were lost or duplicated.
"""

import io
import json
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fastavro
import orjson
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.schema_registry import Schema

from tests.integration.running import COMMAND, KEY, BridgeProcess, FullStoryProcess, is_committed
from tests.services.confluent import registry_client
from tests.services.java import wait_until
from tests.services.kafka_admin import KafkaAdmin

SCHEMA: dict[str, Any] = {
    "type": "record",
    "name": "shop.Paid",
    "fields": [{"name": "n", "type": "int"}, {"name": "user", "type": "string"}],
}
MAPPING: dict[str, Any] = {
    "format": 1,
    "mappings": [
        {
            "name": "paid",
            "topics": ["paid"],
            "uid": "user",
            "event": "Paid",
            "properties": {"n": "n"},
        }
    ],
}
_PARSED = fastavro.parse_schema(SCHEMA)


def encode(schema_id: int, n: int, user: str = "usr:1") -> bytes:
    """One record's value in Confluent's framing."""
    body = io.BytesIO()
    fastavro.schemaless_writer(body, _PARSED, {"n": n, "user": user})
    return b"\0" + schema_id.to_bytes(4, "big") + body.getvalue()


def register(url: str, subject: str, schema: dict[str, Any]) -> int:
    """Register a schema and return its id."""
    with closing(registry_client(url)) as client:
        return int(client.register_schema(subject, Schema(json.dumps(schema), "AVRO")))


class Member(BridgeProcess):
    """A bridge that can also be frozen, like a swapping machine or a paused container."""

    def freeze(self) -> None:
        """SIGSTOP: connections stay open, and the process does nothing."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT: the process resumes."""
        self._process.send_signal(signal.SIGCONT)


@dataclass
class ClusterFixture:
    """A topic, a group, a FullStory stand-in and any number of bridges."""

    kafka: KafkaAdmin
    registry_url: str
    topic: str
    dead_letters: str
    group: str
    fullstory: FullStoryProcess
    folder: Path
    kafka_settings: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    written: int = 0
    bridges: int = 0

    def __post_init__(self) -> None:
        self.schema_id = register(self.registry_url, f"{self.topic}-value", SCHEMA)
        (self.folder / "paid.yaml").write_text(json.dumps(MAPPING))

    def write(self, count: int, *, partition: int | None = None) -> None:
        """Write `count` records, each with the next number."""
        numbers = range(self.written, self.written + count)
        values: list[bytes | None] = [encode(self.schema_id, n, f"usr:{n % 97}") for n in numbers]
        self.written += count
        if partition is not None:
            self.kafka.produce(self.topic, values, partition=partition)
            return
        partitions = len(self.kafka.partitions(self.topic))
        for number in range(partitions):
            self.kafka.produce(self.topic, values[number::partitions], partition=number)

    def commit(self, offset: int, metadata: str) -> None:
        """Commit an offset of partition 0 from another program while the group is empty."""
        settings = {"bootstrap.servers": self.kafka.bootstrap_servers, "group.id": self.group}
        with Consumer(settings) as other:
            position = TopicPartition(self.topic, 0, offset, metadata)
            results = other.commit(offsets=[position], asynchronous=False)
            assert results is not None
            assert results[0].error is None

    def keep_key_in_a_file(self) -> Path:
        """Make the next bridges read FullStory's key from a file; returns the file."""
        file = self.folder / "key"
        file.write_text("na1.sandbox-key\n")
        self.settings["fullstory"] = {**self.settings.get("fullstory", {}), "key": "${THE_KEY}"}
        self.environment = {"THE_KEY_FILE": str(file)}
        return file

    @contextmanager
    def bridge(self, fault: str | None = None) -> Iterator[Member]:
        """One more bridge in the group, optionally with a fault (see `fault_injection.py`)."""
        with_fault = (sys.executable, "-m", "tests.stories.fault_injection", fault or "")
        command = with_fault if fault else (COMMAND,)
        with Member(self.write_settings(), self.environment, command) as bridge:
            yield bridge

    def write_settings(self) -> Path:
        """Write a separate settings file for the next bridge."""
        self.bridges += 1
        file = self.folder / f"bridge-{self.bridges}.yaml"
        file.write_text(json.dumps(self._settings()))
        return file

    def arrived(self) -> Counter[int]:
        """How often FullStory accepted each number."""
        return Counter(_number(orjson.loads(one.body)) for one in self.fullstory.accepted)

    def wait_for(self, count: int, timeout_s: float = 30) -> None:
        """Wait until FullStory has accepted at least `count` events."""
        wait_until(lambda: len(self.fullstory.accepted) >= count, f"{count} events", timeout_s)

    def wait_until_all_is_committed(self, timeout_s: float = 60) -> None:
        """Wait until the group has committed the end of every partition."""
        wait_until(self.all_is_committed, "everything committed", timeout_s)

    def all_is_committed(self) -> bool:
        """Whether the group has committed the end of every partition."""
        return is_committed(self.kafka, self.group, [self.topic])

    def reconcile(self, expected: Sequence[int] | None = None) -> tuple[list[int], int]:
        """The lost numbers, and the count of duplicate events."""
        arrived = self.arrived()
        numbers = range(self.written) if expected is None else expected
        lost = [n for n in numbers if not arrived[n]]
        unexpected = [n for n in arrived if n not in numbers]
        assert not unexpected, f"unexpected events: {unexpected[:5]}"
        return lost, sum(times - 1 for times in arrived.values())

    def _settings(self) -> dict[str, Any]:
        kafka = {
            "bootstrap.servers": self.kafka.bootstrap_servers,
            "group.id": self.group,
            "session.timeout.ms": 6000,
            "heartbeat.interval.ms": 1000,
            **self.kafka_settings,
        }
        return {
            "kafka": {key: value for key, value in kafka.items() if value is not None},
            "mappings": [str(self.folder / "paid.yaml")],
            "topic_names": {"paid": self.topic},
            "start": "earliest",
            "avro": {"registry": {"url": self.registry_url}},
            "dead_letters": {"topic": self.dead_letters},
            "status": {"listen": None},
            **self.settings,
            "fullstory": {
                "key": KEY,
                "base_url": self.fullstory.url,
                **self.settings.get("fullstory", {}),
            },
        }


def _number(body: dict[str, Any]) -> int:
    """The record's number in an event of either API."""
    if "event" in body:
        return int(body["event"]["event_data"]["n_int"])
    return int(body["properties"]["n"])


def wait_until_stable(read: Callable[[], object], quiet_s: float = 1.0) -> None:
    """Wait until the value of `read` has not changed for `quiet_s`."""
    value, since_s = read(), time.monotonic()
    while time.monotonic() - since_s < quiet_s:
        time.sleep(0.1)
        new = read()
        if new != value:
            value, since_s = new, time.monotonic()
