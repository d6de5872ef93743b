"""A topic whose records identify their schema by fingerprint, without a registry."""

import json
import subprocess
from typing import Any

import pytest
from fastavro.schema import fingerprint, to_parsing_canonical_form

from tests.integration.running import COMMAND
from tests.services.java import wait_until
from tests.services.kafka import KafkaCluster
from tests.stories.conftest import MakeCluster
from tests.stories.kafka_fixture import SCHEMA, encode

pytestmark = [pytest.mark.real, pytest.mark.story, pytest.mark.timeout(120)]


def test_single_objects_are_decoded_from_files_and_an_unknown_one_is_a_dead_letter(
    kafka: KafkaCluster, make_cluster: MakeCluster
) -> None:
    """The topic has two schemas; the bridge refuses to start if the mapping does not match one."""
    # Given a topic of single objects of two known schemas and one unknown schema
    cluster = make_cluster(kafka, partitions=1)
    newer = {**SCHEMA, "name": "shop.PaidAgain"}
    files = {"old.avsc": SCHEMA, "new.avsc": newer, "wrong.avsc": {**SCHEMA, "fields": []}}
    for name, schema in files.items():
        (cluster.folder / name).write_text(json.dumps(schema))

    def single_object(schema: Any, n: int) -> bytes:
        mark = fingerprint(to_parsing_canonical_form(schema), "CRC-64-AVRO")
        return b"\xc3\x01" + bytes.fromhex(mark) + encode(0, n)[5:]

    values = [single_object(SCHEMA, 0), single_object("string", 1), single_object(newer, 2)]
    kafka.produce(cluster.topic, values, partition=0)

    # When the newest file does not match the mapping, the bridge does not start
    codec = {"wire_format": "single_object", "schema": ["old.avsc", "wrong.avsc"]}
    cluster.settings["avro"] = {"topics": {"paid": codec}}
    command = [str(COMMAND), "run", "--config", str(cluster.write_settings())]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert refused.returncode == 2
    assert "the schema has no field `user`" in refused.stderr
    assert cluster.fullstory.accepted == []

    # And when it matches, both kinds arrive, and the unknown one is a dead letter
    codec["schema"] = ["old.avsc", "new.avsc"]
    with cluster.bridge() as bridge:
        cluster.wait_until_all_is_committed()
        assert bridge.stop() == 0
    assert cluster.reconcile([0, 2]) == ([], 0)
    wait_until(lambda: len(kafka.read(cluster.dead_letters)) > 0, "the dead letter", 20)
    [dead_letter] = kafka.read(cluster.dead_letters)
    assert ("fullstory_bridge.reason", b"unknown_fingerprint") in (dead_letter.headers() or ())
    assert dead_letter.value() == values[1]


@pytest.mark.parametrize(
    "header",
    [
        ("apicurio.value.contentId", bytes(7) + b"\x02"),
        ("content-type", b"avro/binary+0f8a4c7e2b6d4f1a9c3e5d7b8a6f4e2c"),
        ("contentType", b"application/vnd.paid.v1+avro"),
    ],
    ids=["Apicurio", "Azure", "Spring"],
)
def test_a_record_of_another_serializer_is_a_dead_letter_whatever_its_first_bytes_are(
    kafka: KafkaCluster, make_cluster: MakeCluster, header: tuple[str, bytes]
) -> None:
    """Its header identifies the schema, so the value has no prefix, even if it looks like one."""
    # Given a body that begins like the prefix of a known schema, beside a usual record
    cluster = make_cluster(kafka, partitions=1)
    cluster.write(1)
    body = encode(cluster.schema_id, 1)
    kafka.produce(cluster.topic, [body], partition=0, headers=[header])

    # When a bridge reads both
    with cluster.bridge() as bridge:
        bridge.wait_until(cluster.all_is_committed, "everything committed")
        wait_until(lambda: len(kafka.read(cluster.dead_letters)) > 0, "the dead letter", 20)
        assert bridge.stop() == 0

    # Then only the usual one arrives, and the other is a dead letter with the reason
    assert cluster.reconcile([0]) == ([], 0)
    [dead_letter] = kafka.read(cluster.dead_letters)
    assert ("fullstory_bridge.reason", b"other_schema_header") in (dead_letter.headers() or ())
    assert dead_letter.value() == body
