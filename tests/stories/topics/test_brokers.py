"""Brokers come and go under a bridge at work; errors that a broker answers to a commit."""

import time

import pytest
from confluent_kafka import KafkaError

from tests.services.kafka import KafkaCluster
from tests.stories.conftest import FoundTown, MockKafka

pytestmark = [pytest.mark.real, pytest.mark.story, pytest.mark.faults, pytest.mark.timeout(240)]

COMMIT, HEARTBEAT, HEARTBEAT_848 = 8, 12, 68
RETRIED = {
    "coordinator moved": KafkaError.NOT_COORDINATOR,
    "coordinator loads": KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    "coordinator away": KafkaError.COORDINATOR_NOT_AVAILABLE,
    "timed out": KafkaError.REQUEST_TIMED_OUT,
    "rebalance": KafkaError.REBALANCE_IN_PROGRESS,
    "old generation": KafkaError.ILLEGAL_GENERATION,
    "unknown member": KafkaError.UNKNOWN_MEMBER_ID,
    "cut connection": KafkaError._TRANSPORT,
}
MOCK_GROUP = {"session.timeout.ms": 2500, "heartbeat.interval.ms": 300, "fetch.wait.max.ms": 20}
MOCK_GROUP_848 = {
    "group.protocol": "consumer",
    "session.timeout.ms": None,
    "heartbeat.interval.ms": None,
    "fetch.wait.max.ms": 20,
}


def test_a_rolling_restart_of_all_brokers_costs_no_assignment_and_nothing_twice(
    kafka3: KafkaCluster, found_town: FoundTown
) -> None:
    """Every leader and the coordinator move, each broker ends and comes back in turn."""
    # Given a bridge at work on three brokers
    town = found_town(kafka3)
    town.fullstory.turn(latency_s=0.1)
    with town.bridge() as bridge:
        bridge.wait_until_assigned_any()

        # When each broker is restarted in order, while records come all the time
        for node in kafka3.nodes:
            town.write(500)
            node.terminate()
            town.write(500)
            node.start()
            kafka3.wait_in_sync(town.topic)
        town.write(500)

        # Then all arrives, once, and the assignment was never lost
        town.wait_until_all_is_committed(90)
        assert not bridge.has_logged("lost")
        assert bridge.stop() == 0
    assert town.reconcile() == ([], 0)


@pytest.mark.parametrize("harm", ["kill", "freeze"])
def test_the_groups_coordinator_goes_away_and_nothing_comes_twice(
    kafka3: KafkaCluster, found_town: FoundTown, harm: str
) -> None:
    """Another broker takes the group over, with all that was committed."""
    # Given a bridge in the middle of 6,000 records on three brokers
    town = found_town(kafka3)
    town.fullstory.turn(latency_s=0.1)
    town.write(6_000)
    with town.bridge() as bridge:
        town.wait_for(1_000)

        # When the coordinator of its group dies or freezes, and comes back later
        coordinator = kafka3.node(kafka3.coordinator(town.group))
        getattr(coordinator, harm)()
        town.wait_for(3_000, 60)
        kafka3.revive()

        # Then all of it arrives, once: the sole owner knows what it sent
        town.wait_until_all_is_committed(90)
        assert bridge.stop() == 0
    assert town.reconcile() == ([], 0)


def test_a_commit_that_a_broker_refuses_for_the_time_being_is_made_again(
    mock_kafka: MockKafka, found_town: FoundTown
) -> None:
    """Each refusal in turn, three times: the offset arrives in the end, and nothing comes twice."""
    town = found_town(mock_kafka)
    town.kafka_settings = MOCK_GROUP
    with town.bridge() as bridge:
        bridge.wait_until_assigned_any()
        for why, error in RETRIED.items():
            # Given records, When the next three commits are refused
            mock_kafka.cluster.push_request_errors(COMMIT, [error] * 3)
            town.write(200)

            # Then they are committed all the same
            bridge.wait_until(town.all_is_committed, f"committed in spite of: {why}", 40)
        mock_kafka.cluster.clear_request_errors(COMMIT)
        assert bridge.stop() == 0
    assert town.reconcile() == ([], 0)


