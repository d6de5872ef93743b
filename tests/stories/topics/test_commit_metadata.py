"""Commit metadata that is foreign, damaged or too long for the broker."""

import pytest

from tests.services.fixtures import StartKafka
from tests.services.java import wait_until
from tests.services.kafka import KafkaCluster
from tests.stories.conftest import MakeCluster
from tests.stories.kafka_fixture import ClusterFixture, wait_until_stable

pytestmark = [pytest.mark.real, pytest.mark.story, pytest.mark.long, pytest.mark.timeout(180)]

FOREIGN_METADATA = {
    "words": "checked by the night shift",
    "kafka streams": "AgAAAZSXy3oAAAAA",
    "parallel consumer": "bAAAAAAAAAAAAQ==",
    "a longer format": "fs1.AAAA.",
    "beyond ASCII": "bis hierher erledigt: ✓",
    "nothing": "",
}


@pytest.mark.parametrize("metadata", FOREIGN_METADATA.values(), ids=FOREIGN_METADATA)
def test_metadata_that_another_program_committed_is_ignored(
    kafka3: KafkaCluster, make_cluster: MakeCluster, metadata: str
) -> None:
    """Another program moved the offset while the bridge was stopped: its offset is used."""
    # Given a stopped bridge that has delivered 100 records
    cluster = _cluster_with_100_delivered(kafka3, make_cluster)

    # When another program commits offset 40 with its own metadata
    cluster.commit(40, metadata)
    _run_until_committed(cluster)

    # Then exactly the records from there on are sent again
    arrived = cluster.arrived()
    assert [arrived[n] for n in range(100)] == [1] * 40 + [2] * 60


def test_damaged_metadata_of_the_bridge_halts_its_partition_until_someone_commits(
    kafka3: KafkaCluster, make_cluster: MakeCluster
) -> None:
    """Ignoring it would repeat the records it lists; the other partitions continue."""
    # Given a stopped bridge, and one commit whose metadata has a wrong checksum
    cluster = _cluster_with_100_delivered(kafka3, make_cluster, partitions=2)
    cluster.commit(40, "fsb1.6AcBAYknD8A_Zw.")
    cluster.write(100)
    with cluster.bridge() as bridge:
        # When the next one starts
        bridge.wait_until_logged("halted", scope=f"{cluster.topic}/0")
        wait_until(
            lambda: kafka3.committed(cluster.group, cluster.topic)[1].offset == 100, "p. 1", 20
        )
        wait_until_stable(lambda: len(cluster.fullstory.accepted))

        # Then nothing of that partition is sent, and its commit is unchanged
        assert kafka3.committed(cluster.group, cluster.topic)[0].offset == 40
        assert bridge.stop() == 0
    assert cluster.reconcile([*range(100), *range(101, 200, 2)]) == ([], 0)

    # And after someone commits it again, all records from there on arrive
    cluster.commit(50, "")
    _run_until_committed(cluster)
    assert cluster.reconcile() == ([], 0)


def test_after_its_offsets_are_deleted_the_group_begins_at_start(
    kafka3: KafkaCluster, make_cluster: MakeCluster
) -> None:
    """With `start: earliest`, all records are sent again."""
    cluster = _cluster_with_100_delivered(kafka3, make_cluster)

    for future in kafka3.admin.delete_consumer_groups([cluster.group]).values():
        future.result(10)
    _run_until_committed(cluster)

    assert set(cluster.arrived().values()) == {2}
    assert cluster.reconcile() == ([], 100)


def test_an_offset_that_someone_moved_ahead_is_used(
    kafka3: KafkaCluster, make_cluster: MakeCluster
) -> None:
    """Manually skipped records are not sent."""
    cluster = _cluster_with_100_delivered(kafka3, make_cluster)
    cluster.write(100)

    cluster.commit(150, "")
    _run_until_committed(cluster)

    assert cluster.reconcile([*range(100), *range(150, 200)]) == ([], 0)


@pytest.mark.faults
@pytest.mark.parametrize(
    "characters_max",
    [pytest.param(10, id="no list fits"), pytest.param(100, id="a short list fits")],
)
def test_with_a_small_metadata_limit_a_crash_repeats_at_most_the_budget(
    start_kafka: StartKafka, make_cluster: MakeCluster, characters_max: int
) -> None:
    """Metadata that does not fit is left out, and fewer records are sent above a stuck one."""
    # Given a broker that accepts only short metadata, and every second user unknown to FullStory
    kafka = start_kafka(properties={"offset.metadata.max.bytes": str(characters_max)})
    cluster = make_cluster(kafka, partitions=1)
    cluster.settings["delivery"] = {"duplicate_budget": 300}
    cluster.settings["fullstory"] = {"unknown_user_wait_s": 600}
    cluster.write(1)
    with cluster.bridge() as bridge:
        cluster.wait_until_all_is_committed()
        cluster.fullstory.configure(unknown=[f"usr:{n}" for n in range(0, 97, 2)])
        cluster.write(10_000)

        # When all allowed records are sent, and the bridge is killed
        bridge.wait_until(lambda: "offset.metadata.max.bytes" in bridge.text, "the log message")
        wait_until_stable(lambda: len(cluster.fullstory.accepted), 3)
        bridge.kill()
    warnings = [line for line in bridge.lines if "offset.metadata.max.bytes" in line["event"]]
    assert len(warnings) == 1
    assert len(cluster.fullstory.accepted) < 10_000

    # Then the next one sends the rest, with duplicates at most up to the budget
    cluster.fullstory.configure(unknown=[])
    _run_until_committed(cluster)
    lost, duplicates = cluster.reconcile()
    assert lost == []
    assert 0 < duplicates <= 300


def _cluster_with_100_delivered(
    kafka: KafkaCluster, make_cluster: MakeCluster, *, partitions: int = 1
) -> ClusterFixture:
    """A stopped bridge that has delivered and committed 100 records."""
    cluster = make_cluster(kafka, partitions=partitions)
    cluster.write(100)
    _run_until_committed(cluster)
    return cluster


def _run_until_committed(cluster: ClusterFixture) -> None:
    with cluster.bridge() as bridge:
        bridge.wait_until(cluster.all_is_committed, "everything committed", 60)
        assert bridge.stop() == 0
