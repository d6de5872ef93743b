"""Faults within the bridge itself: an exception where none should be."""

import pytest

from tests.services.kafka import KafkaCluster
from tests.stories.conftest import FoundTown

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
def test_an_exception_in_the_poll_thread_ends_the_bridge_and_loses_nothing(
    kafka3: KafkaCluster, found_town: FoundTown, fault: str
) -> None:
    """It ends with an error that a supervisor sees, and the next one does the rest."""
    # Given a bridge with a fault inside, in the middle of 3,000 records
    town = found_town(kafka3)
    town.settings["delivery"] = {"duplicate_budget": 200}
    town.fullstory.turn(latency_s=0.05)
    town.write(3_000)
    with town.bridge(fault=fault) as bridge:
        # When the fault strikes: by itself, or when another member comes
        if fault == "revoke-callback-fails":
            bridge.wait_until_assigned_any()
            with town.bridge() as other:
                code = bridge.wait()
                other.wait_until_assigned_any()
                assert other.stop() == 0
        else:
            code = bridge.wait()

        # Then it has ended with an error that says what it was
        assert code == 1
        assert "asked for by the story" in bridge.text

    # And the next one sends the rest, and again no more than the budget
    with town.bridge() as bridge:
        town.wait_until_all_is_committed()
        assert bridge.stop() == 0
    lost, twice = town.reconcile()
    assert lost == []
    assert twice <= 200


def test_an_exception_in_the_mapper_costs_its_record_a_dead_letter_and_nothing_else(
    kafka3: KafkaCluster, found_town: FoundTown
) -> None:
    """The one record is kept, unchanged, for replay; all others arrive."""
    town = found_town(kafka3)
    town.write(1_000)
    with town.bridge(fault="mapper-fails") as bridge:
        town.wait_until_all_is_committed()
        assert bridge.stop() == 0

    lost, twice = town.reconcile()
    letters = kafka3.read(town.letters)
    assert (len(lost), twice, len(letters)) == (1, 0, 1)
    (kept,) = letters
    assert ("fullstory_bridge.reason", b"internal_error") in (kept.headers() or [])


def test_a_clock_that_jumps_an_hour_ahead_changes_nothing(
    kafka3: KafkaCluster, found_town: FoundTown
) -> None:
    """What is due is told by a clock that nobody can set."""
    town = found_town(kafka3)
    town.fullstory.turn(latency_s=0.05)
    town.write(3_000)
    with town.bridge(fault="clock-jumps") as bridge:
        town.wait_for(1_000)
        town.fullstory.turn(spell={"status": 503, "count": 20})
        town.wait_until_all_is_committed()
        assert not bridge.has_logged("lost")
        assert bridge.stop() == 0

    assert town.reconcile() == ([], 0)
