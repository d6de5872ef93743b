"""Two bridges share one account's rate limit by their partitions."""

import time

import pytest

from tests.services.kafka import KafkaCluster
from tests.stories.conftest import MakeCluster
from tests.stories.kafka_fixture import ClusterFixture

pytestmark = [pytest.mark.real, pytest.mark.story, pytest.mark.faults, pytest.mark.timeout(120)]

MAX_RATE, LIMIT, BURST = 200, 205, 100
MIN_SHARE = 0.7
"""Fraction of the rate: on a busy machine a bridge misses some slots. If only one bridge sent, or
each used half of its share, the fraction would be 0.5."""


def test_two_bridges_share_the_rate_and_the_remaining_one_uses_all_of_it(
    kafka: KafkaCluster, make_cluster: MakeCluster
) -> None:
    """Each knows only `max_rate` and its partitions; they do not communicate."""
    # Given a backlog, and two bridges with the account's limit as `max_rate`
    cluster = make_cluster(kafka)
    cluster.settings["fullstory"] = {"max_rate": MAX_RATE}
    cluster.fullstory.configure(limit={"rate": LIMIT, "burst": BURST}, latency_s=0.02)
    cluster.write(12_000)
    with cluster.bridge() as first, cluster.bridge() as second:
        first.wait_until_assigned_any()
        second.wait_until_assigned_any()
        first.wait_until(lambda: len(first.assigned) == len(second.assigned) == 2, "two each")
        time.sleep(2)

        # When both send for a while
        together = _per_s(cluster, 12)

        # Then together they use the account's rate
        assert together >= MIN_SHARE * MAX_RATE
        assert together <= LIMIT + BURST / 12

        # When one stops in order
        assert second.stop() == 0
        first.wait_until(lambda: len(first.assigned) == 4, "all partitions")
        time.sleep(2)
        alone = _per_s(cluster, 8)

        # Then the other one uses the whole rate
        assert alone >= MIN_SHARE * MAX_RATE
        assert first.stop() == 0
    counts = cluster.fullstory.counts()
    refused = counts["answers"].get("429", 0)
    print(f"\ntogether {together:.0f}/s, alone {alone:.0f}/s, {refused} 429s")  # noqa: T201
    assert refused <= 0.005 * len(cluster.fullstory.accepted)
    assert len(set(cluster.arrived().values())) == 1  # no duplicates


def _per_s(cluster: ClusterFixture, s: float) -> float:
    """Events accepted per second, measured for `s` seconds."""
    before, begun_s = len(cluster.fullstory.accepted), time.monotonic()
    time.sleep(s)
    return (len(cluster.fullstory.accepted) - before) / (time.monotonic() - begun_s)
