"""Topic patterns that match topics created while the bridge runs."""

import json

import pytest

from tests.services.java import wait_until
from tests.services.kafka import KafkaCluster
from tests.stories.conftest import MakeCluster
from tests.stories.kafka_fixture import (
    MAPPING,
    SCHEMA,
    ClusterFixture,
    encode,
    register,
    wait_until_stable,
)

pytestmark = [pytest.mark.real, pytest.mark.story, pytest.mark.timeout(120)]


def _write_mapping(cluster: ClusterFixture, pattern: str) -> None:
    mapping = {**MAPPING["mappings"][0], "topics": {"pattern": pattern}}
    (cluster.folder / "paid.yaml").write_text(json.dumps({"format": 1, "mappings": [mapping]}))


def test_a_topic_created_while_running_is_read_from_its_first_record(
    kafka: KafkaCluster, make_cluster: MakeCluster
) -> None:
    """`start: latest` applies to existing topics only; the dead-letter topic is never read."""
    # Given a pattern that matches a topic with old records and the dead-letter topic
    cluster = make_cluster(kafka, partitions=1)
    cluster.settings["start"] = "latest"
    cluster.kafka_settings = {"topic.metadata.refresh.interval.ms": 500}
    shop = f"shop-{cluster.topic}"
    cluster.dead_letters = kafka.create_topic(f"{shop}-dead-letters")
    old = kafka.create_topic(f"{shop}-old")
    _write_mapping(cluster, f"^{shop}-")
    ids = {
        name: register(cluster.registry_url, f"{name}-value", SCHEMA)
        for name in (old, f"{shop}-new", f"x{shop}-other")
    }
    kafka.produce(old, [encode(ids[old], 0)])
    with cluster.bridge() as bridge:
        bridge.wait_until_assigned([f"{old}/0"])

        # When topics are created and written immediately: one matches the pattern, one does not
        new = kafka.create_topic(f"{shop}-new", 2)
        other = kafka.create_topic(f"x{shop}-other")
        kafka.produce(new, [encode(ids[new], n) for n in (1, 2)], partition=0)
        kafka.produce(new, [encode(ids[new], 3), b"not framed"], partition=1)
        kafka.produce(other, [encode(ids[other], 4)])
        bridge.wait_until_assigned([f"{new}/0", f"{new}/1"])
        kafka.produce(old, [encode(ids[old], 5)])

        # Then the new topic's first records arrive, and its poison record is dead-lettered once
        cluster.wait_for(4)
        wait_until(
            lambda: sum(kafka.end_offsets(cluster.dead_letters).values()) > 0, "a dead letter", 30
        )
        wait_until_stable(
            lambda: (len(cluster.fullstory.accepted), kafka.end_offsets(cluster.dead_letters))
        )
        own = bridge.assigned
        assert bridge.stop() == 0
    assert cluster.reconcile([1, 2, 3, 5]) == ([], 0)
    assert sum(kafka.end_offsets(cluster.dead_letters).values()) == 1
    assert own == {f"{old}/0", f"{new}/0", f"{new}/1"}


def test_a_pattern_without_a_matching_topic_waits_for_one_and_logs_it(
    kafka: KafkaCluster, make_cluster: MakeCluster
) -> None:
    """The bridge has nothing to subscribe to, but keeps running."""
    # Given a bridge without a topic to read
    cluster = make_cluster(kafka, partitions=1)
    cluster.settings["start"] = "latest"
    cluster.kafka_settings = {"topic.metadata.refresh.interval.ms": 500}
    shop = f"shop-{cluster.topic}"
    _write_mapping(cluster, f"^{shop}")
    number = register(cluster.registry_url, f"{shop}-value", SCHEMA)
    with cluster.bridge() as bridge:
        waits = "no topic matches the patterns yet; checking every 0.5 s"
        bridge.wait_until_logged(waits)

        # When the topic is created
        kafka.create_topic(shop)
        kafka.produce(shop, [encode(number, 0)])

        # Then its first record arrives
        cluster.wait_for(1)
        assert bridge.stop() == 0
    assert cluster.reconcile([0]) == ([], 0)
