"""`on_error: halt`: the mapping's topics halt until someone acts; other topics continue."""

import json
from typing import Any

import pytest

from tests.services.java import wait_until
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

pytestmark = [pytest.mark.real, pytest.mark.story, pytest.mark.long, pytest.mark.timeout(180)]

NO_USER = ".."
"""A uid that no request can have: a mapping error."""


def _write_mapping(cluster: ClusterFixture, on_error: str, other: str) -> None:
    paid: dict[str, Any] = {**MAPPING["mappings"][0], "on_error": on_error}
    refunds = {**paid, "name": "other", "topics": [other]}
    text = json.dumps({"format": 1, "mappings": [paid, refunds]})
    (cluster.folder / "paid.yaml").write_text(text)


def _halts(bridge: Member) -> list[dict[str, Any]]:
    return [line for line in bridge.lines if line["event"] == "halted"]


def test_a_mapping_error_halts_its_topics_until_the_mapping_is_fixed(
    kafka: KafkaCluster, make_cluster: MakeCluster
) -> None:
    """Nothing is lost, duplicated or dead-lettered, and the other topic continues."""
    # Given two mappings with `halt`, for one topic each
    cluster = make_cluster(kafka, partitions=2)
    other = kafka.create_topic(f"{cluster.topic}-other")
    number = register(cluster.registry_url, f"{other}-value", SCHEMA)
    _write_mapping(cluster, "halt", other)
    with cluster.bridge() as bridge:
        bridge.wait_until_assigned([f"{cluster.topic}/0", f"{cluster.topic}/1", f"{other}/0"])

        # When one of them cannot map a record that others follow
        values = [encode(cluster.schema_id, 0), encode(cluster.schema_id, 1, NO_USER)]
        kafka.produce(cluster.topic, [*values, encode(cluster.schema_id, 2)], partition=0)
        wait_until(lambda: bool(_halts(bridge)), "a halt", 30)
        kafka.produce(cluster.topic, [encode(cluster.schema_id, 3)], partition=1)
        kafka.produce(other, [encode(number, 4)])

        # Then that topic halts, this is logged once with a fix, and the other topic continues
        cluster.wait_for(2)
        wait_until_stable(lambda: len(cluster.fullstory.accepted))
        assert sorted(cluster.arrived()) == [0, 4]
        [halt] = _halts(bridge)
        assert halt["scope"] == f"the topic {cluster.topic}"
        assert halt["why"].endswith(f"({cluster.topic}/0/1)")
        assert "on_error" in halt["fix"]
        assert bridge.stop() == 0
    assert kafka.committed(cluster.group, cluster.topic)[0].offset == 1

    # And after a restart it halts at the record again
    with cluster.bridge() as bridge:
        wait_until(lambda: bool(_halts(bridge)), "the halt again", 30)
        wait_until_stable(lambda: len(cluster.fullstory.accepted))
        assert bridge.stop() == 0
    assert {0: 1, 2: 0}.items() <= {n: cluster.arrived()[n] for n in (0, 2)}.items()

    # And it resumes there after the mapping is fixed
    _write_mapping(cluster, "skip", other)
    with cluster.bridge() as bridge:
        cluster.wait_for(4)
        cluster.wait_until_all_is_committed()
        assert bridge.stop() == 0
    assert cluster.reconcile([0, 2, 3, 4]) == ([], 0)
    assert sum(kafka.end_offsets(cluster.dead_letters).values()) == 0
