"""The assignment is lost while the bridge lives: it comes back to the same owner."""

import time

import pytest

from tests.services.fixtures import StartKafka
from tests.services.java import wait_until
from tests.services.kafka import KafkaCluster
from tests.stories.conftest import FoundTown

pytestmark = [pytest.mark.real, pytest.mark.story, pytest.mark.faults, pytest.mark.timeout(180)]

SHORT = {"session.timeout.ms": 4000, "heartbeat.interval.ms": 500}


def test_an_owner_whom_the_group_has_given_up_repeats_nothing_when_it_comes_back(
    kafka3: KafkaCluster, found_town: FoundTown
) -> None:
    """A sole bridge stands still past its session: what it had sent, it knows."""
    # Given a bridge in the middle of 6,000 records, which commits rarely
    town = found_town(kafka3)
    town.kafka_settings = SHORT
    town.settings["delivery"] = {"duplicate_budget": 400, "commit_interval_ms": 3_000}
    town.fullstory.turn(latency_s=0.1)
    town.write(6_000)
    with town.bridge() as bridge:
        town.wait_for(1_000)

        # When it is frozen until the group has given it up, and wakes up
        bridge.freeze()
        wait_until(lambda: kafka3.members(town.group) == 0, "given up", 20)
        bridge.thaw()

        # Then it learns of its loss, joins again, and goes on where it was
        bridge.wait_until_logged("lost")
        town.wait_until_all_is_committed()
        assert bridge.stop() == 0
    assert town.reconcile() == ([], 0)


def test_an_owner_that_lost_its_coordinator_past_its_session_repeats_nothing(
    start_kafka: StartKafka, found_town: FoundTown
) -> None:
    """Kafka is frozen for longer than a session lasts: commits are not answered meanwhile."""
    # Given a bridge in the middle of 6,000 records on a Kafka of one node
    kafka = start_kafka()
    town = found_town(kafka)
    town.kafka_settings = SHORT
    town.settings["delivery"] = {"duplicate_budget": 400}
    town.fullstory.turn(latency_s=0.1)
    town.write(6_000)
    with town.bridge() as bridge:
        town.wait_for(1_000)

        # When that node is frozen until the bridge takes its assignment for lost
        kafka.node(1).freeze()
        bridge.wait_until_logged("lost", timeout_s=60)
        kafka.node(1).thaw()

        # Then what was delivered and not committed is not sent again
        town.wait_until_all_is_committed()
        assert bridge.stop() == 0
    assert town.reconcile() == ([], 0)


def test_a_poll_thread_that_stands_still_past_max_poll_interval_costs_nothing(
    kafka3: KafkaCluster, found_town: FoundTown
) -> None:
    """The client gives the assignment up by itself; the bridge notices and joins again."""
    # Given a bridge whose poll thread will sleep for nine seconds in the middle of its work
    town = found_town(kafka3)
    town.kafka_settings = {**SHORT, "max.poll.interval.ms": 4_000}
    town.fullstory.turn(latency_s=0.05)
    town.write(6_000)
    with town.bridge(fault="poll-thread-sleeps") as bridge:
        # When that is longer than the client allows
        bridge.wait_until_logged("lost")

        # Then it has noticed, and all arrives, once
        town.wait_until_all_is_committed()
        assert "maximum poll interval" in bridge.text
        assert bridge.stop() == 0
    assert town.reconcile() == ([], 0)


def test_an_event_loop_that_stands_still_costs_no_assignment_and_nothing_twice(
    kafka3: KafkaCluster, found_town: FoundTown
) -> None:
    """The poll thread serves the group on its own, and the requests' answers wait."""
    # Given a bridge whose event loop will sleep for nine seconds, twice the length of a session
    town = found_town(kafka3)
    town.kafka_settings = SHORT
    town.settings["fullstory"] = {"timeout_s": 30}
    town.fullstory.turn(latency_s=0.05)
    town.write(6_000)
    with town.bridge(fault="event-loop-sleeps") as bridge:
        # When it has slept, then all arrives, once, and nothing was lost meanwhile
        town.wait_until_all_is_committed()
        assert not bridge.has_logged("lost")
        assert bridge.stop() == 0
    assert town.reconcile() == ([], 0)


def test_a_bridge_that_is_frozen_within_its_session_goes_on_as_if_nothing_had_been(
    kafka3: KafkaCluster, found_town: FoundTown
) -> None:
    """A short stop of the machine: no rebalance, nothing twice."""
    # Given a bridge in the middle of 6,000 records
    town = found_town(kafka3)
    town.fullstory.turn(latency_s=0.1)
    town.write(6_000)
    with town.bridge() as bridge:
        town.wait_for(1_000)

        # When it is frozen three times, each for less than its session
        for arrived in (2_000, 3_000, 4_000):
            bridge.freeze()
            time.sleep(2.5)
            bridge.thaw()
            town.wait_for(arrived)

        # Then nothing was lost or came twice
        town.wait_until_all_is_committed()
        assert not bridge.has_logged("lost")
        assert bridge.stop() == 0
    assert town.reconcile() == ([], 0)
