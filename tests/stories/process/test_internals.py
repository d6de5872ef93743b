"""Faults inside the bridge: unexpected exceptions and a clock that jumps."""

import pytest

from bridge.cli import INTERNAL_ERROR
from tests.services.kafka import KafkaCluster
from tests.stories.conftest import MakeCluster

pytestmark = [pytest.mark.real, pytest.mark.story, pytest.mark.long, pytest.mark.timeout(120)]


@pytest.mark.parametrize(
    "fault",
    [
        "commit-callback-fails",
        "assign-callback-fails",
        "revoke-callback-fails",
        "poll-thread-fails",
    ],
)
def test_an_exception_in_the_poll_thread_stops_the_bridge_and_loses_nothing(
    kafka3: KafkaCluster, make_cluster: MakeCluster, fault: str
) -> None:
    """It exits with an error that a supervisor sees, and the next bridge sends the rest."""
    # Given a bridge with an internal fault, in the middle of 3,000 records
    cluster = make_cluster(kafka3)
    cluster.settings["delivery"] = {"duplicate_budget": 200}
    cluster.fullstory.configure(latency_s=0.05)
    cluster.write(3_000)
    with cluster.bridge(fault=fault) as bridge:
        # When the fault occurs: by itself, or when another member joins
        if fault == "revoke-callback-fails":
            bridge.wait_until_assigned_any()
            with cluster.bridge() as other:
                code = bridge.wait()
                other.wait_until_assigned_any()
                assert other.stop() == 0
        else:
            code = bridge.wait()

        # Then it exits with an error that names the cause
        assert code == INTERNAL_ERROR
        assert "injected by the story" in bridge.text

    # And the next one sends the rest, with duplicates at most up to the budget
    with cluster.bridge() as bridge:
        cluster.wait_until_all_is_committed()
        assert bridge.stop() == 0
    lost, duplicates = cluster.reconcile()
    assert lost == []
    assert duplicates <= 200


def test_an_exception_in_the_mapper_makes_only_its_record_a_dead_letter(
    kafka3: KafkaCluster, make_cluster: MakeCluster
) -> None:
    """The record is kept unchanged for replay; all others arrive."""
    cluster = make_cluster(kafka3)
    cluster.write(1_000)
    with cluster.bridge(fault="mapper-fails") as bridge:
        cluster.wait_until_all_is_committed()
        assert bridge.stop() == 0

    lost, duplicates = cluster.reconcile()
    dead_letters = kafka3.read(cluster.dead_letters)
    assert (len(lost), duplicates, len(dead_letters)) == (1, 0, 1)
    (kept,) = dead_letters
    assert ("fullstory_bridge.reason", b"internal_error") in (kept.headers() or [])


def test_a_clock_that_jumps_an_hour_ahead_has_no_effect(
    kafka3: KafkaCluster, make_cluster: MakeCluster
) -> None:
    """Deadlines use the monotonic clock."""
    cluster = make_cluster(kafka3)
    cluster.fullstory.configure(latency_s=0.05)
    cluster.write(3_000)
    with cluster.bridge(fault="clock-jumps") as bridge:
        cluster.wait_for(1_000)
        cluster.fullstory.configure(fault_period={"status": 503, "count": 20})
        cluster.wait_until_all_is_committed()
        assert not bridge.has_logged("lost")
        assert bridge.stop() == 0

    assert cluster.reconcile() == ([], 0)
