"""What every story needs: records that count themselves, a bridge, and the reckoning.

The records are of one small type whose field `n` is a number that no other record of the story
has. So what arrived says by itself what was lost and what came twice.
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
    """Register a schema; returns its id."""
    with closing(registry_client(url)) as client:
        return int(client.register_schema(subject, Schema(json.dumps(schema), "AVRO")))


class Member(BridgeProcess):
    """A bridge that can be frozen, too, as a machine that swaps or a paused container is."""

    def freeze(self) -> None:
        """SIGSTOP: its connections stay open, and it does nothing."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT: it goes on, not knowing how long it was away."""
        self._process.send_signal(signal.SIGCONT)


@dataclass
class Town:
    """A topic, a group, a FullStory and as many bridges as a story starts."""

    kafka: KafkaAdmin
    registry_url: str
    topic: str
    letters: str
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
        """Write so many records, each with the next number."""
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
        """Commit an offset of partition 0 as another program would, with the group empty."""
        settings = {"bootstrap.servers": self.kafka.bootstrap_servers, "group.id": self.group}
        with Consumer(settings) as other:
            place = TopicPartition(self.topic, 0, offset, metadata)
            answers = other.commit(offsets=[place], asynchronous=False)
            assert answers is not None
            assert answers[0].error is None

    def keep_key_in_a_file(self) -> Path:
        """The next bridges read FullStory's key from this file."""
        file = self.folder / "key"
        file.write_text("na1.sandbox-key\n")
        self.settings["fullstory"] = {**self.settings.get("fullstory", {}), "key": "${THE_KEY}"}
        self.environment = {"THE_KEY_FILE": str(file)}
        return file

    @contextmanager
    def bridge(self, fault: str | None = None) -> Iterator[Member]:
        """One more bridge in the group, with a fault inside (see `sabotage.py`) or without."""
        broken = (sys.executable, "-m", "tests.stories.fault_injection", fault or "")
        command = broken if fault else (COMMAND,)
        with Member(self.write_settings(), self.environment, command) as bridge:
            yield bridge

    def write_settings(self) -> Path:
        """A settings file of its own for the next bridge."""
        self.bridges += 1
        file = self.folder / f"bridge-{self.bridges}.yaml"
        file.write_text(json.dumps(self._settings()))
        return file

    def arrived(self) -> Counter[int]:
        """How often each number is in FullStory."""
        return Counter(_number(orjson.loads(one.body)) for one in self.fullstory.accepted)

    def wait_for(self, count: int, timeout_s: float = 30) -> None:
        """Wait until FullStory holds at least so many events."""
        wait_until(lambda: len(self.fullstory.accepted) >= count, f"{count} events", timeout_s)

    def wait_until_all_is_committed(self, timeout_s: float = 60) -> None:
        """Wait until the group's offsets are the end of every partition."""
        wait_until(self.all_is_committed, "everything committed", timeout_s)

    def all_is_committed(self) -> bool:
        """Whether the group's offsets are the end of every partition."""
        return is_committed(self.kafka, self.group, [self.topic])

    def reconcile(self, expected: Sequence[int] | None = None) -> tuple[list[int], int]:
        """What is lost, and how many events came more than once."""
        arrived = self.arrived()
        wanted = range(self.written) if expected is None else expected
        lost = [n for n in wanted if not arrived[n]]
        strange = [n for n in arrived if n not in wanted]
        assert not strange, f"nobody wrote {strange[:5]} for FullStory"
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
            "dead_letters": {"topic": self.letters},
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


def moving(look: Callable[[], object], quiet_s: float = 1.0) -> None:
    """Wait until what is looked at has not changed for a while: nothing more comes."""
    seen, since_s = look(), time.monotonic()
    while time.monotonic() - since_s < quiet_s:
        time.sleep(0.1)
        now = look()
        if now != seen:
            seen, since_s = now, time.monotonic()
