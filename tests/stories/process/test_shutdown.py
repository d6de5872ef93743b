"""How a bridge ends, in order and not, and what the next one makes of it."""

import time

import pytest

from tests.services.fixtures import StartKafka
from tests.services.kafka import KafkaCluster
from tests.stories.conftest import FoundTown

pytestmark = [pytest.mark.real, pytest.mark.story, pytest.mark.timeout(120)]


def test_after_sigterm_in_the_middle_nothing_is_lost_and_nothing_comes_twice(
    kafka: KafkaCluster, found_town: FoundTown
) -> None:
    """An orderly stop drains, commits and leaves; the next bridge goes on behind it."""
    # Given a FullStory that takes its time, and a bridge in the middle of 6,000 records
    town = found_town(kafka)
    town.fullstory.turn(latency_s=0.03)
    town.write(6_000)
    with town.bridge() as bridge:
        town.wait_for(1_000)

        # When it is asked to end while hundreds of requests are applied and not yet answered: were
        # they not waited for, no commit would know of them
        town.fullstory.turn(latency_s=1)
        time.sleep(0.5)
        town.fullstory.turn(latency_s=0)
        code = bridge.stop()
    sent_by_the_first = len(town.fullstory.accepted)

    # Then it has ended well in the middle, and the next one sends exactly the rest
    assert code == 0
    assert 1_000 <= sent_by_the_first < 6_000
    with town.bridge() as bridge:
        town.wait_until_all_is_committed()
        assert bridge.stop() == 0
    assert town.reconcile() == ([], 0)


@pytest.mark.long
@pytest.mark.parametrize("budget", [50, 400])
def test_after_kill_9_in_the_middle_nothing_is_lost_and_at_most_the_budget_comes_twice(
    kafka: KafkaCluster, found_town: FoundTown, budget: int
) -> None:
    """What a killed bridge had sent since its last acknowledged commit is all that comes twice."""
    # Given a bridge in the middle of 6,000 records
    town = found_town(kafka)
    town.settings["delivery"] = {"duplicate_budget": budget, "commit_interval_ms": 2_000}
    town.fullstory.turn(latency_s=0.02)
    town.write(6_000)
    with town.bridge() as bridge:
        town.wait_for(1_000)

        # When it is killed
        bridge.kill()
    assert len(town.fullstory.accepted) < 6_000

    # Then the next one sends the rest, and little again
    with town.bridge() as bridge:
        town.wait_until_all_is_committed()
        assert bridge.stop() == 0
    lost, twice = town.reconcile()
    assert lost == []
    assert twice <= budget


def test_what_was_settled_above_a_stuck_record_is_not_sent_again_after_kill_9(
    kafka: KafkaCluster, found_town: FoundTown
) -> None:
    """One record waits a minute for its user, 5,000 pass it, the bridge dies: few come twice."""
    # Given one partition whose first record's user is unknown, which is asked about for a minute
    town = found_town(kafka, partitions=1)
    town.settings["delivery"] = {"duplicate_budget": 200}
    town.fullstory.turn(unknown=["usr:0"])
    town.write(1)
    town.write(1, partition=0)
    with town.bridge() as bridge:
        town.wait_for(1)
        town.fullstory.turn(unknown=[])

        # When thousands are delivered past it, and the bridge is killed
        town.write(5_000)
        town.wait_for(5_001)
        bridge.kill()

    # Then the next one sends the stuck one and hardly anything else
    with town.bridge() as bridge:
        town.wait_until_all_is_committed()
        assert bridge.stop() == 0
    lost, twice = town.reconcile()
    assert lost == []
    assert twice <= 200


@pytest.mark.long
@pytest.mark.parametrize("harm", ["freeze", "kill"])
def test_a_bridge_whose_kafka_is_away_ends_on_sigterm_all_the_same(
    start_kafka: StartKafka, found_town: FoundTown, harm: str
) -> None:
    """No broker takes its last commit: it ends in its time, and little comes twice."""
    # Given a bridge in the middle of 4,000 records, which may take 2 s to drain
    kafka = start_kafka()
    town = found_town(kafka)
    town.settings["delivery"] = {"duplicate_budget": 200, "shutdown_drain_s": 2}
    town.fullstory.turn(latency_s=0.02)
    town.write(4_000)
    with town.bridge() as bridge:
        town.wait_for(1_000)

        # When Kafka's only broker goes away, and then it is asked to end
        getattr(kafka.node(1), harm)()
        since_s = time.monotonic()
        code = bridge.stop()
        took_s = time.monotonic() - since_s
    kafka.revive()

    # Then it has ended well, after its drain and the ten seconds it has to leave the group
    assert code == 0
    assert took_s < 15
    with town.bridge() as bridge:
        town.wait_until_all_is_committed()
        assert bridge.stop() == 0
    lost, twice = town.reconcile()
    assert lost == []
    assert twice <= 200
