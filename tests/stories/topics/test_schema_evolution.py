"""A new schema version arrives at run time, and one of two mappings does not match it."""

import io
import json

import fastavro
import pytest

from tests.services.java import wait_until
from tests.services.kafka import KafkaCluster
from tests.stories.conftest import MakeCluster
from tests.stories.kafka_fixture import MAPPING, SCHEMA, encode, register

pytestmark = [pytest.mark.real, pytest.mark.story, pytest.mark.timeout(120)]

NEWER = {**SCHEMA, "fields": [{"name": "user", "type": "string"}, {"name": "m", "type": "int"}]}
"""`n` is renamed to `m`."""


def test_a_mapping_that_does_not_match_a_new_schema_dead_letters_and_others_continue(
    kafka: KafkaCluster, make_cluster: MakeCluster
) -> None:
    """Only the mapping that reads the removed field is affected, and this is logged once."""
    # Given a bridge with two mappings for a topic, one of which reads `n`
    cluster = make_cluster(kafka, partitions=1)
    number = MAPPING["mappings"][0]
    plain = {**number, "name": "plain", "event": "Plain", "properties": {"n": "$offset"}}
    text = json.dumps({"format": 1, "mappings": [number, plain]})
    (cluster.folder / "paid.yaml").write_text(text)
    with cluster.bridge() as bridge:
        kafka.produce(cluster.topic, [encode(cluster.schema_id, 100)], partition=0)
        cluster.wait_for(2)

        # When a version without `n` is registered, and ten records with it are produced
        newer = register(cluster.registry_url, f"{cluster.topic}-value", NEWER)
        body = io.BytesIO()
        fastavro.schemaless_writer(body, NEWER, {"user": "usr:1", "m": 5})
        value = b"\0" + newer.to_bytes(4, "big") + body.getvalue()
        kafka.produce(cluster.topic, [value] * 10, partition=0)
        kafka.produce(cluster.topic, [encode(cluster.schema_id, 101)], partition=0)
        cluster.wait_until_all_is_committed()

        # Then each one is an event of the other mapping and a dead letter of this one
        wait_until(lambda: len(kafka.read(cluster.dead_letters)) >= 10, "the dead letters", 20)
        assert bridge.stop() == 0
    assert cluster.reconcile([100, 101, *range(12)]) == ([], 0)
    for dead_letter in kafka.read(cluster.dead_letters):
        assert ("fullstory_bridge.reason", b"schema_does_not_fit") in (dead_letter.headers() or ())
    warnings = [
        line for line in bridge.lines if line["event"] == "mapping does not fit a new schema"
    ]
    assert [(line["mapping"], line["topic"]) for line in warnings] == [("paid", cluster.topic)]
    assert bridge.lines[-1]["event"] == "ended"
    assert bridge.lines[-1]["dead_lettered"] == {"schema_does_not_fit": 10}
    assert bridge.lines[-1]["misfits"] == [f"paid on {cluster.topic}"]