@pytest.mark.parametrize(
    ("request_kind", "error"),
    [
        pytest.param(COMMIT, KafkaError.STALE_MEMBER_EPOCH, id="commit with a stale epoch"),
        pytest.param(COMMIT, KafkaError.UNKNOWN_MEMBER_ID, id="commit of an unknown member"),
        pytest.param(HEARTBEAT_848, KafkaError.UNKNOWN_MEMBER_ID, id="unknown member"),
        pytest.param(HEARTBEAT_848, KafkaError.FENCED_MEMBER_EPOCH, id="fenced epoch"),
        pytest.param(HEARTBEAT_848, KafkaError.COORDINATOR_NOT_AVAILABLE, id="no coordinator"),
    ],
)
def test_a_member_of_the_new_protocol_that_is_refused_joins_again_and_repeats_nothing(
    mock_kafka: MockKafka, found_town: FoundTown, request_kind: int, error: int
) -> None:
    """KIP-848: librdkafka does not try a commit again for every refusal; the bridge does."""
    # Given a bridge in the middle of its work
    town = found_town(mock_kafka)
    town.kafka_settings = MOCK_GROUP_848
    town.fullstory.turn(latency_s=0.05)
    with town.bridge() as bridge:
        bridge.wait_until_assigned_any()
        town.write(1_000)
        town.wait_for(300)

        # When the broker refuses its next requests
        mock_kafka.cluster.push_request_errors(request_kind, [error] * 2)
        town.write(1_000)

        # Then all arrives, once
        bridge.wait_until(town.all_is_committed, "everything committed", 40)
        assert bridge.stop() == 0
    assert town.reconcile() == ([], 0)


def test_a_member_whose_instance_is_fenced_ends_with_an_error_and_loses_nothing(
    mock_kafka: MockKafka, found_town: FoundTown
) -> None:
    """FENCED_INSTANCE_ID is fatal in Kafka's client: the process ends, and says why."""
    # Given a bridge with an instance id, in the middle of its work
    town = found_town(mock_kafka)
    town.kafka_settings = {**MOCK_GROUP, "group.instance.id": "one"}
    town.settings["delivery"] = {"duplicate_budget": 100}
    town.fullstory.turn(latency_s=0.05)
    with town.bridge() as bridge:
        bridge.wait_until_assigned_any()
        town.write(2_000)
        town.wait_for(300)

        # When the broker says that another one has its name
        mock_kafka.cluster.push_request_errors(HEARTBEAT, [KafkaError.FENCED_INSTANCE_ID])

        # Then it ends by itself, with code 1 and the reason
        assert bridge.wait() == 1
        assert "the Kafka client failed fatally" in bridge.text
        assert "fenced" in bridge.text.lower()

    # And the next one does the rest
    with town.bridge() as bridge:
        town.wait_until_all_is_committed()
        assert bridge.stop() == 0
    lost, twice = town.reconcile()
    assert lost == []
    assert twice <= 100


@pytest.mark.parametrize("what", ["topic", "group"])
def test_a_right_that_is_taken_away_is_told_and_waited_for(
    mock_kafka: MockKafka, found_town: FoundTown, what: str
) -> None:
    """Authorization failed, on the topic or the group: it says so, and goes on by itself."""
    # Given a bridge at work
    town = found_town(mock_kafka)
    town.kafka_settings = {**MOCK_GROUP, "topic.metadata.refresh.interval.ms": 300}
    with town.bridge() as bridge:
        bridge.wait_until_assigned_any()
        town.write(500)
        bridge.wait_until(town.all_is_committed, "the first ones", 40)

        # When its right is taken away for a while
        if what == "topic":
            mock_kafka.cluster.fail_topic(town.topic, KafkaError.TOPIC_AUTHORIZATION_FAILED)
        else:
            refused = [KafkaError.GROUP_AUTHORIZATION_FAILED] * 3
            mock_kafka.cluster.push_request_errors(COMMIT, refused)
            town.write(100)
        bridge.wait_until(lambda: "uthorization" in bridge.text, "it to say so", 30)
        time.sleep(1)
        if what == "topic":
            mock_kafka.cluster.fail_topic(town.topic, KafkaError.NO_ERROR)
        town.write(500)

        # Then it goes on by itself
        bridge.wait_until(town.all_is_committed, "everything committed", 60)
        assert bridge.stop() == 0
    assert town.reconcile() == ([], 0)
