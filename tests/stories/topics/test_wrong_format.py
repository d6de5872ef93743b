"""A topic that holds another format than its settings say: it halts, and nothing is lost."""

import json

import pytest

from tests.services.kafka import KafkaCluster
from tests.stories.conftest import MakeCluster
from tests.stories.kafka_fixture import (
    MAPPING,
    SCHEMA,
    ClusterFixture,
    Member,
    encode,
    register,
    wait_until_stable,
)

pytestmark = [pytest.mark.real, pytest.mark.story, pytest.mark.timeout(120)]

RECORDS = 3_000


def test_a_topic_without_the_expected_prefix_halts_and_is_delivered_after_the_fix(
    kafka: KafkaCluster, make_cluster: MakeCluster
) -> None:
    """The reason names the right `wire_format`; another topic goes on."""
    # Given a topic of Avro without a prefix, and one as Confluent's serializers write it
    cluster = make_cluster(kafka, partitions=2)
    other, other_schema = _second_topic(cluster)
    cluster.settings["status"] = {"listen": "127.0.0.1:0"}
    bodies = [encode(cluster.schema_id, n)[5:] for n in range(RECORDS)]
    for partition in range(2):
        kafka.produce(cluster.topic, bodies[partition::2], partition=partition)
    good = range(RECORDS, RECORDS + 100)
    kafka.produce(other, [encode(other_schema, n) for n in good])
    with cluster.bridge() as bridge:
        # When nearly nothing of the first one can be decoded
        halt = _halt(bridge, cluster)

        # Then it is halted with the reason and the fix, and the other one is delivered
        assert "records cannot be decoded, mostly: wrong_magic_byte" in halt["why"]
        assert "look like Avro without a prefix (`raw`)" in halt["why"]
        assert "`wire_format: raw` under `avro.topics`" in halt["fix"]
        bridge.wait_until_committed(kafka, cluster.group, [other])
        wait_until_stable(lambda: kafka.end_offsets(cluster.dead_letters))
        assert sorted(cluster.arrived()) == [*good]
        dead_letters = sum(kafka.end_offsets(cluster.dead_letters).values())
        assert dead_letters < 300
        assert bridge.stop() == 0

    # And when the format is corrected, all others arrive
    (cluster.folder / "paid.avsc").write_text(json.dumps(SCHEMA))
    codec = {"wire_format": "raw", "schema": "paid.avsc"}
    cluster.settings["avro"] = {
        "registry": {"url": cluster.registry_url},
        "topics": {"paid": codec},
    }
    with cluster.bridge() as bridge:
        cluster.wait_until_all_is_committed()
        assert bridge.stop() == 0
    arrived = cluster.arrived()
    assert set(arrived.values()) == {1}
    assert len(arrived) == RECORDS + len(good) - dead_letters


def test_a_topic_of_json_halts_instead_of_filling_the_dead_letter_topic(
    kafka: KafkaCluster, make_cluster: MakeCluster
) -> None:
    """With one topic only, everything is halted then."""
    # Given a topic of JSON
    cluster = make_cluster(kafka, partitions=1)
    kafka.produce(cluster.topic, [b'{"n": 1, "user": "usr:1"}'] * RECORDS)
    with cluster.bridge() as bridge:
        # Then it is halted with the reason, which contains no value
        halt = _halt(bridge, cluster)
        assert "look like JSON" in halt["why"]
        assert "usr:1" not in bridge.text
        wait_until_stable(lambda: kafka.end_offsets(cluster.dead_letters))
        assert sum(kafka.end_offsets(cluster.dead_letters).values()) < 300
        assert bridge.stop() == 0
    assert cluster.fullstory.accepted == []


def _halt(bridge: Member, cluster: ClusterFixture) -> dict[str, str]:
    scope = f"the topic {cluster.topic}"
    bridge.wait_until_logged("halted", scope=scope)
    [halt] = [line for line in bridge.lines if line.get("scope") == scope]
    return halt


def _second_topic(cluster: ClusterFixture) -> tuple[str, int]:
    """Another topic with a mapping of its own, and the id of its schema."""
    topic = cluster.kafka.create_topic(f"{cluster.topic}-other")
    other = {**MAPPING["mappings"][0], "name": "other", "topics": [topic]}
    text = json.dumps({"format": 1, "mappings": [MAPPING["mappings"][0], other]})
    (cluster.folder / "paid.yaml").write_text(text)
    return topic, register(cluster.registry_url, f"{topic}-value", SCHEMA)
