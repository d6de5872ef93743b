"""A topic whose records name their schema by its fingerprint, with no registry at all."""

import json
import subprocess
from typing import Any

import pytest
from fastavro.schema import fingerprint, to_parsing_canonical_form

from tests.integration.running import COMMAND
from tests.services.java import wait_until
from tests.services.kafka import KafkaCluster
from tests.stories.conftest import FoundTown
from tests.stories.kafka_fixture import SCHEMA, encode

pytestmark = [pytest.mark.real, pytest.mark.story, pytest.mark.timeout(120)]


def test_single_objects_are_read_by_files_and_a_strange_one_is_a_dead_letter(
    kafka: KafkaCluster, found_town: FoundTown
) -> None:
    """Two schemas wrote the topic; a file that the mapping does not fit keeps it from starting."""
    # Given a topic of single objects that two schemas wrote, and one that no file has
    town = found_town(kafka, partitions=1)
    newer = {**SCHEMA, "name": "shop.PaidAgain"}
    files = {"old.avsc": SCHEMA, "new.avsc": newer, "wrong.avsc": {**SCHEMA, "fields": []}}
    for name, schema in files.items():
        (town.folder / name).write_text(json.dumps(schema))

    def single_object(schema: Any, n: int) -> bytes:
        mark = fingerprint(to_parsing_canonical_form(schema), "CRC-64-AVRO")
        return b"\xc3\x01" + bytes.fromhex(mark) + encode(0, n)[5:]

    values = [single_object(SCHEMA, 0), single_object("string", 1), single_object(newer, 2)]
    kafka.produce(town.topic, values, partition=0)

    # When the newest file does not fit the mapping, nothing begins
    codec = {"wire_format": "single_object", "schema": ["old.avsc", "wrong.avsc"]}
    town.settings["avro"] = {"topics": {"paid": codec}}
    command = [str(COMMAND), "run", "--config", str(town.write_settings())]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert refused.returncode == 2
    assert "the schema has no field `user`" in refused.stderr
    assert town.fullstory.accepted == []

    # And when it does, both kinds arrive, and the strange one is a dead letter
    codec["schema"] = ["old.avsc", "new.avsc"]
    with town.bridge() as bridge:
        town.wait_until_all_is_committed()
        assert bridge.stop() == 0
    assert town.reconcile([0, 2]) == ([], 0)
    wait_until(lambda: len(kafka.read(town.letters)) > 0, "the dead letter", 20)
    [letter] = kafka.read(town.letters)
    assert ("fullstory_bridge.reason", b"unknown_fingerprint") in (letter.headers() or ())
    assert letter.value() == values[1]
