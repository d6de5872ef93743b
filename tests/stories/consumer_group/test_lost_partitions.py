"""The bridge loses its assignment while it runs, and gets the same partitions back."""

import time

import pytest

from tests.services.fixtures import StartKafka
from tests.services.java import wait_until
from tests.services.kafka import KafkaCluster
from tests.stories.conftest import MakeCluster

pytestmark = [pytest.mark.real, pytest.mark.story, pytest.mark.faults, pytest.mark.timeout(180)]

SHORT_SESSION = {"session.timeout.ms": 4000, "heartbeat.interval.ms": 500}


def test_a_member_removed_from_the_group_repeats_nothing_when_it_rejoins(
    kafka3: KafkaCluster, make_cluster: MakeCluster
) -> None:
    """The only bridge is frozen past its session timeout; it remembers what it sent."""
    # Given a bridge in the middle of 6,000 records, which commits rarely
    cluster = make_cluster(kafka3)
    cluster.kafka_settings = SHORT_SESSION
    cluster.settings["delivery"] = {"duplicate_budget": 400, "commit_interval_ms": 3_000}
    cluster.fullstory.configure(latency_s=0.1)
    cluster.write(6_000)
    with cluster.bridge() as bridge:
        cluster.wait_for(1_000)

        # When it is frozen until the group has removed it, and is thawed
        bridge.freeze()
        wait_until(lambda: kafka3.members(cluster.group) == 0, "the member removed", 20)
        bridge.thaw()

        # Then it detects the lost assignment, rejoins, and resumes where it was
        bridge.wait_until_logged("lost")
        cluster.wait_until_all_is_committed()
        assert bridge.stop() == 0
    assert cluster.reconcile() == ([], 0)


def test_a_member_without_coordinator_past_its_session_repeats_nothing(
    start_kafka: StartKafka, make_cluster: MakeCluster
) -> None:
    """Kafka is frozen for longer than the session timeout and answers no commits meanwhile."""
    # Given a bridge in the middle of 6,000 records on a Kafka of one node
    kafka = start_kafka()
    cluster = make_cluster(kafka)
    cluster.kafka_settings = SHORT_SESSION
    cluster.settings["delivery"] = {"duplicate_budget": 400}
    cluster.fullstory.configure(latency_s=0.1)
    cluster.write(6_000)
    with cluster.bridge() as bridge:
        cluster.wait_for(1_000)

        # When that node is frozen until the bridge considers its assignment lost
        kafka.node(1).freeze()
        bridge.wait_until_logged("lost", timeout_s=60)
        kafka.node(1).thaw()

        # Then records that were delivered but not committed are not sent again
        cluster.wait_until_all_is_committed()
        assert bridge.stop() == 0
    assert cluster.reconcile() == ([], 0)


def test_a_poll_thread_blocked_past_max_poll_interval_loses_and_repeats_nothing(
    kafka3: KafkaCluster, make_cluster: MakeCluster
) -> None:
    """Librdkafka leaves the group; the bridge detects this and rejoins."""
    # Given a bridge whose poll thread will sleep for nine seconds while it works
    cluster = make_cluster(kafka3)
    cluster.kafka_settings = {**SHORT_SESSION, "max.poll.interval.ms": 4_000}
    cluster.fullstory.configure(latency_s=0.05)
    cluster.write(6_000)
    with cluster.bridge(fault="poll-thread-sleeps") as bridge:
        # When that exceeds `max.poll.interval.ms`
        bridge.wait_until_logged("lost")

        # Then it detects this, and every record arrives once
        cluster.wait_until_all_is_committed()
        assert "maximum poll interval" in bridge.text
        assert bridge.stop() == 0
    assert cluster.reconcile() == ([], 0)


def test_a_blocked_event_loop_causes_no_lost_assignment_and_no_duplicates(
    kafka3: KafkaCluster, make_cluster: MakeCluster
) -> None:
    """The poll thread keeps the membership alive, and responses wait in the sockets."""
    # Given a bridge whose event loop will sleep for nine seconds, twice the session timeout
    cluster = make_cluster(kafka3)
    cluster.kafka_settings = SHORT_SESSION
    cluster.settings["fullstory"] = {"timeout_s": 30}
    cluster.fullstory.configure(latency_s=0.05)
    cluster.write(6_000)
    with cluster.bridge(fault="event-loop-sleeps") as bridge:
        # When it has slept, then every record arrives once, and no partition was lost
        cluster.wait_until_all_is_committed()
        assert not bridge.has_logged("lost")
        assert bridge.stop() == 0
    assert cluster.reconcile() == ([], 0)


def test_a_bridge_frozen_within_its_session_resumes_without_a_rebalance(
    kafka3: KafkaCluster, make_cluster: MakeCluster
) -> None:
    """A short freeze of the machine causes no duplicates."""
    # Given a bridge in the middle of 6,000 records
    cluster = make_cluster(kafka3)
    cluster.fullstory.configure(latency_s=0.1)
    cluster.write(6_000)
    with cluster.bridge() as bridge:
        cluster.wait_for(1_000)

        # When it is frozen three times, each time for less than its session timeout
        for arrived in (2_000, 3_000, 4_000):
            bridge.freeze()
            time.sleep(2.5)
            bridge.thaw()
            cluster.wait_for(arrived)

        # Then no partition was lost, and nothing is lost or duplicated
        cluster.wait_until_all_is_committed()
        assert not bridge.has_logged("lost")
        assert bridge.stop() == 0
    assert cluster.reconcile() == ([], 0)
