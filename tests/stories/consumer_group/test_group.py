"""Members come and go, partitions are added: who reads what, and from where."""

from typing import Any

import pytest

from tests.services.fixtures import StartKafka
from tests.services.java import wait_until
from tests.services.kafka import KafkaCluster
from tests.stories.conftest import FoundTown
from tests.stories.kafka_fixture import moving

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
"""With KIP-848 the broker says how long a member may be silent."""


@pytest.mark.parametrize(
    "protocol",
    [
        "cooperative",
        pytest.param("eager", marks=pytest.mark.long),
        pytest.param("KIP-848", marks=pytest.mark.long),
    ],
)
def test_a_member_that_comes_and_goes_under_load_costs_nothing(
    kafka: KafkaCluster, found_town: FoundTown, protocol: str
) -> None:
    """Two rebalances under load: what is under way is waited for before a partition moves."""
    # Given a bridge in the middle of 12,000 records, of which it sends some 1,200 a second
    town = found_town(kafka)
    town.kafka_settings = PROTOCOLS[protocol]
    town.settings["fullstory"] = {"max_in_flight": 64}
    town.fullstory.turn(latency_s=0.05)
    town.write(12_000)
    with town.bridge() as first:
        town.wait_for(500)

        # When a second one joins, takes its share, and leaves again
        with town.bridge() as second:
            second.wait_until_assigned_any()
            town.wait_for(len(town.fullstory.accepted) + 500)
            assert second.stop() == 0
        assert len(town.fullstory.accepted) < 12_000

        # Then all arrives, once
        town.wait_until_all_is_committed()
        assert first.stop() == 0
    assert town.reconcile() == ([], 0)


@pytest.mark.long
@pytest.mark.parametrize("protocol", ["cooperative", "KIP-848"])
@pytest.mark.parametrize("harm", ["freeze", "kill"])
def test_a_member_that_falls_silent_costs_no_record_and_at_most_the_budget(
    start_kafka: StartKafka, found_town: FoundTown, protocol: str, harm: str
) -> None:
    """Another member takes its partitions; a frozen one wakes up and sends at most its budget."""
    # Given two bridges in the middle of 6,000 records
    town = found_town(start_kafka(properties=BROKER))
    town.kafka_settings = SHORT_SESSION[protocol]
    town.settings["fullstory"] = {"max_in_flight": 32}
    town.settings["delivery"] = {"duplicate_budget": 100}
    town.fullstory.turn(latency_s=0.05)
    partitions = {f"{town.topic}/{n}" for n in range(4)}
    with town.bridge() as silent, town.bridge() as other:
        silent.wait_until_assigned_any()
        other.wait_until_assigned_any()
        town.write(6_000)
        town.wait_for(1_000)

        # When one of them is killed, or frozen until the other has all its partitions
        getattr(silent, harm)()
        other.wait_until(lambda: other.assigned >= partitions, "all partitions taken over")
        assert len(town.fullstory.accepted) < 6_000
        if harm == "freeze":
            silent.thaw()
            wait_until(lambda: "lost" in {line["event"] for line in silent.lines}, "a lost", 20)

        # Then all arrives, and only what was under way then comes twice
        town.wait_until_all_is_committed()
        assert other.stop() == 0
        if harm == "freeze":
            assert silent.stop() == 0
    lost, twice = town.reconcile()
    assert lost == []
    assert twice <= 100


def test_the_first_records_of_partitions_added_later_arrive_though_the_start_is_latest(
    kafka: KafkaCluster, found_town: FoundTown
) -> None:
    """`start: latest` speaks of the partitions that were there when the group began."""
    # Given a group that began behind 100 old records
    town = found_town(kafka, partitions=2)
    town.settings["start"] = "latest"
    town.kafka_settings = {"topic.metadata.refresh.interval.ms": 500}
    town.write(100)
    with town.bridge() as bridge:
        bridge.wait_until_assigned([f"{town.topic}/{n}" for n in range(2)])
        town.write(50)
        town.wait_until_all_is_committed()

        # When a partition is added while it runs, written to before it is assigned
        kafka.add_partitions(town.topic, 3)
        town.write(40, partition=2)
        bridge.wait_until_assigned([f"{town.topic}/2"])
        town.wait_until_all_is_committed()
        assert bridge.stop() == 0

    # And another one while it is stopped
    kafka.add_partitions(town.topic, 4)
    town.write(30, partition=3)
    with town.bridge() as bridge:
        town.wait_until_all_is_committed()
        assert bridge.stop() == 0

    # Then what was written since the group began is there, and nothing older
    assert town.reconcile(range(100, 220)) == ([], 0)


@pytest.mark.long
def test_two_members_that_begin_together_replay_nothing_and_miss_nothing(
    start_kafka: StartKafka, found_town: FoundTown
) -> None:
    """The slower of two first members is not misled by the commits of the faster one."""
    # Given 400 old records, and two bridges whom the group takes in together, with `start: latest`
    kafka = start_kafka(properties={"group.initial.rebalance.delay.ms": "3000"})
    town = found_town(kafka, partitions=8)
    town.settings["start"] = "latest"
    town.write(400)
    with town.bridge() as leader:
        leader.wait_until(lambda: kafka.members(town.group) == 1, "the first one waits")
        with town.bridge() as slower:
            slower.wait_until(lambda: kafka.members(town.group) == 2, "both wait")

            # When one is so slow that it begins after the other has committed where it began
            slower.freeze()
            leader.wait_until(lambda: len(kafka.committed(town.group, town.topic)) == 4, "commits")
            slower.thaw()
            slower.wait_until_assigned_any()
            assert len(leader.assigned) == len(slower.assigned) == 4
            moving(lambda: len(town.fullstory.accepted))

            # And new records come
            town.write(200)
            town.wait_until_all_is_committed()
            assert (leader.stop(), slower.stop()) == (0, 0)

    # Then they arrive, and no old one does
    assert town.reconcile(range(400, 600)) == ([], 0)
