"""Members join and leave, and partitions are added."""

from typing import Any

import pytest

from tests.services.fixtures import StartKafka
from tests.services.java import wait_until
from tests.services.kafka import KafkaCluster
from tests.stories.conftest import MakeCluster
from tests.stories.kafka_fixture import wait_until_stable

pytestmark = [pytest.mark.real, pytest.mark.story, pytest.mark.timeout(180)]

PROTOCOLS: dict[str, dict[str, Any]] = {
    "cooperative": {},
    "eager": {"partition.assignment.strategy": "range"},
    "KIP-848": {
        "group.protocol": "consumer",
        "session.timeout.ms": None,
        "heartbeat.interval.ms": None,
    },
}
SHORT_SESSION: dict[str, dict[str, Any]] = {
    "cooperative": {"session.timeout.ms": 3000, "heartbeat.interval.ms": 500},
    "KIP-848": PROTOCOLS["KIP-848"],
}
BROKER = {
    "group.consumer.session.timeout.ms": "3000",
    "group.consumer.heartbeat.interval.ms": "500",
}
"""With KIP-848 the broker sets the session timeout."""


@pytest.mark.parametrize(
    "protocol",
    [
        "cooperative",
        pytest.param("eager", marks=pytest.mark.long),
        pytest.param("KIP-848", marks=pytest.mark.long),
    ],
)
def test_a_member_that_joins_and_leaves_under_load_causes_no_loss_or_duplicates(
    kafka: KafkaCluster, make_cluster: MakeCluster, protocol: str
) -> None:
    """In both rebalances, in-flight requests are drained before a partition moves."""
    # Given a bridge in the middle of 12,000 records, of which it sends about 1,200 per second
    cluster = make_cluster(kafka)
    cluster.kafka_settings = PROTOCOLS[protocol]
    cluster.settings["fullstory"] = {"max_in_flight": 64}
    cluster.fullstory.configure(latency_s=0.05)
    cluster.write(12_000)
    with cluster.bridge() as first:
        cluster.wait_for(500)

        # When a second one joins, gets its share, and leaves again
        with cluster.bridge() as second:
            second.wait_until_assigned_any()
            cluster.wait_for(len(cluster.fullstory.accepted) + 500)
            assert second.stop() == 0
        assert len(cluster.fullstory.accepted) < 12_000

        # Then every record arrives once
        cluster.wait_until_all_is_committed()
        assert first.stop() == 0
    assert cluster.reconcile() == ([], 0)


@pytest.mark.long
@pytest.mark.parametrize("protocol", ["cooperative", "KIP-848"])
@pytest.mark.parametrize("fault", ["freeze", "kill"])
def test_a_killed_or_frozen_member_loses_nothing_and_repeats_at_most_the_budget(
    start_kafka: StartKafka, make_cluster: MakeCluster, protocol: str, fault: str
) -> None:
    """Another member takes over its partitions; a thawed one repeats at most its budget."""
    # Given two bridges in the middle of 6,000 records
    cluster = make_cluster(start_kafka(properties=BROKER))
    cluster.kafka_settings = SHORT_SESSION[protocol]
    cluster.settings["fullstory"] = {"max_in_flight": 32}
    cluster.settings["delivery"] = {"duplicate_budget": 100}
    cluster.fullstory.configure(latency_s=0.05)
    partitions = {f"{cluster.topic}/{n}" for n in range(4)}
    with cluster.bridge() as silent, cluster.bridge() as other:
        silent.wait_until_assigned_any()
        other.wait_until_assigned_any()
        cluster.write(6_000)
        cluster.wait_for(1_000)

        # When one of them is killed, or frozen until the other has all partitions
        getattr(silent, fault)()
        other.wait_until(lambda: other.assigned >= partitions, "all partitions taken over")
        assert len(cluster.fullstory.accepted) < 6_000
        if fault == "freeze":
            silent.thaw()
            wait_until(lambda: "lost" in {line["event"] for line in silent.lines}, "a lost", 20)

        # Then all records arrive, and only those in flight at that time are duplicated
        cluster.wait_until_all_is_committed()
        assert other.stop() == 0
        if fault == "freeze":
            assert silent.stop() == 0
    lost, duplicates = cluster.reconcile()
    assert lost == []
    assert duplicates <= 100


def test_with_start_latest_added_partitions_are_read_from_their_first_record(
    kafka: KafkaCluster, make_cluster: MakeCluster
) -> None:
    """`start: latest` applies only to partitions that existed when the group began."""
    # Given a group that started after 100 old records
    cluster = make_cluster(kafka, partitions=2)
    cluster.settings["start"] = "latest"
    cluster.kafka_settings = {"topic.metadata.refresh.interval.ms": 500}
    cluster.write(100)
    with cluster.bridge() as bridge:
        bridge.wait_until_assigned([f"{cluster.topic}/{n}" for n in range(2)])
        cluster.write(50)
        cluster.wait_until_all_is_committed()

        # When a partition is added while it runs, and records are written before it is assigned
        kafka.add_partitions(cluster.topic, 3)
        cluster.write(40, partition=2)
        bridge.wait_until_assigned([f"{cluster.topic}/2"])
        cluster.wait_until_all_is_committed()
        assert bridge.stop() == 0

    # And another one is added while it is stopped
    kafka.add_partitions(cluster.topic, 4)
    cluster.write(30, partition=3)
    with cluster.bridge() as bridge:
        cluster.wait_until_all_is_committed()
        assert bridge.stop() == 0

    # Then all records since the group's start arrived, and no older ones
    assert cluster.reconcile(range(100, 220)) == ([], 0)


@pytest.mark.long
def test_two_members_that_start_together_repeat_and_miss_nothing(
    start_kafka: StartKafka, make_cluster: MakeCluster
) -> None:
    """Commits of the faster member do not mislead the slower one."""
    # Given 400 old records, and two bridges that join together with `start: latest`
    kafka = start_kafka(properties={"group.initial.rebalance.delay.ms": "3000"})
    cluster = make_cluster(kafka, partitions=8)
    cluster.settings["start"] = "latest"
    cluster.write(400)
    with cluster.bridge() as leader:
        leader.wait_until(lambda: kafka.members(cluster.group) == 1, "the first one joining")
        with cluster.bridge() as slower:
            slower.wait_until(lambda: kafka.members(cluster.group) == 2, "both joining")

            # When one is so slow that it starts after the other has committed its start offsets
            slower.freeze()
            leader.wait_until(
                lambda: len(kafka.committed(cluster.group, cluster.topic)) == 4, "commits"
            )
            slower.thaw()
            slower.wait_until_assigned_any()
            assert len(leader.assigned) == len(slower.assigned) == 4
            wait_until_stable(lambda: len(cluster.fullstory.accepted))

            # And new records are written
            cluster.write(200)
            cluster.wait_until_all_is_committed()
            assert (leader.stop(), slower.stop()) == (0, 0)

    # Then only the new ones arrive
    assert cluster.reconcile(range(400, 600)) == ([], 0)
