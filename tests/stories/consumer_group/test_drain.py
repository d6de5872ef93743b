"""Partitions are revoked, or the bridge shuts down, while requests are in flight."""

import time

import pytest

from tests.services.java import wait_until
from tests.services.kafka import KafkaCluster
from tests.stories.conftest import MakeCluster
from tests.stories.kafka_fixture import wait_until_stable

pytestmark = [pytest.mark.real, pytest.mark.story, pytest.mark.faults, pytest.mark.timeout(180)]


def test_only_requests_that_hang_past_the_drain_are_duplicated(
    kafka3: KafkaCluster, make_cluster: MakeCluster
) -> None:
    """Four requests are never answered; two partitions move, then the bridge shuts down."""
    # Given one request per partition that FullStory applies and never answers
    cluster = make_cluster(kafka3)
    cluster.settings["delivery"] = {"rebalance_drain_s": 2, "shutdown_drain_s": 2}
    cluster.settings["fullstory"] = {"timeout_s": 120}
    with cluster.bridge() as first:
        first.wait_until_assigned_any()
        cluster.fullstory.configure(black_hole=True)
        cluster.write(4)
        cluster.wait_for(4)
        cluster.fullstory.configure(black_hole=False)

        # And thousands of later records that are delivered
        cluster.write(3_000)
        cluster.wait_for(3_004)

        # When another member joins, two partitions move, and only their two requests are repeated
        with cluster.bridge() as second:
            second.wait_until_assigned_any()
            cluster.wait_for(3_006)
            wait_until_stable(lambda: len(cluster.fullstory.accepted), 2)
            assert cluster.reconcile() == ([], 2)

            # And when the first one shuts down, its two pending requests are repeated
            assert first.stop() == 0
            cluster.wait_until_all_is_committed()
            assert second.stop() == 0

    # Then each request that was unanswered at the end of a drain is duplicated
    assert cluster.reconcile() == ([], 4)


def test_sigterm_during_a_rebalance_loses_and_duplicates_nothing(
    kafka3: KafkaCluster, make_cluster: MakeCluster
) -> None:
    """A member gets SIGTERM while another one is joining."""
    # Given a bridge in the middle of 6,000 records, with many requests in flight
    cluster = make_cluster(kafka3)
    cluster.fullstory.configure(latency_s=0.5)
    cluster.write(6_000)
    with cluster.bridge() as first:
        cluster.wait_for(1_000)

        # When a second one joins, and the first one gets SIGTERM before the rebalance completes
        with cluster.bridge() as second:
            second.wait_until(lambda: kafka3.members(cluster.group) == 2, "the second one joining")
            assert first.stop() == 0
            assert len(cluster.fullstory.accepted) < 6_000

            # Then the second one sends exactly the rest
            cluster.fullstory.configure(latency_s=0)
            cluster.wait_until_all_is_committed()
            assert second.stop() == 0
    assert cluster.reconcile() == ([], 0)


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_two_members_that_stop_at_once_lose_and_duplicate_nothing(
    kafka3: KafkaCluster, make_cluster: MakeCluster, protocol: str
) -> None:
    """Two of three members get SIGTERM at the same moment; each shutdown is a rebalance."""
    # Given three bridges in the middle of 9,000 records
    cluster = make_cluster(kafka3, partitions=6)
    if protocol == "consumer":
        set_by_the_broker = {"session.timeout.ms": None, "heartbeat.interval.ms": None}
        cluster.kafka_settings = {"group.protocol": "consumer", **set_by_the_broker}
    cluster.fullstory.configure(latency_s=0.3)
    with cluster.bridge() as first, cluster.bridge() as second, cluster.bridge() as third:
        for one in (first, second, third):
            one.wait_until_assigned_any()
        cluster.write(9_000)
        cluster.wait_for(1_000)

        # When two get SIGTERM at once
        first.terminate()
        second.terminate()
        assert (first.wait(), second.wait()) == (0, 0)
        assert len(cluster.fullstory.accepted) < 9_000

        # Then the third sends exactly the rest
        cluster.fullstory.configure(latency_s=0)
        cluster.wait_until_all_is_committed()
        assert third.stop() == 0
    assert cluster.reconcile() == ([], 0)


def test_a_second_sigterm_stops_the_drain_and_commits_what_is_settled(
    kafka3: KafkaCluster, make_cluster: MakeCluster
) -> None:
    """Only requests that are unanswered at that time may be duplicated."""
    # Given three requests that are never answered, and a thousand that are
    cluster = make_cluster(kafka3)
    cluster.settings["fullstory"] = {"timeout_s": 120}
    with cluster.bridge() as bridge:
        bridge.wait_until_assigned_any()
        cluster.fullstory.configure(black_hole=True)
        cluster.write(3)
        cluster.wait_for(3)
        cluster.fullstory.configure(black_hole=False)
        cluster.write(1_000)
        cluster.wait_for(1_003)

        # When it gets SIGTERM, and again a second later
        since_s = time.monotonic()
        bridge.terminate()
        time.sleep(1)
        assert bridge.stop() == 0
        assert time.monotonic() - since_s < 8  # the watchdog for a hanging close waits longer

    # Then the next one sends the unanswered ones again
    with cluster.bridge() as bridge:
        wait_until(lambda: len(cluster.fullstory.accepted) >= 1_006, "the three again", 30)
        cluster.wait_until_all_is_committed()
        assert bridge.stop() == 0
    assert cluster.reconcile() == ([], 3)


def test_paused_partitions_resume_after_a_rebalance(
    kafka3: KafkaCluster, make_cluster: MakeCluster
) -> None:
    """In librdkafka a pause survives revoke and assign, so all partitions must be resumed."""
    # Given a bridge whose window is full, so that it has paused its partitions
    cluster = make_cluster(kafka3)
    cluster.write(500)
    with cluster.bridge() as first:
        cluster.wait_until_all_is_committed()
        cluster.fullstory.configure(down=True)
        cluster.write(9_000)
        first.wait_until_logged("paused", component="fullstory")
        time.sleep(8)

        # When another member joins and leaves meanwhile
        with cluster.bridge() as second:
            second.wait_until_assigned_any()
            assert second.stop() == 0
        cluster.fullstory.configure(down=False)

        # Then all partitions continue
        cluster.wait_until_all_is_committed()
        assert first.stop() == 0
    assert cluster.reconcile() == ([], 0)
