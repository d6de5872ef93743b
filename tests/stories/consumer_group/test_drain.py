"""A partition goes to another member, or the bridge ends, while requests are under way."""

import time

import pytest

from tests.services.java import wait_until
from tests.services.kafka import KafkaCluster
from tests.stories.conftest import FoundTown
from tests.stories.kafka_fixture import moving

pytestmark = [pytest.mark.real, pytest.mark.story, pytest.mark.faults, pytest.mark.timeout(180)]


def test_a_request_that_hangs_past_the_drains_end_is_all_that_comes_twice(
    kafka3: KafkaCluster, found_town: FoundTown
) -> None:
    """Four requests are applied and never answered; two partitions move, then the bridge ends."""
    # Given one request a partition that FullStory applies and never answers
    town = found_town(kafka3)
    town.settings["delivery"] = {"rebalance_drain_s": 2, "shutdown_drain_s": 2}
    town.settings["fullstory"] = {"timeout_s": 120}
    with town.bridge() as first:
        first.wait_until_assigned_any()
        town.fullstory.turn(black_hole=True)
        town.write(4)
        town.wait_for(4)
        town.fullstory.turn(black_hole=False)

        # And thousands that are delivered behind them
        town.write(3_000)
        town.wait_for(3_004)

        # When another member joins: two partitions move, and their two come again, no others
        with town.bridge() as second:
            second.wait_until_assigned_any()
            town.wait_for(3_006)
            moving(lambda: len(town.fullstory.accepted), 2)
            assert town.reconcile() == ([], 2)

            # And when the first one ends, the two that it still waits for come again
            assert first.stop() == 0
            town.wait_until_all_is_committed()
            assert second.stop() == 0

    # Then each request that was unanswered at the end of a drain came twice
    assert town.reconcile() == ([], 4)


def test_sigterm_in_the_middle_of_a_rebalance_costs_nothing(
    kafka3: KafkaCluster, found_town: FoundTown
) -> None:
    """A member is asked to end while another one is joining."""
    # Given a bridge in the middle of 6,000 records, of whose requests many are under way
    town = found_town(kafka3)
    town.fullstory.turn(latency_s=0.5)
    town.write(6_000)
    with town.bridge() as first:
        town.wait_for(1_000)

        # When a second one asks to join, and the first one is to end before that is done
        with town.bridge() as second:
            second.wait_until(lambda: kafka3.members(town.group) == 2, "the second one asks")
            assert first.stop() == 0
            assert len(town.fullstory.accepted) < 6_000

            # Then the second one sends exactly the rest
            town.fullstory.turn(latency_s=0)
            town.wait_until_all_is_committed()
            assert second.stop() == 0
    assert town.reconcile() == ([], 0)


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_two_that_end_at_once_cost_nothing(
    kafka3: KafkaCluster, found_town: FoundTown, protocol: str
) -> None:
    """Two of three members get SIGTERM at the same moment: each one's end is a rebalance."""
    # Given three bridges in the middle of 9,000 records
    town = found_town(kafka3, partitions=6)
    if protocol == "consumer":
        given_by_the_broker = {"session.timeout.ms": None, "heartbeat.interval.ms": None}
        town.kafka_settings = {"group.protocol": "consumer", **given_by_the_broker}
    town.fullstory.turn(latency_s=0.3)
    with town.bridge() as first, town.bridge() as second, town.bridge() as third:
        for one in (first, second, third):
            one.wait_until_assigned_any()
        town.write(9_000)
        town.wait_for(1_000)

        # When two are asked to end at once
        first.terminate()
        second.terminate()
        assert (first.wait(), second.wait()) == (0, 0)
        assert len(town.fullstory.accepted) < 9_000

        # Then the third sends exactly the rest
        town.fullstory.turn(latency_s=0)
        town.wait_until_all_is_committed()
        assert third.stop() == 0
    assert town.reconcile() == ([], 0)


def test_a_second_sigterm_ends_the_drain_and_commits_what_is_settled(
    kafka3: KafkaCluster, found_town: FoundTown
) -> None:
    """Somebody is in a hurry: what is unanswered then may come twice, and nothing else."""
    # Given three requests that are never answered, among a thousand that are
    town = found_town(kafka3)
    town.settings["fullstory"] = {"timeout_s": 120}
    with town.bridge() as bridge:
        bridge.wait_until_assigned_any()
        town.fullstory.turn(black_hole=True)
        town.write(3)
        town.wait_for(3)
        town.fullstory.turn(black_hole=False)
        town.write(1_000)
        town.wait_for(1_003)

        # When it is asked to end, and asked again a second later
        since_s = time.monotonic()
        bridge.terminate()
        time.sleep(1)
        assert bridge.stop() == 0
        assert time.monotonic() - since_s < 8  # the watch over a close that hangs waits for longer

    # Then the next one sends the unanswered again
    with town.bridge() as bridge:
        wait_until(lambda: len(town.fullstory.accepted) >= 1_006, "the three again", 30)
        town.wait_until_all_is_committed()
        assert bridge.stop() == 0
    assert town.reconcile() == ([], 3)


def test_what_is_paused_flows_on_after_a_rebalance(
    kafka3: KafkaCluster, found_town: FoundTown
) -> None:
    """A pause outlives revoke and assign in Kafka's client: all partitions must resume."""
    # Given a bridge whose window has been full for so long that it has paused its partitions
    town = found_town(kafka3)
    town.write(500)
    with town.bridge() as first:
        town.wait_until_all_is_committed()
        town.fullstory.turn(down=True)
        town.write(9_000)
        first.wait_until_logged("paused", component="fullstory")
        time.sleep(8)

        # When another member comes and goes meanwhile
        with town.bridge() as second:
            second.wait_until_assigned_any()
            assert second.stop() == 0
        town.fullstory.turn(down=False)

        # Then all partitions flow on
        town.wait_until_all_is_committed()
        assert first.stop() == 0
    assert town.reconcile() == ([], 0)
