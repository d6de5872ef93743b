"""A new schema version does not match a mapping: at run time, and at the start."""

import io
import json
import subprocess

import fastavro
import pytest

from tests.integration.running import COMMAND, BridgeProcess
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


def test_a_topic_whose_newest_schema_does_not_fit_at_the_start_is_halted_alone(
    kafka: KafkaCluster, make_cluster: MakeCluster
) -> None:
    """Another topic runs, and once the schema is fixed, a restart reads what waited."""
    # Given two topics, of which one has got a newest version without a mapped field
    cluster = make_cluster(kafka, partitions=1)
    other = kafka.create_topic(f"{cluster.topic}-other")
    schema_id = register(cluster.registry_url, f"{other}-value", SCHEMA)
    register(cluster.registry_url, f"{other}-value", NEWER)
    paid = MAPPING["mappings"][0]
    text = json.dumps(
        {
            "format": 1,
            "owner": "the shop",
            "mappings": [paid, {**paid, "name": "b", "topics": [other]}],
        }
    )
    (cluster.folder / "paid.yaml").write_text(text)
    cluster.settings["start"] = "latest"

    # When a bridge of a new group starts, and both topics get records
    with cluster.bridge() as bridge:
        bridge.wait_until_assigned([f"{cluster.topic}/0", f"{other}/0"])
        kafka.produce(other, [encode(schema_id, 1)])
        kafka.produce(cluster.topic, [encode(cluster.schema_id, 0)], partition=0)

        # Then that topic is halted with its owner, and the other one is delivered
        cluster.wait_for(1)
        cluster.wait_until_all_is_committed()
        [halt] = [line for line in bridge.lines if line["event"] == "halted"]
        assert halt["scope"] == f"the topic {other}"
        assert halt["owner"] == "the shop"
        assert f"{other}-value version 2" in halt["why"]
        assert "the schema has no field `n`" in halt["why"]
        assert bridge.stop() == 0
    assert cluster.reconcile([0]) == ([], 0)

    # And after a version with the field, a restart delivers the record that waited
    fields = [*SCHEMA["fields"], {"name": "m", "type": "int", "default": 0}]
    register(cluster.registry_url, f"{other}-value", {**SCHEMA, "fields": fields})
    with cluster.bridge() as bridge:
        cluster.wait_for(2)
        assert bridge.stop() == 0
        assert not bridge.has_logged("halted")
    assert cluster.reconcile([0, 1]) == ([], 0)
    assert sum(kafka.end_offsets(cluster.dead_letters).values()) == 0


def test_a_strict_start_is_refused_if_one_topic_does_not_fit(
    kafka: KafkaCluster, make_cluster: MakeCluster
) -> None:
    """With exit code 2, and the same error as `check`, whose exit code is 1."""
    cluster = make_cluster(kafka, partitions=1)
    other = f"{cluster.topic}-other"
    register(cluster.registry_url, f"{other}-value", NEWER)
    paid = MAPPING["mappings"][0]
    mappings = [paid, {**paid, "name": "b", "topics": [other]}]
    (cluster.folder / "paid.yaml").write_text(json.dumps({"format": 1, "mappings": mappings}))
    settings = cluster.write_settings()

    with BridgeProcess(settings, flags=["--strict-start"]) as bridge:
        assert bridge.wait() == 2
    checked = subprocess.run(
        [COMMAND, "check", "--config", settings], capture_output=True, text=True, check=False
    )

    assert checked.returncode == 1
    for output in (bridge.text, checked.stdout):
        assert "the schema has no field `n`" in output
