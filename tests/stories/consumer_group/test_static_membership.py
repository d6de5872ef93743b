"""Static members (`group.instance.id`), and foreign members of the group."""

import pytest
from confluent_kafka import Consumer

from tests.services.kafka import KafkaCluster
from tests.stories.conftest import MakeCluster

pytestmark = [pytest.mark.real, pytest.mark.story, pytest.mark.faults, pytest.mark.timeout(180)]

STATIC = {"session.timeout.ms": 30_000, "heartbeat.interval.ms": 1_000}


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_static_member_that_restarts_within_its_session_causes_no_rebalance(
    kafka3: KafkaCluster, make_cluster: MakeCluster, how: str
) -> None:
    """It keeps its partitions, and the other member is not affected."""
    # Given two static members in the middle of 6,000 records
    cluster = make_cluster(kafka3)
    cluster.settings["delivery"] = {"duplicate_budget": 100}
    cluster.fullstory.configure(latency_s=0.1)
    cluster.kafka_settings = {**STATIC, "group.instance.id": "b"}
    with cluster.bridge() as other:
        other.wait_until_assigned_any()
        cluster.kafka_settings = {**STATIC, "group.instance.id": "a"}
        with cluster.bridge() as first:
            first.wait_until_assigned_any()
            before = first.assigned
            rebalances = len(other.lines)
            cluster.write(6_000)
            cluster.wait_for(1_000)

            # When one of them stops and restarts with the same instance id
            getattr(first, how)()
        with cluster.bridge() as restarted:
            restarted.wait_until_assigned_any()

            # Then it has the same partitions, the other one has logged nothing, and all arrive
            assert restarted.assigned == before
            cluster.wait_until_all_is_committed()
            assert len(other.lines) == rebalances
            assert restarted.stop() == 0
        assert other.stop() == 0
    lost, duplicates = cluster.reconcile()
    assert lost == []
    assert duplicates <= (0 if how == "stop" else 100)


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_of_two_members_with_the_same_instance_id_one_exits_with_an_error(
    kafka3: KafkaCluster, make_cluster: MakeCluster, protocol: str
) -> None:
    """The other one continues, and nothing is lost."""
    # Given a running static member
    cluster = make_cluster(kafka3)
    cluster.settings["delivery"] = {"duplicate_budget": 100}
    cluster.fullstory.configure(latency_s=0.1)
    cluster.kafka_settings = {**STATIC, "group.instance.id": "one"}
    if protocol == "consumer":
        set_by_the_broker = {"session.timeout.ms": None, "heartbeat.interval.ms": None}
        cluster.kafka_settings |= {"group.protocol": "consumer", **set_by_the_broker}
    with cluster.bridge() as older:
        older.wait_until_assigned_any()
        cluster.write(4_000)
        cluster.wait_for(500)

        # When another one starts with the same instance id
        with cluster.bridge() as newer:
            fenced, remaining = (older, newer) if protocol == "classic" else (newer, older)
            code = fenced.wait()

            # Then one of them exits with an error that says why
            assert code == 1
            assert "instance" in fenced.text.lower()

            # And the other one continues
            cluster.wait_until_all_is_committed()
            assert remaining.stop() == 0
    lost, duplicates = cluster.reconcile()
    assert lost == []
    assert duplicates <= 100


def test_a_foreign_member_with_another_assignment_strategy_is_logged_and_waited_for(
    kafka3: KafkaCluster, make_cluster: MakeCluster
) -> None:
    """Two programs use one group id: the bridge logs this, and works when the other has left."""
    # Given another program in the group, with an incompatible assignment strategy
    cluster = make_cluster(kafka3)
    cluster.write(500)
    settings = {"bootstrap.servers": kafka3.bootstrap_servers, "group.id": cluster.group}
    other_consumer = Consumer({**settings, "partition.assignment.strategy": "range"})
    other_consumer.subscribe([cluster.dead_letters])
    while not other_consumer.assignment():
        other_consumer.poll(0.1)

    # When the bridge starts
    with cluster.bridge() as bridge:
        bridge.wait_until(lambda: "protocol" in bridge.text, "the log message", 30)
        assert cluster.fullstory.accepted == []
        other_consumer.close()

        # Then it continues by itself when the other one has left
        bridge.wait_until(cluster.all_is_committed, "everything committed", 60)
        assert bridge.stop() == 0
    assert cluster.reconcile() == ([], 0)
