"""A mapping that rejects what it matches halts its topics; others continue and nothing is lost.

Each matching record has its user in its key. The wrong mapping reads an empty field, so it rejects
all matching records until it is fixed.
"""

import io
import json
from dataclasses import dataclass
from typing import Any

import fastavro
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

DEAD_LETTERS_MAX = 500
IN_FLIGHT_MAX = 256
WRONG = {**MAPPING["mappings"][0], "filter": {"user": [""]}, "uid": "user"}
FIXED = {**WRONG, "uid": {"first_of": ["user", "$key"]}}


@dataclass
class Shop:
    """A cluster fixture with a second topic whose mapping is correct."""

    cluster: ClusterFixture
    other: str
    other_schema: int

    def map_with(self, mapping: dict[str, Any]) -> None:
        """Write both mappings; the first is `mapping`."""
        right = {**MAPPING["mappings"][0], "name": "other", "topics": [self.other]}
        text = json.dumps({"format": 1, "mappings": [mapping, right]})
        (self.cluster.folder / "paid.yaml").write_text(text)

    def write(self, records: int, *, every: int) -> list[int]:
        """Write `records` to the first topic; one in `every` matches. Returns the matching ones."""
        cluster = self.cluster
        numbers = range(cluster.written, cluster.written + records)
        cluster.written += records
        partitions = len(cluster.kafka.partitions(cluster.topic))
        for partition in range(partitions):
            own = numbers[partition::partitions]
            users = ["" if n // partitions % every == 0 else "usr:other" for n in own]
            values = [encode(cluster.schema_id, *pair) for pair in zip(own, users, strict=True)]
            cluster.kafka.produce(cluster.topic, values, partition=partition, key=b"usr:key")
        return [n for n in numbers if n // partitions % every == 0]

    def write_other(self, records: int) -> list[int]:
        """Write `records` to the second topic; all of them match."""
        numbers = range(self.cluster.written, self.cluster.written + records)
        self.cluster.written += records
        self.cluster.kafka.produce(self.other, [encode(self.other_schema, n) for n in numbers])
        return list(numbers)

    def dead_letters(self) -> list[int]:
        """The numbers of the dead-lettered records."""
        parsed = fastavro.parse_schema(SCHEMA)
        dead_letters = self.cluster.kafka.read(self.cluster.dead_letters)
        bodies = [io.BytesIO((dead_letter.value() or b"")[5:]) for dead_letter in dead_letters]
        values: Any = [fastavro.schemaless_reader(body, parsed, None) for body in bodies]
        return [value["n"] for value in values]


def _shop(cluster: ClusterFixture) -> Shop:
    other = cluster.kafka.create_topic(f"{cluster.topic}-other")
    return Shop(cluster, other, register(cluster.registry_url, f"{other}-value", SCHEMA))


def _halt(bridge: Member, cluster: ClusterFixture) -> dict[str, Any]:
    bridge.wait_until_logged("halted")
    [halt] = [line for line in bridge.lines if line["event"] == "halted"]
    assert halt["scope"] == f"the topic {cluster.topic}"
    return halt


@pytest.mark.parametrize(
    ("records", "every"),
    [
        pytest.param(20_000, 100, id="one in a hundred", marks=pytest.mark.long),
        pytest.param(5_000, 1, id="every record", marks=pytest.mark.long),
    ],
)
def test_a_mapping_that_rejects_all_its_matches_halts_and_loses_nothing(
    kafka: KafkaCluster, make_cluster: MakeCluster, records: int, every: int
) -> None:
    """It halts before it fills the dead-letter topic, and resumes there after the fix."""
    # Given a mapping that rejects all its matches, and a correct one for another topic
    shop = _shop(make_cluster(kafka, partitions=2))
    cluster = shop.cluster
    shop.map_with(WRONG)
    matching = shop.write(records, every=every)
    good = shop.write_other(500)
    with cluster.bridge() as bridge:
        # When it has rejected too many records
        halt = _halt(bridge, cluster)

        # Then it logs the reason, and the other topic is read to its end
        assert "matches were rejected, mostly: missing_uid at `user`" in halt["why"]
        assert f"fullstory-bridge explain {cluster.topic}/" in halt["fix"]
        good += shop.write_other(500)
        bridge.wait_until_committed(kafka, cluster.group, [shop.other])
        wait_until_stable(
            lambda: (len(cluster.fullstory.accepted), kafka.end_offsets(cluster.dead_letters))
        )
        assert sorted(cluster.arrived()) == good
        dead_letters = shop.dead_letters()
        assert len(dead_letters) <= DEAD_LETTERS_MAX
        assert bridge.stop() == 0

    # And after the fix the rest is delivered once, without further dead letters
    shop.map_with(FIXED)
    with cluster.bridge() as bridge:
        bridge.wait_until_committed(kafka, cluster.group, [cluster.topic, shop.other])
        assert not bridge.has_logged("halted")
        assert bridge.stop() == 0
    assert shop.dead_letters() == dead_letters
    assert len(dead_letters) == len(set(dead_letters))
    assert cluster.reconcile(sorted({*good, *matching} - {*dead_letters})) == ([], 0)
    print(f"\n{len(matching)} matches, {len(dead_letters)} dead letters: {halt['why']}")  # noqa: T201


@pytest.mark.long
def test_a_mapping_whose_events_fullstory_rejects_halts_and_loses_nothing(
    kafka: KafkaCluster, make_cluster: MakeCluster
) -> None:
    """Only events in flight at the halt become dead letters; queued ones are kept."""
    # Given a FullStory that rejects the events of one mapping
    shop = _shop(make_cluster(kafka, partitions=2))
    cluster = shop.cluster
    shop.map_with(FIXED)
    matching = shop.write(5_000, every=1)
    cluster.fullstory.configure(fault_period={"status": 400, "also_me": False})
    with cluster.bridge() as bridge:
        # When too many of its events are rejected
        halt = _halt(bridge, cluster)
        assert "with status 400" in halt["why"]
        wait_until_stable(lambda: kafka.end_offsets(cluster.dead_letters))
        dead_letters = shop.dead_letters()
        assert len(dead_letters) <= 20 + IN_FLIGHT_MAX

        # Then the other topic continues
        cluster.fullstory.configure(fault_period=None)
        good = shop.write_other(500)
        bridge.wait_until_committed(kafka, cluster.group, [shop.other])
        wait_until_stable(lambda: len(cluster.fullstory.accepted))
        assert sorted(cluster.arrived()) == good
        assert bridge.stop() == 0

    # And after a restart the rest is delivered once, without further dead letters
    with cluster.bridge() as bridge:
        bridge.wait_until_committed(kafka, cluster.group, [cluster.topic, shop.other])
        assert bridge.stop() == 0
    assert shop.dead_letters() == dead_letters
    assert len(dead_letters) == len(set(dead_letters))
    assert cluster.reconcile(sorted({*good, *matching} - {*dead_letters})) == ([], 0)
    print(f"\n{len(matching)} matches, {len(dead_letters)} dead letters: {halt['why']}")  # noqa: T201
