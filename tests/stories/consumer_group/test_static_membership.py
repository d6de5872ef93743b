"""Members with a name of their own (`group.instance.id`), and members that do not belong."""

import pytest
from confluent_kafka import Consumer

from tests.services.kafka import KafkaCluster
from tests.stories.conftest import FoundTown

pytestmark = [pytest.mark.real, pytest.mark.story, pytest.mark.faults, pytest.mark.timeout(180)]

STATIC = {"session.timeout.ms": 30_000, "heartbeat.interval.ms": 1_000}


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_named_member_that_restarts_within_its_session_moves_nothing(
    kafka3: KafkaCluster, found_town: FoundTown, how: str
) -> None:
    """Its partitions wait for it; the other member is not disturbed."""
    # Given two named bridges in the middle of 6,000 records
    town = found_town(kafka3)
    town.settings["delivery"] = {"duplicate_budget": 100}
    town.fullstory.turn(latency_s=0.1)
    town.kafka_settings = {**STATIC, "group.instance.id": "b"}
    with town.bridge() as other:
        other.wait_until_assigned_any()
        town.kafka_settings = {**STATIC, "group.instance.id": "a"}
        with town.bridge() as first:
            first.wait_until_assigned_any()
            before = first.assigned
            rebalances = len(other.lines)
            town.write(6_000)
            town.wait_for(1_000)

            # When one of them ends and comes back under its name
            getattr(first, how)()
        with town.bridge() as again:
            again.wait_until_assigned_any()

            # Then it gets what it had, the other one has noticed nothing, and all arrives
            assert again.assigned == before
            town.wait_until_all_is_committed()
            assert len(other.lines) == rebalances
            assert again.stop() == 0
        assert other.stop() == 0
    lost, twice = town.reconcile()
    assert lost == []
    assert twice <= (0 if how == "stop" else 100)


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_of_two_with_the_same_name_one_ends_with_an_error(
    kafka3: KafkaCluster, found_town: FoundTown, protocol: str
) -> None:
    """The mistake is told by the exit of one of them; the other goes on, and nothing is lost."""
    # Given a named bridge at work
    town = found_town(kafka3)
    town.settings["delivery"] = {"duplicate_budget": 100}
    town.fullstory.turn(latency_s=0.1)
    town.kafka_settings = {**STATIC, "group.instance.id": "one"}
    if protocol == "consumer":
        given_by_the_broker = {"session.timeout.ms": None, "heartbeat.interval.ms": None}
        town.kafka_settings |= {"group.protocol": "consumer", **given_by_the_broker}
    with town.bridge() as older:
        older.wait_until_assigned_any()
        town.write(4_000)
        town.wait_for(500)

        # When another one starts under its name
        with town.bridge() as newer:
            fenced, going_on = (older, newer) if protocol == "classic" else (newer, older)
            code = fenced.wait()

            # Then one of them ends, with an error that says why
            assert code == 1
            assert "instance" in fenced.text.lower()

            # And the other one goes on
            town.wait_until_all_is_committed()
            assert going_on.stop() == 0
    lost, twice = town.reconcile()
    assert lost == []
    assert twice <= 100


def test_a_stranger_in_the_group_with_another_strategy_is_told_and_waited_for(
    kafka3: KafkaCluster, found_town: FoundTown
) -> None:
    """Two programs took one group id: the bridge says so, and works when the other has gone."""
    # Given another program in the group, whose strategy cannot go with the bridge's
    town = found_town(kafka3)
    town.write(500)
    settings = {"bootstrap.servers": kafka3.bootstrap_servers, "group.id": town.group}
    stranger = Consumer({**settings, "partition.assignment.strategy": "range"})
    stranger.subscribe([town.letters])
    while not stranger.assignment():
        stranger.poll(0.1)

    # When the bridge starts
    with town.bridge() as bridge:
        bridge.wait_until(lambda: "protocol" in bridge.text, "it to say so", 30)
        assert town.fullstory.accepted == []
        stranger.close()

        # Then it goes on by itself when the other one has left
        bridge.wait_until(town.all_is_committed, "everything committed", 60)
        assert bridge.stop() == 0
    assert town.reconcile() == ([], 0)
