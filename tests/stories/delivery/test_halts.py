"""`on_error: halt`: a mapping's topics stand still until a person has acted, and no others."""

import json
from typing import Any

import pytest

from tests.services.java import wait_until
from tests.services.kafka import KafkaCluster
from tests.stories.conftest import FoundTown
from tests.stories.kafka_fixture import MAPPING, SCHEMA, Member, Town, encode, moving, register

pytestmark = [pytest.mark.real, pytest.mark.story, pytest.mark.long, pytest.mark.timeout(180)]

NO_USER = ".."
"""A user id that no request can be made for: a mapping error."""


def _write_mapping(town: Town, on_error: str, other: str) -> None:
    paid: dict[str, Any] = {**MAPPING["mappings"][0], "on_error": on_error}
    refunds = {**paid, "name": "other", "topics": [other]}
    text = json.dumps({"format": 1, "mappings": [paid, refunds]})
    (town.folder / "paid.yaml").write_text(text)


def _halts(bridge: Member) -> list[dict[str, Any]]:
    return [line for line in bridge.lines if line["event"] == "halted"]


def test_a_mapping_error_halts_its_topics_until_the_mapping_is_mended(
    kafka: KafkaCluster, found_town: FoundTown
) -> None:
    """Nothing is lost, nothing sent twice, no dead letter written; the other topic flows on."""
    # Given two mappings that say `halt`, of a topic each
    town = found_town(kafka, partitions=2)
    other = kafka.create_topic(f"{town.topic}-other")
    number = register(town.registry_url, f"{other}-value", SCHEMA)
    _write_mapping(town, "halt", other)
    with town.bridge() as bridge:
        bridge.wait_until_assigned([f"{town.topic}/0", f"{town.topic}/1", f"{other}/0"])

        # When a record comes that one of them cannot map, with others behind it
        values = [encode(town.schema_id, 0), encode(town.schema_id, 1, NO_USER)]
        kafka.produce(town.topic, [*values, encode(town.schema_id, 2)], partition=0)
        wait_until(lambda: bool(_halts(bridge)), "a halt", 30)
        kafka.produce(town.topic, [encode(town.schema_id, 3)], partition=1)
        kafka.produce(other, [encode(number, 4)])

        # Then that topic stands still, told once with its cure, and the other one flows on
        town.wait_for(2)
        moving(lambda: len(town.fullstory.accepted))
        assert sorted(town.arrived()) == [0, 4]
        [halt] = _halts(bridge)
        assert halt["scope"] == f"the topic {town.topic}"
        assert halt["why"].endswith(f"({town.topic}/0/1)")
        assert "on_error" in halt["fix"]
        assert bridge.stop() == 0
    assert kafka.committed(town.group, town.topic)[0].offset == 1

    # And it meets the record again after a start
    with town.bridge() as bridge:
        wait_until(lambda: bool(_halts(bridge)), "the halt again", 30)
        moving(lambda: len(town.fullstory.accepted))
        assert bridge.stop() == 0
    assert {0: 1, 2: 0}.items() <= {n: town.arrived()[n] for n in (0, 2)}.items()

    # And goes on where it stood once the mapping is mended
    _write_mapping(town, "skip", other)
    with town.bridge() as bridge:
        town.wait_for(4)
        town.wait_until_all_is_committed()
        assert bridge.stop() == 0
    assert town.reconcile([0, 2, 3, 4]) == ([], 0)
    assert sum(kafka.end_offsets(town.letters).values()) == 0
