"""A new version of a schema comes while running, and one of two mappings does not fit it."""

import io
import json

import fastavro
import pytest

from tests.services.java import wait_until
from tests.services.kafka import KafkaCluster
from tests.stories.conftest import FoundTown
from tests.stories.kafka_fixture import MAPPING, SCHEMA, encode, register

pytestmark = [pytest.mark.real, pytest.mark.story, pytest.mark.timeout(120)]

NEWER = {**SCHEMA, "fields": [{"name": "user", "type": "string"}, {"name": "m", "type": "int"}]}
"""`n` is called `m` now."""


def test_what_still_fits_goes_on_and_the_rest_is_dead_lettered_told_once_and_counted(
    kafka: KafkaCluster, found_town: FoundTown
) -> None:
    """The mapping that reads the field that is gone, and no other."""
    # Given a bridge with two mappings of a topic, one of which reads `n`
    town = found_town(kafka, partitions=1)
    number = MAPPING["mappings"][0]
    plain = {**number, "name": "plain", "event": "Plain", "properties": {"n": "$offset"}}
    text = json.dumps({"format": 1, "mappings": [number, plain]})
    (town.folder / "paid.yaml").write_text(text)
    with town.bridge() as bridge:
        kafka.produce(town.topic, [encode(town.schema_id, 100)], partition=0)
        town.wait_for(2)

        # When a version without it is registered, and ten records come that were written with it
        newer = register(town.registry_url, f"{town.topic}-value", NEWER)
        body = io.BytesIO()
        fastavro.schemaless_writer(body, NEWER, {"user": "usr:1", "m": 5})
        value = b"\0" + newer.to_bytes(4, "big") + body.getvalue()
        kafka.produce(town.topic, [value] * 10, partition=0)
        kafka.produce(town.topic, [encode(town.schema_id, 101)], partition=0)
        town.wait_until_all_is_committed()

        # Then each is an event of the other mapping, and a dead letter of this one
        wait_until(lambda: len(kafka.read(town.letters)) >= 10, "the dead letters", 20)
        assert bridge.stop() == 0
    assert town.reconcile([100, 101, *range(12)]) == ([], 0)
    for letter in kafka.read(town.letters):
        assert ("fullstory_bridge.reason", b"schema_does_not_fit") in (letter.headers() or ())
    told = [line for line in bridge.lines if line["event"] == "mapping does not fit a new schema"]
    assert [(line["mapping"], line["topic"]) for line in told] == [("paid", town.topic)]
    assert bridge.lines[-1]["event"] == "ended"
    assert bridge.lines[-1]["dead_lettered"] == {"schema_does_not_fit": 10}
    assert bridge.lines[-1]["misfits"] == [f"paid on {town.topic}"]
