"""What stands in a commit's metadata is not always ours, not always whole, and not always taken."""

import pytest

from tests.services.fixtures import StartKafka
from tests.services.java import wait_until
from tests.services.kafka import KafkaCluster
from tests.stories.conftest import FoundTown
from tests.stories.kafka_fixture import Town, moving

pytestmark = [pytest.mark.real, pytest.mark.story, pytest.mark.long, pytest.mark.timeout(180)]

OF_OTHERS = {
    "words": "checked by the night shift",
    "kafka streams": "AgAAAZSXy3oAAAAA",
    "parallel consumer": "bAAAAAAAAAAAAQ==",
    "a longer format": "fs1.AAAA.",
    "beyond ASCII": "bis hierher erledigt: ✓",
    "nothing": "",
}


@pytest.mark.parametrize("metadata", OF_OTHERS.values(), ids=OF_OTHERS)
def test_metadata_that_others_committed_is_passed_over(
    kafka3: KafkaCluster, found_town: FoundTown, metadata: str
) -> None:
    """Another program moved the offset while the bridge was stopped: the offset is obeyed."""
    # Given a stopped bridge that has delivered 100 records
    town = _delivered(kafka3, found_town)

    # When another program commits the 40th, with metadata of its own
    town.commit(40, metadata)
    _run_until_committed(town)

    # Then exactly those behind it came again
    arrived = town.arrived()
    assert [arrived[n] for n in range(100)] == [1] * 40 + [2] * 60


def test_metadata_of_ours_that_is_damaged_halts_its_partition_until_a_person_has_looked(
    kafka3: KafkaCluster, found_town: FoundTown
) -> None:
    """To pass it over would repeat what it lists; the other partitions flow on."""
    # Given a stopped bridge, and one commit whose metadata has a wrong checksum
    town = _delivered(kafka3, found_town, partitions=2)
    town.commit(40, "fsb1.6AcBAYknD8A_Zw.")
    town.write(100)
    with town.bridge() as bridge:
        # When the next one begins
        bridge.wait_until_logged("halted", scope=f"{town.topic}/0")
        wait_until(lambda: kafka3.committed(town.group, town.topic)[1].offset == 100, "p. 1", 20)
        moving(lambda: len(town.fullstory.accepted))

        # Then nothing of that partition is sent, and its commit stands
        assert kafka3.committed(town.group, town.topic)[0].offset == 40
        assert bridge.stop() == 0
    assert town.reconcile([*range(100), *range(101, 200, 2)]) == ([], 0)

    # And when a person has committed it anew, all behind it arrives
    town.commit(50, "")
    _run_until_committed(town)
    assert town.reconcile() == ([], 0)


def test_offsets_that_a_person_deleted_are_forgotten(
    kafka3: KafkaCluster, found_town: FoundTown
) -> None:
    """The group begins anew, where `start` says: with `earliest` all comes again."""
    town = _delivered(kafka3, found_town)

    for future in kafka3.admin.delete_consumer_groups([town.group]).values():
        future.result(10)
    _run_until_committed(town)

    assert set(town.arrived().values()) == {2}
    assert town.reconcile() == ([], 100)


def test_an_offset_that_a_person_moved_ahead_is_obeyed(
    kafka3: KafkaCluster, found_town: FoundTown
) -> None:
    """Whoever skips records by hand does not want them."""
    town = _delivered(kafka3, found_town)
    town.write(100)

    town.commit(150, "")
    _run_until_committed(town)

    assert town.reconcile([*range(100), *range(150, 200)]) == ([], 0)


@pytest.mark.faults
@pytest.mark.parametrize(
    "characters_max",
    [pytest.param(10, id="no room at all"), pytest.param(100, id="little room for the list")],
)
def test_where_the_metadata_finds_little_room_a_crash_repeats_no_more_than_the_budget(
    start_kafka: StartKafka, found_town: FoundTown, characters_max: int
) -> None:
    """The offset is committed without what does not fit, and less is taken above a stuck record."""
    # Given a broker that takes short metadata only, and every second user unknown to FullStory
    kafka = start_kafka(properties={"offset.metadata.max.bytes": str(characters_max)})
    town = found_town(kafka, partitions=1)
    town.settings["delivery"] = {"duplicate_budget": 300}
    town.settings["fullstory"] = {"unknown_user_wait_s": 600}
    town.write(1)
    with town.bridge() as bridge:
        town.wait_until_all_is_committed()
        town.fullstory.turn(unknown=[f"usr:{n}" for n in range(0, 97, 2)])
        town.write(10_000)

        # When all is taken that may be, and the bridge is killed
        bridge.wait_until(lambda: "offset.metadata.max.bytes" in bridge.text, "it to say so")
        moving(lambda: len(town.fullstory.accepted), 3)
        bridge.kill()
    told = [line for line in bridge.lines if "offset.metadata.max.bytes" in line["event"]]
    assert len(told) == 1
    assert len(town.fullstory.accepted) < 10_000

    # Then the next one sends the rest, and again no more than the budget
    town.fullstory.turn(unknown=[])
    _run_until_committed(town)
    lost, twice = town.reconcile()
    assert lost == []
    assert 0 < twice <= 300


def _delivered(kafka: KafkaCluster, found_town: FoundTown, *, partitions: int = 1) -> Town:
    """A stopped bridge that has delivered and committed 100 records."""
    town = found_town(kafka, partitions=partitions)
    town.write(100)
    _run_until_committed(town)
    return town


def _run_until_committed(town: Town) -> None:
    with town.bridge() as bridge:
        bridge.wait_until(town.all_is_committed, "everything committed", 60)
        assert bridge.stop() == 0
