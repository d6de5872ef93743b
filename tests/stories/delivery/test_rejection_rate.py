"""A mapping that rejects what it matches: its topics stand still, the others flow, nothing is lost.

Each matching record names its user in its key, and the wrong mapping looks into a field that is
empty: it rejects every one of them, until it is mended.
"""

import io
import json
from dataclasses import dataclass
from typing import Any

import fastavro
import pytest

from tests.services.kafka import KafkaCluster
from tests.stories.conftest import FoundTown
from tests.stories.kafka_fixture import MAPPING, SCHEMA, Member, Town, encode, moving, register

pytestmark = [pytest.mark.real, pytest.mark.story, pytest.mark.timeout(120)]

LETTERS_MAX = 500
IN_FLIGHT_MAX = 256
WRONG = {**MAPPING["mappings"][0], "filter": {"user": [""]}, "uid": "user"}
MENDED = {**WRONG, "uid": {"first_of": ["user", "$key"]}}


@dataclass
class Shop:
    """A town with a second topic, whose mapping is right."""

    town: Town
    other: str
    other_schema: int

    def map_with(self, mapping: dict[str, Any]) -> None:
        """Write both mappings, the first as given."""
        right = {**MAPPING["mappings"][0], "name": "other", "topics": [self.other]}
        text = json.dumps({"format": 1, "mappings": [mapping, right]})
        (self.town.folder / "paid.yaml").write_text(text)

    def write(self, records: int, *, every: int) -> list[int]:
        """Write so many records to the first topic, of which one in `every` matches: these."""
        town = self.town
        numbers = range(town.written, town.written + records)
        town.written += records
        partitions = len(town.kafka.partitions(town.topic))
        for partition in range(partitions):
            own = numbers[partition::partitions]
            users = ["" if n // partitions % every == 0 else "nobody" for n in own]
            values = [encode(town.schema_id, *pair) for pair in zip(own, users, strict=True)]
            town.kafka.produce(town.topic, values, partition=partition, key=b"usr:key")
        return [n for n in numbers if n // partitions % every == 0]

    def write_other(self, records: int) -> list[int]:
        """Write so many records to the second topic; all of them match."""
        numbers = range(self.town.written, self.town.written + records)
        self.town.written += records
        self.town.kafka.produce(self.other, [encode(self.other_schema, n) for n in numbers])
        return list(numbers)

    def letters(self) -> list[int]:
        """The numbers of the records that are dead letters."""
        parsed = fastavro.parse_schema(SCHEMA)
        letters = self.town.kafka.read(self.town.letters)
        bodies = [io.BytesIO((letter.value() or b"")[5:]) for letter in letters]
        values: Any = [fastavro.schemaless_reader(body, parsed, None) for body in bodies]
        return [value["n"] for value in values]


def _shop(town: Town) -> Shop:
    other = town.kafka.create_topic(f"{town.topic}-other")
    return Shop(town, other, register(town.registry_url, f"{other}-value", SCHEMA))


def _halt(bridge: Member, town: Town) -> dict[str, Any]:
    bridge.wait_until_logged("halted")
    [halt] = [line for line in bridge.lines if line["event"] == "halted"]
    assert halt["scope"] == f"the topic {town.topic}"
    return halt


@pytest.mark.parametrize(
    ("records", "every"),
    [
        pytest.param(20_000, 100, id="one in a hundred", marks=pytest.mark.long),
        pytest.param(5_000, 1, id="every record", marks=pytest.mark.long),
    ],
)
def test_a_mapping_that_is_wholly_wrong_halts_and_loses_nothing(
    kafka: KafkaCluster, found_town: FoundTown, records: int, every: int
) -> None:
    """By itself, before it has filled the dead-letter topic; mended, it goes on where it stood."""
    # Given a mapping that rejects all it matches, beside a right one on another topic
    shop = _shop(found_town(kafka, partitions=2))
    town = shop.town
    shop.map_with(WRONG)
    matching = shop.write(records, every=every)
    good = shop.write_other(500)
    with town.bridge() as bridge:
        # When it has rejected too much
        halt = _halt(bridge, town)

        # Then it says so, and the other one flows to its end
        assert "matches were rejected, mostly: missing_uid at `user`" in halt["why"]
        assert f"fullstory-bridge explain {town.topic}/" in halt["fix"]
        good += shop.write_other(500)
        bridge.wait_until_committed(kafka, town.group, [shop.other])
        moving(lambda: (len(town.fullstory.accepted), kafka.end_offsets(town.letters)))
        assert sorted(town.arrived()) == good
        letters = shop.letters()
        assert len(letters) <= LETTERS_MAX
        assert bridge.stop() == 0

    # And mended, all the rest is delivered, once, without one more dead letter
    shop.map_with(MENDED)
    with town.bridge() as bridge:
        bridge.wait_until_committed(kafka, town.group, [town.topic, shop.other])
        assert not bridge.has_logged("halted")
        assert bridge.stop() == 0
    assert shop.letters() == letters
    assert len(letters) == len(set(letters))
    assert town.reconcile(sorted({*good, *matching} - {*letters})) == ([], 0)
    print(f"\n{len(matching)} matches, {len(letters)} dead letters: {halt['why']}")  # noqa: T201


@pytest.mark.long
def test_a_mapping_whose_events_fullstory_refuses_halts_and_loses_nothing(
    kafka: KafkaCluster, found_town: FoundTown
) -> None:
    """What waits to be sent is left when it halts; only what was under way is a dead letter."""
    # Given a FullStory that refuses the events of one mapping
    shop = _shop(found_town(kafka, partitions=2))
    town = shop.town
    shop.map_with(MENDED)
    matching = shop.write(5_000, every=1)
    town.fullstory.turn(spell={"status": 400, "also_me": False})
    with town.bridge() as bridge:
        # When it has been refused too often
        halt = _halt(bridge, town)
        assert "with status 400" in halt["why"]
        moving(lambda: kafka.end_offsets(town.letters))
        letters = shop.letters()
        assert len(letters) <= 20 + IN_FLIGHT_MAX

        # Then the other one flows
        town.fullstory.turn(spell=None)
        good = shop.write_other(500)
        bridge.wait_until_committed(kafka, town.group, [shop.other])
        moving(lambda: len(town.fullstory.accepted))
        assert sorted(town.arrived()) == good
        assert bridge.stop() == 0

    # And after a start all the rest is delivered, once, without one more dead letter
    with town.bridge() as bridge:
        bridge.wait_until_committed(kafka, town.group, [town.topic, shop.other])
        assert bridge.stop() == 0
    assert shop.letters() == letters
    assert len(letters) == len(set(letters))
    assert town.reconcile(sorted({*good, *matching} - {*letters})) == ([], 0)
    print(f"\n{len(matching)} matches, {len(letters)} dead letters: {halt['why']}")  # noqa: T201
