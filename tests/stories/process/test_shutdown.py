"""Orderly and forced shutdowns, and how the next bridge resumes."""

import time

import pytest

from tests.services.fixtures import StartKafka
from tests.services.kafka import KafkaCluster
from tests.stories.conftest import MakeCluster

pytestmark = [pytest.mark.real, pytest.mark.story, pytest.mark.timeout(120)]


def test_after_sigterm_nothing_is_lost_or_duplicated(
    kafka: KafkaCluster, make_cluster: MakeCluster
) -> None:
    """An orderly shutdown drains, commits and leaves the group; the next bridge resumes there."""
    # Given a slow FullStory, and a bridge in the middle of 6,000 records
    cluster = make_cluster(kafka)
    cluster.fullstory.configure(latency_s=0.03)
    cluster.write(6_000)
    with cluster.bridge() as bridge:
        cluster.wait_for(1_000)

        # When it gets SIGTERM while hundreds of requests are applied but not yet answered: without
        # waiting for them, no commit would include them
        cluster.fullstory.configure(latency_s=1)
        time.sleep(0.5)
        cluster.fullstory.configure(latency_s=0)
        code = bridge.stop()
    sent_by_the_first = len(cluster.fullstory.accepted)

    # Then it exits with 0 in the middle, and the next one sends exactly the rest
    assert code == 0
    assert 1_000 <= sent_by_the_first < 6_000
    with cluster.bridge() as bridge:
        cluster.wait_until_all_is_committed()
        assert bridge.stop() == 0
    assert cluster.reconcile() == ([], 0)


@pytest.mark.long
@pytest.mark.parametrize("budget", [50, 400])
def test_after_sigkill_nothing_is_lost_and_duplicates_stay_within_the_budget(
    kafka: KafkaCluster, make_cluster: MakeCluster, budget: int
) -> None:
    """Only events sent since the last acknowledged commit are duplicated."""
    # Given a bridge in the middle of 6,000 records
    cluster = make_cluster(kafka)
    cluster.settings["delivery"] = {"duplicate_budget": budget, "commit_interval_ms": 2_000}
    cluster.fullstory.configure(latency_s=0.02)
    cluster.write(6_000)
    with cluster.bridge() as bridge:
        cluster.wait_for(1_000)

        # When it is killed
        bridge.kill()
    assert len(cluster.fullstory.accepted) < 6_000

    # Then the next one sends the rest, with few duplicates
    with cluster.bridge() as bridge:
        cluster.wait_until_all_is_committed()
        assert bridge.stop() == 0
    lost, duplicates = cluster.reconcile()
    assert lost == []
    assert duplicates <= budget


def test_records_settled_above_a_stuck_one_are_not_sent_again_after_sigkill(
    kafka: KafkaCluster, make_cluster: MakeCluster
) -> None:
    """One record waits for its user while 5,000 later ones settle; few are sent again."""
    # Given one partition whose first record has an unknown user and is retried for a minute
    cluster = make_cluster(kafka, partitions=1)
    cluster.settings["delivery"] = {"duplicate_budget": 200}
    cluster.fullstory.configure(unknown=["usr:0"])
    cluster.write(1)
    cluster.write(1, partition=0)
    with cluster.bridge() as bridge:
        cluster.wait_for(1)
        cluster.fullstory.configure(unknown=[])

        # When thousands of later records are delivered, and the bridge is killed
        cluster.write(5_000)
        cluster.wait_for(5_001)
        bridge.kill()

    # Then the next one sends the stuck record and few others
    with cluster.bridge() as bridge:
        cluster.wait_until_all_is_committed()
        assert bridge.stop() == 0
    lost, duplicates = cluster.reconcile()
    assert lost == []
    assert duplicates <= 200


@pytest.mark.long
@pytest.mark.parametrize("fault", ["freeze", "kill"])
def test_a_bridge_exits_on_sigterm_even_if_kafka_is_unavailable(
    start_kafka: StartKafka, make_cluster: MakeCluster, fault: str
) -> None:
    """No broker accepts its last commit: it exits in time, and few events are duplicated."""
    # Given a bridge in the middle of 4,000 records, which may take 2 s to drain
    kafka = start_kafka()
    cluster = make_cluster(kafka)
    cluster.settings["delivery"] = {"duplicate_budget": 200, "shutdown_drain_s": 2}
    cluster.fullstory.configure(latency_s=0.02)
    cluster.write(4_000)
    with cluster.bridge() as bridge:
        cluster.wait_for(1_000)

        # When Kafka's only broker becomes unavailable, and then the bridge gets SIGTERM
        getattr(kafka.node(1), fault)()
        since_s = time.monotonic()
        code = bridge.stop()
        took_s = time.monotonic() - since_s
    kafka.revive()

    # Then it exits with 0, after its drain and the ten seconds for leaving the group
    assert code == 0
    assert took_s < 15
    with cluster.bridge() as bridge:
        cluster.wait_until_all_is_committed()
        assert bridge.stop() == 0
    lost, duplicates = cluster.reconcile()
    assert lost == []
    assert duplicates <= 200
