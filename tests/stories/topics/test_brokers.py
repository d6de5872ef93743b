"""Broker restarts and outages under a running bridge, and broker errors on commits."""

import time

import pytest
from confluent_kafka import KafkaError

from tests.services.kafka import KafkaCluster
from tests.stories.conftest import MakeCluster, MockKafka

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


def test_a_rolling_restart_causes_no_lost_assignment_and_no_duplicates(
    kafka3: KafkaCluster, make_cluster: MakeCluster
) -> None:
    """Every leader and the coordinator move while each broker restarts in turn."""
    # Given a running bridge on three brokers
    cluster = make_cluster(kafka3)
    cluster.fullstory.configure(latency_s=0.1)
    with cluster.bridge() as bridge:
        bridge.wait_until_assigned_any()

        # When each broker is restarted in turn while records are written continuously
        for node in kafka3.nodes:
            cluster.write(500)
            node.terminate()
            cluster.write(500)
            node.start()
            kafka3.wait_in_sync(cluster.topic)
        cluster.write(500)

        # Then every record arrives once, and the assignment was never lost
        cluster.wait_until_all_is_committed(90)
        assert not bridge.has_logged("lost")
        assert bridge.stop() == 0
    assert cluster.reconcile() == ([], 0)


@pytest.mark.parametrize("fault", ["kill", "freeze"])
def test_an_unavailable_group_coordinator_causes_no_duplicates(
    kafka3: KafkaCluster, make_cluster: MakeCluster, fault: str
) -> None:
    """Another broker becomes the coordinator, with all commits."""
    # Given a bridge in the middle of 6,000 records on three brokers
    cluster = make_cluster(kafka3)
    cluster.fullstory.configure(latency_s=0.1)
    cluster.write(6_000)
    with cluster.bridge() as bridge:
        cluster.wait_for(1_000)

        # When the coordinator of its group is killed or frozen, and recovers later
        coordinator = kafka3.node(kafka3.coordinator(cluster.group))
        getattr(coordinator, fault)()
        cluster.wait_for(3_000, 60)
        kafka3.revive()

        # Then every record arrives once: the only owner remembers what it sent
        cluster.wait_until_all_is_committed(90)
        assert bridge.stop() == 0
    assert cluster.reconcile() == ([], 0)


def test_a_commit_with_a_temporary_broker_error_is_retried(
    mock_kafka: MockKafka, make_cluster: MakeCluster
) -> None:
    """Each error occurs three times: the offset is committed in the end, without duplicates."""
    cluster = make_cluster(mock_kafka)
    cluster.kafka_settings = MOCK_GROUP
    with cluster.bridge() as bridge:
        bridge.wait_until_assigned_any()
        for why, error in RETRIED.items():
            # Given records, when the next three commits fail
            mock_kafka.cluster.push_request_errors(COMMIT, [error] * 3)
            cluster.write(200)

            # Then they are committed anyway
            bridge.wait_until(cluster.all_is_committed, f"committed despite: {why}", 40)
        mock_kafka.cluster.clear_request_errors(COMMIT)
        assert bridge.stop() == 0
    assert cluster.reconcile() == ([], 0)


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
def test_a_kip_848_member_rejoins_after_an_error_and_repeats_nothing(
    mock_kafka: MockKafka, make_cluster: MakeCluster, request_kind: int, error: int
) -> None:
    """Librdkafka does not retry a commit after every error; the bridge does."""
    # Given a bridge in the middle of its work
    cluster = make_cluster(mock_kafka)
    cluster.kafka_settings = MOCK_GROUP_848
    cluster.fullstory.configure(latency_s=0.05)
    with cluster.bridge() as bridge:
        bridge.wait_until_assigned_any()
        cluster.write(1_000)
        cluster.wait_for(300)

        # When its next requests fail
        mock_kafka.cluster.push_request_errors(request_kind, [error] * 2)
        cluster.write(1_000)

        # Then every record arrives once
        bridge.wait_until(cluster.all_is_committed, "everything committed", 40)
        assert bridge.stop() == 0
    assert cluster.reconcile() == ([], 0)


def test_a_member_whose_instance_is_fenced_exits_with_an_error_and_loses_nothing(
    mock_kafka: MockKafka, make_cluster: MakeCluster
) -> None:
    """FENCED_INSTANCE_ID is fatal in librdkafka: the process exits and says why."""
    # Given a bridge with an instance id, in the middle of its work
    cluster = make_cluster(mock_kafka)
    cluster.kafka_settings = {**MOCK_GROUP, "group.instance.id": "one"}
    cluster.settings["delivery"] = {"duplicate_budget": 100}
    cluster.fullstory.configure(latency_s=0.05)
    with cluster.bridge() as bridge:
        bridge.wait_until_assigned_any()
        cluster.write(2_000)
        cluster.wait_for(300)

        # When the broker reports that another member has its instance id
        mock_kafka.cluster.push_request_errors(HEARTBEAT, [KafkaError.FENCED_INSTANCE_ID])

        # Then it exits with code 1 and the reason
        assert bridge.wait() == 1
        assert "the Kafka client failed fatally" in bridge.text
        assert "fenced" in bridge.text.lower()

    # And the next one sends the rest
    with cluster.bridge() as bridge:
        cluster.wait_until_all_is_committed()
        assert bridge.stop() == 0
    lost, duplicates = cluster.reconcile()
    assert lost == []
    assert duplicates <= 100


@pytest.mark.parametrize("what", ["topic", "group"])
def test_a_revoked_acl_is_logged_and_waited_for(
    mock_kafka: MockKafka, make_cluster: MakeCluster, what: str
) -> None:
    """If authorization on the topic or the group fails, it logs this and later resumes."""
    # Given a running bridge
    cluster = make_cluster(mock_kafka)
    cluster.kafka_settings = {**MOCK_GROUP, "topic.metadata.refresh.interval.ms": 300}
    with cluster.bridge() as bridge:
        bridge.wait_until_assigned_any()
        cluster.write(500)
        bridge.wait_until(cluster.all_is_committed, "the first ones", 40)

        # When its access is temporarily denied
        if what == "topic":
            mock_kafka.cluster.fail_topic(cluster.topic, KafkaError.TOPIC_AUTHORIZATION_FAILED)
        else:
            errors = [KafkaError.GROUP_AUTHORIZATION_FAILED] * 3
            mock_kafka.cluster.push_request_errors(COMMIT, errors)
            cluster.write(100)
        bridge.wait_until(lambda: "uthorization" in bridge.text, "the log message", 30)
        time.sleep(1)
        if what == "topic":
            mock_kafka.cluster.fail_topic(cluster.topic, KafkaError.NO_ERROR)
        cluster.write(500)

        # Then it resumes by itself
        bridge.wait_until(cluster.all_is_committed, "everything committed", 60)
        assert bridge.stop() == 0
    assert cluster.reconcile() == ([], 0)
