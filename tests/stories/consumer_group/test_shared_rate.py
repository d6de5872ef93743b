"""Two bridges under one account's limit, each with the share of its partitions."""

import time

import pytest

from tests.services.kafka import KafkaCluster
from tests.stories.conftest import FoundTown
from tests.stories.kafka_fixture import Town

pytestmark = [pytest.mark.real, pytest.mark.story, pytest.mark.faults, pytest.mark.timeout(120)]

MAX_RATE, LIMIT, BURST = 200, 205, 100
MOST = 0.7
"""Of the rate: on a machine that does much else a bridge is late for some slots. Half of it is what
one of two would send alone, or each with half of what is its own."""


def test_two_bridges_share_the_rate_and_the_one_that_stays_takes_the_whole(
    kafka: KafkaCluster, found_town: FoundTown
) -> None:
    """Each knows `max_rate` and the partitions; nothing else is said between them."""
    # Given a backlog, and two bridges that know the account's limit
    town = found_town(kafka)
    town.settings["fullstory"] = {"max_rate": MAX_RATE}
    town.fullstory.turn(limit={"rate": LIMIT, "burst": BURST}, latency_s=0.02)
    town.write(12_000)
    with town.bridge() as first, town.bridge() as second:
        first.wait_until_assigned_any()
        second.wait_until_assigned_any()
        first.wait_until(lambda: len(first.assigned) == len(second.assigned) == 2, "two each")
        time.sleep(2)

        # When both send for a while
        together = _per_s(town, 12)

        # Then together they take what the account gives
        assert together >= MOST * MAX_RATE
        assert together <= LIMIT + BURST / 12

        # When one goes, in order
        assert second.stop() == 0
        first.wait_until(lambda: len(first.assigned) == 4, "all partitions")
        time.sleep(2)
        alone = _per_s(town, 8)

        # Then the other one takes the whole
        assert alone >= MOST * MAX_RATE
        assert first.stop() == 0
    counts = town.fullstory.counts()
    refused = counts["answers"].get("429", 0)
    print(f"\ntogether {together:.0f}/s, alone {alone:.0f}/s, {refused} 429s")  # noqa: T201
    assert refused <= 0.005 * len(town.fullstory.accepted)
    assert len(set(town.arrived().values())) == 1  # none came twice


def _per_s(town: Town, s: float) -> float:
    """How many events a second are accepted for so long."""
    before, begun_s = len(town.fullstory.accepted), time.monotonic()
    time.sleep(s)
    return (len(town.fullstory.accepted) - before) / (time.monotonic() - begun_s)
