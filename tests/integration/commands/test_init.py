"""`init` and `tap` against the real Kafka and a real registry."""

import json
import subprocess
import urllib.request
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bridge.avro.encoder import Encoder
from bridge.avro.schema_store import read_schema_file
from tests.integration.running import COMMAND, KEY, write_settings
from tests.services.java import wait_until
from tests.services.kafka import KafkaCluster

SHAPES = Path(__file__).parents[2] / "cases" / "shapes"
_END_S = 60.0
PAYMENT = {
    "event_id": "7d1c0d1e-0000-4000-8000-000000004711",
    "payment_id": "pay-4711",
    "sequence": 4711,
    "status": "FAILED",
    "amount": 47.11,
    "amount_minor": 4711,
    "currency": "XTS",
    "method": {"type": "PAYPAL"},
    "gateway": "secretly.someone4711@example.org",
    "occurred_at": "2026-11-24T10:15:00Z",
    "recorded_at": "2026-11-24T10:15:00Z",
}
"""Its 4711 distinguishes it from sample values."""


def bridge(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run one command in a folder."""
    command = [str(COMMAND), *arguments]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=_END_S, check=False
    )


class Shop:
    """A topic with a registered schema, and settings for both."""

    def __init__(self, kafka: KafkaCluster, registry: str, topic: str, folder: Path) -> None:
        self.kafka, self.topic, self.folder = kafka, topic, folder
        self._registry = registry
        kafka.create_topic(topic, partitions=2)
        settings: dict[str, Any] = {
            "kafka": {"bootstrap.servers": kafka.bootstrap_servers, "group.id": f"g.{topic}"},
            "mappings": ["mappings/*.yaml"],
            "topic_names": {"payments": topic},
            "avro": {"registry": {"url": registry}},
            "fullstory": {"key": KEY},
        }
        write_settings(folder, settings)

    def register(self, file: Path) -> None:
        """Register the topic's latest schema."""
        body = json.dumps({"schema": file.read_text()}).encode()
        url = f"{self._registry}/subjects/{self.topic}-value/versions"
        request = urllib.request.Request(url, body, method="POST")  # noqa: S310
        request.add_header("Content-Type", "application/vnd.schemaregistry.v1+json")
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            self._framing = b"\x00" + int(json.load(answer)["id"]).to_bytes(4, "big")
        self._encoder = Encoder(read_schema_file(str(file)))

    def write(self, *values: Mapping[str, Any], key: bytes = b"user-4711") -> None:
        """Write records like a Confluent serializer."""
        encoded = [self._framing + self._encoder.encode(value) for value in values]
        self.kafka.produce(self.topic, encoded, key=key)


@pytest.fixture
def shop(
    kafka: KafkaCluster, apicurio_url: str, unique: Callable[[str], str], tmp_path: Path
) -> Shop:
    """A new topic with its settings."""
    return Shop(kafka, apicurio_url, unique("prod"), tmp_path)


EXAMPLE = Path(__file__).parents[3] / "schemas" / "avro" / "payment.avsc"


def test_a_draft_of_a_live_topic_passes_check_and_has_no_record_values(shop: Shop) -> None:
    """The draft has guesses from the records, but none of their values."""
    shop.register(EXAMPLE)
    guest = {**PAYMENT, "customer": None}
    known = {**PAYMENT, "customer": {"id": "user-4711", "segment": "VIP"}}
    shop.write(guest, known, known)

    drafted = bridge(shop.folder, "init", "--topic", "payments", "-o", "mappings/p.yaml")
    checked = bridge(shop.folder, "check", "--strict")
    tested = bridge(shop.folder, "test")

    assert drafted.returncode == 0, drafted.stderr
    text = (shop.folder / "mappings/p.yaml").read_text()
    assert f"{shop.topic}-value version 1 and 3 records" in text
    assert "gateway: {path: gateway, redact: mask}  # e-mail address, by format" in text
    assert "4711" not in text
    assert "null in 1 of 3 records, which are skipped" in text
    assert (checked.returncode, checked.stderr) == (0, ""), checked.stdout
    assert "no problems" in checked.stdout
    assert tested.stdout.endswith("1 passed, 0 failed\n")


@pytest.mark.parametrize("shape", ["debezium_orders", "several_payment_events"])
def test_unusual_schemas_can_be_drafted_from_the_registry(shop: Shop, shape: str) -> None:
    """As a real registry returns them: with Connect's attributes, and a top-level union."""
    shop.register(SHAPES / f"{shape}.avsc")

    drafted = bridge(shop.folder, "init", "--topic", "payments", "-o", "mappings/p.yaml")
    checked = bridge(shop.folder, "check", "--strict")

    assert drafted.returncode == 0, drafted.stderr
    assert checked.returncode == 0, checked.stdout


def test_tap_shows_the_requests_of_live_records(shop: Shop) -> None:
    """With values and without the API key; no group is joined, nothing is committed."""
    shop.register(EXAMPLE)
    shop.write({**PAYMENT, "payment_id": "before"})
    bridge(shop.folder, "init", "--topic", "payments", "-o", "mappings/p.yaml")
    customer = {"id": "user-4711", "segment": "VIP"}
    now = datetime.now(UTC).isoformat(timespec="seconds")  # an older one would be a dead letter
    known = {**PAYMENT, "customer": customer, "occurred_at": now}
    process = subprocess.Popen(
        [COMMAND, "tap", "--topic", "payments", "-n", "1"],
        cwd=shop.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )

    def shown() -> bool:
        """Write until the tap ends, because it does not report when it has started."""
        if process.poll() is None:
            shop.write(known)
        return process.poll() is not None

    try:
        wait_until(shown, "the tap to end", _END_S)
    finally:
        process.kill()
    out, err = process.communicate(timeout=_END_S)
    assert (process.returncode, err) == (0, "waiting for 1 record of payments\n")
    lines = out.splitlines()
    assert lines[0].startswith(f"{shop.topic}/")
    assert lines[1].startswith("payments: would be counted, not sent")
    assert lines[2] == (
        "  POST https://api.fullstory.com/users/v1/individual/user-4711/customevent"
    )
    assert lines[3] == "  Authorization: Basic ***"
    assert '"payment_id_str": "pay-4711"' in out
    assert "before" not in out
    assert KEY not in out
    assert shop.kafka.committed(f"g.{shop.topic}", shop.topic) == {}


def test_tap_reports_undecodable_records(shop: Shop) -> None:
    """An unframed record would be a dead letter; an unread topic is a usage error."""
    shop.register(EXAMPLE)
    bridge(shop.folder, "init", "--topic", "payments", "-o", "mappings/p.yaml")
    process = subprocess.Popen(
        [COMMAND, "tap", "-n", "1"], cwd=shop.folder, stdout=subprocess.PIPE, text=True
    )

    def shown() -> bool:
        if process.poll() is None:
            shop.kafka.produce(shop.topic, [b"{}"])
        return process.poll() is not None

    try:
        wait_until(shown, "the tap to end", _END_S)
    finally:
        process.kill()
    out, _ = process.communicate(timeout=_END_S)
    unread = bridge(shop.folder, "tap", "--topic", "orders")

    assert "dead letter: wrong_magic_byte: byte 0 is 0x7b" in out
    assert "no mapping reads the topic orders; they read: payments" in unread.stderr
    assert unread.returncode == 2
