"""The output of `dead-letters list|show|replay`, on librdkafka's mock cluster."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner
from confluent_kafka import Producer

from bridge.avro.encoder import Encoder
from bridge.avro.schema_store import WriterSchema
from bridge.cli import main
from bridge.delivery.dead_letter import DeadLetterContext, Failure, dead_letter
from bridge.records import Assignment, Record
from bridge.sandbox.fullstory.server import FullStoryStandIn
from bridge.sandbox.kafka.mock_cluster import MockCluster
from bridge.sandbox.registry import RegistryStandIn
from bridge.schema.parser import parse_schema

SCHEMA = json.dumps(
    {
        "type": "record",
        "name": "shop.Payment",
        "fields": [{"name": "user", "type": "string"}, {"name": "amount", "type": "int"}],
    }
)
MAPPING = """\
format: 1
owner: payments team
mappings:
  - {name: paid, topics: [payments], uid: user, event: Paid, properties: {amount: amount}}
  - {name: copy, topics: [payments], uid: user, event: Copy}
"""
NOW_S = 1_795_515_300.0
MISSING = Failure("map", "missing_uid", "`user` has no user id", "paid", "user")
GONE = Failure("map", "missing_uid", "`user` has no user id", "refunded", "user")
CUT = Failure("decode", "truncated", "field user: the value ends here", path="user", byte_offset=6)


@dataclass
class Place:
    """A Kafka with dead letters, a registry, FullStory, and settings for them."""

    kafka: MockCluster
    registry: RegistryStandIn
    fullstory: FullStoryStandIn
    folder: Path
    schema_id: int = 0

    def value(self, user: str = "u-1", amount: int = 5) -> bytes:
        """A framed payment."""
        writer = WriterSchema("s", parse_schema(SCHEMA))
        body = Encoder(writer).encode({"user": user, "amount": amount})
        return b"\0" + self.schema_id.to_bytes(4, "big") + body

    def write_dead_letter(
        self, offset: int, failure: Failure, value: bytes | None, *, group: str = "bridge"
    ) -> None:
        """Write the dead letter of a record that failed `offset` seconds after `NOW_S`."""
        headers = [("trace", b"s3cr3t")]
        place = Assignment("prod.payments", 0)
        record = Record(
            place.topic, 0, offset, 1_735_689_600_001, b"key", value, place, lambda: headers
        )
        message = dead_letter(
            record, failure, DeadLetterContext(group, {"paid": "payments team"}), NOW_S + offset
        )
        producer = Producer({"bootstrap.servers": self.kafka.bootstrap_servers, "log_level": 0})
        producer.produce(
            "dlq.prod.payments",
            message.value,
            message.key,
            0,
            headers=list(message.headers),
            timestamp=message.timestamp_ms,
        )
        assert producer.flush(10) == 0

    async def output(self, *words: str, code: int = 0) -> str:
        """The output of a command, which must exit with this code."""
        if words[0] == "replay" and "--dry-run" not in words:
            exit_code, text = await self._run_process(words)  # it handles signals
        else:
            result = await asyncio.to_thread(CliRunner().invoke, main, ["dead-letters", *words])
            exit_code, text = result.exit_code, result.stdout or result.output
        assert exit_code == code, text
        return text

    async def _run_process(self, words: Sequence[str]) -> tuple[int | None, str]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", "from bridge.cli import main; main()"),
            *("dead-letters", *words),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(90):
            out, err = await process.communicate()
        return process.returncode, out.decode() or err.decode()


@pytest.fixture
async def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    """Four dead letters: three of the group, one of another group."""
    monkeypatch.chdir(tmp_path)
    with MockCluster() as kafka:
        kafka.create_topic("prod.payments", 1)
        kafka.create_topic("dlq.prod.payments", 1)
        async with RegistryStandIn() as registry, FullStoryStandIn() as fullstory:
            found = Place(kafka, registry, fullstory, tmp_path)
            found.schema_id = registry.register("prod.payments-value", {"schema": SCHEMA}).number
            settings = {
                "kafka": {
                    "bootstrap.servers": kafka.bootstrap_servers,
                    "group.id": "bridge",
                    "group.protocol": "consumer",
                    "fetch.wait.max.ms": 20,
                },
                "mappings": ["m.yaml"],
                "topic_names": {"payments": "prod.payments"},
                "avro": {"registry": {"url": registry.url}},
                "fullstory": {
                    "key": fullstory.key,
                    "base_url": fullstory.url,
                    "api": "v2",
                    "unknown_user": "create",
                    "max_event_age": None,
                },
                "dead_letters": {"topic": "dlq.{topic}"},
            }
            (tmp_path / "bridge.yaml").write_text(json.dumps(settings))
            (tmp_path / "m.yaml").write_text(MAPPING)
            found.write_dead_letter(1, MISSING, found.value("u-1"))
            found.write_dead_letter(2, CUT, found.value()[:-2])
            found.write_dead_letter(3, GONE, found.value("u-3"))
            found.write_dead_letter(4, MISSING, found.value("u-4"), group="another")
            yield found


@pytest.mark.timeout(120)
async def test_dead_letters_are_listed_and_shown(place: Place) -> None:
    """By reason, mapping and time; values are shown only on request."""
    assert await place.output("list") == (
        "FAILED AT                 RECORD             REASON       MAPPING   ATTEMPTS"
        "  DEAD LETTER\n"
        "2026-11-24T10:15:01.000Z  prod.payments/0/1  missing_uid  paid      1"
        "         dlq.prod.payments/0/0\n"
        "2026-11-24T10:15:02.000Z  prod.payments/0/2  truncated    -         1"
        "         dlq.prod.payments/0/1\n"
        "2026-11-24T10:15:03.000Z  prod.payments/0/3  missing_uid  refunded  1"
        "         dlq.prod.payments/0/2\n"
        "\n"
        "3 dead letters\n"
        "  1  missing_uid  paid\n"
        "  1  truncated    every mapping\n"
        "  1  missing_uid  refunded\n"
        "1 more of groups other than bridge\n"
    )
    flags = ["--topic", "payments", "--reason", "truncated", "--since", "2026-11-24", "--json"]
    [listed] = json.loads(await place.output("list", *flags))["newest"]
    assert listed == {
        "failed_at": "2026-11-24T10:15:02.000Z",
        "record": "prod.payments/0/2",
        "stage": "decode",
        "reason": "truncated",
        "mapping": None,
        "attempts": 1,
        "letter": "dlq.prod.payments/0/1",
    }
    assert "0 dead letters" in await place.output("list", "--until", "2026-11-24T10:15:01Z")
    assert "is not a time" in await place.output("list", "--since", "yesterday", code=2)

    shown = await place.output("show", "dlq.prod.payments/0/0")
    assert "fullstory_bridge.owner" in shown
    assert "payments team" in shown
    assert "(6 bytes)" in shown
    assert "s3cr3t" not in shown
    assert "value: 10 bytes\n  0000 0000 0106 752d 310a" in shown
    assert "u-1" not in shown
    decoded = await place.output("show", "dlq.prod.payments/0/0", "--show-values")
    assert '"user": "u-1"' in decoded
    assert "paid: would be sent" in decoded
    assert "Idempotency-Key: (hash of" in decoded
    cut = await place.output("show", "dlq.prod.payments/0/1", "--show-values")
    assert "the value cannot be decoded: truncated" in cut
    assert "somewhere: write topic/partition/offset" in await place.output(
        "show", "somewhere", code=2
    )


@pytest.mark.timeout(120)
async def test_dead_letters_are_replayed_for_the_mapping_that_rejected_them(place: Place) -> None:
    """Those that fail again are written again; a dry run predicts it and changes nothing."""
    end = "{} read = 1 sent + 0 filtered + 2 dead-lettered again, 1 not matched by the filter\n"
    assert await place.output("replay", "--dry-run", code=1) == (
        "dry run: nothing is sent, written or committed\n"
        + end.format(3)
        + "estimate: 1 event of the quota; 1 too late for a session (older than 1800 s)\n"
        "  would fail again: truncated 1\n"
        "  would fail again: mapping_gone 1\n"
    )
    assert place.fullstory.accepted == []

    assert await place.output("replay", code=1) == end.format(3)

    [accepted] = place.fullstory.accepted
    body = orjson.loads(accepted.body)
    assert (body["name"], body["user"], body["properties"]) == (
        "Paid",
        {"uid": "u-1"},
        {"amount": 5},
    )
    listed = json.loads(await place.output("list", "--json"))
    again = {row["record"]: row for row in listed["newest"] if row["attempts"] == 2}
    assert {name: (row["reason"], row["mapping"]) for name, row in again.items()} == {
        "prod.payments/0/2": ("truncated", None),
        "prod.payments/0/3": ("mapping_gone", "refunded"),
    }

    # The same filter continues after its end; another starts over, and FullStory deduplicates.
    rest = "2 read = 0 sent + 0 filtered + 2 dead-lettered again, 0 not matched by the filter\n"
    assert await place.output("replay", code=1) == rest
    renamed = MAPPING.replace("name: copy", "name: refunded")
    (place.folder / "m.yaml").write_text(renamed)
    replayed = await place.output("replay", "--mapping", "refunded", "--mapping", "paid")
    assert replayed.startswith("4 read = 4 sent")
    assert len(place.fullstory.accepted) == 2
    assert place.fullstory.ledger.repeats == 3


@pytest.mark.timeout(120)
async def test_a_replay_ends_even_if_its_mapping_rejects_everything(place: Place) -> None:
    """Dead letters are former rejections, so they do not halt the mapping."""
    for offset in range(5, 35):
        place.write_dead_letter(offset, MISSING, place.value(""))

    end = "31 read = 1 sent + 0 filtered + 30 dead-lettered again, 3 not matched by the filter\n"
    assert await place.output("replay", "--mapping", "paid", code=1) == end
