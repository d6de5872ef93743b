"""Topics by pattern, which come while the bridge runs."""

import json

import pytest

from tests.services.java import wait_until
from tests.services.kafka import KafkaCluster
from tests.stories.conftest import FoundTown
from tests.stories.kafka_fixture import MAPPING, SCHEMA, Town, encode, moving, register

pytestmark = [pytest.mark.real, pytest.mark.story, pytest.mark.timeout(120)]


def _by_pattern(town: Town, pattern: str) -> None:
    mapping = {**MAPPING["mappings"][0], "topics": {"pattern": pattern}}
    (town.folder / "paid.yaml").write_text(json.dumps({"format": 1, "mappings": [mapping]}))


def test_a_topic_that_comes_while_running_is_read_from_its_first_record(
    kafka: KafkaCluster, found_town: FoundTown
) -> None:
    """`start: latest` speaks of the topics that were there; the dead letters are never read."""
    # Given a pattern that so far takes a topic with old records and, by its name, the dead letters
    town = found_town(kafka, partitions=1)
    town.settings["start"] = "latest"
    town.kafka_settings = {"topic.metadata.refresh.interval.ms": 500}
    shop = f"shop-{town.topic}"
    town.letters = kafka.create_topic(f"{shop}-letters")
    old = kafka.create_topic(f"{shop}-old")
    _by_pattern(town, f"^{shop}-")
    ids = {
        name: register(town.registry_url, f"{name}-value", SCHEMA)
        for name in (old, f"{shop}-new", f"x{shop}-other")
    }
    kafka.produce(old, [encode(ids[old], 0)])
    with town.bridge() as bridge:
        bridge.wait_until_assigned([f"{old}/0"])

        # When topics are made, and written to at once: one that it takes, and one with another name
        new = kafka.create_topic(f"{shop}-new", 2)
        other = kafka.create_topic(f"x{shop}-other")
        kafka.produce(new, [encode(ids[new], n) for n in (1, 2)], partition=0)
        kafka.produce(new, [encode(ids[new], 3), b"not framed"], partition=1)
        kafka.produce(other, [encode(ids[other], 4)])
        bridge.wait_until_assigned([f"{new}/0", f"{new}/1"])
        kafka.produce(old, [encode(ids[old], 5)])

        # Then its first records arrive, and its poison record becomes a dead letter, once
        town.wait_for(4)
        wait_until(lambda: sum(kafka.end_offsets(town.letters).values()) > 0, "a dead letter", 30)
        moving(lambda: (len(town.fullstory.accepted), kafka.end_offsets(town.letters)))
        own = bridge.assigned
        assert bridge.stop() == 0
    assert town.reconcile([1, 2, 3, 5]) == ([], 0)
    assert sum(kafka.end_offsets(town.letters).values()) == 1
    assert own == {f"{old}/0", f"{new}/0", f"{new}/1"}


def test_a_pattern_that_takes_no_topic_yet_waits_for_one_and_says_so(
    kafka: KafkaCluster, found_town: FoundTown
) -> None:
    """There is nothing to subscribe to, and nothing to end for."""
    # Given a bridge with nothing to read
    town = found_town(kafka, partitions=1)
    town.settings["start"] = "latest"
    town.kafka_settings = {"topic.metadata.refresh.interval.ms": 500}
    shop = f"shop-{town.topic}"
    _by_pattern(town, f"^{shop}")
    number = register(town.registry_url, f"{shop}-value", SCHEMA)
    with town.bridge() as bridge:
        waits = "no topic matches the patterns yet; checking every 0.5 s"
        bridge.wait_until_logged(waits)

        # When the topic is made
        kafka.create_topic(shop)
        kafka.produce(shop, [encode(number, 0)])

        # Then its first record arrives
        town.wait_for(1)
        assert bridge.stop() == 0
    assert town.reconcile([0]) == ([], 0)
