"""Which topics are subscribed to, as the cluster's topics change."""

from typing import Any, cast

import pytest
from confluent_kafka import Consumer

from bridge.kafka.consumer.subscription import FIRST_REFRESH_RETRY_S, REFRESH_S, Subscription
from bridge.observer import Fact, Info, Waiting
from tests.unit.kafka.fake_kafka import Kafka


class Cluster:
    """A fake cluster whose topics the test sets, and the facts that lookups emit."""

    def __init__(self, *topics: str, pattern: bool = True, **kafka: Any) -> None:
        self.kafka = Kafka()
        self.facts: list[Fact] = []
        matches_pattern = (lambda name: name.startswith("shop.")) if pattern else None
        self.topics = Subscription(topics, matches_pattern, kafka, self)

    def notify(self, fact: Fact) -> None:
        """Store a fact."""
        self.facts.append(fact)

    def refresh(self, now_s: float, *names: str) -> list[str] | None:
        """The change of the subscription when the cluster has these topics."""
        self.kafka.topics = names
        return self.topics.changed_topics(cast("Consumer", self.kafka), now_s)


def test_named_and_matching_topics_are_subscribed_to_together() -> None:
    """A named topic need not exist yet; topics that do not match are excluded."""
    cluster = Cluster("payments")
    assert cluster.refresh(0, "shop.eu", "other", "__shop.") == ["payments", "shop.eu"]


def test_an_unchanged_set_is_not_subscribed_to_again() -> None:
    """A new subscription triggers a rebalance of the whole group."""
    cluster = Cluster()
    assert cluster.refresh(0, "shop.eu") == ["shop.eu"]
    assert cluster.refresh(REFRESH_S, "shop.eu", "other") is None
    assert cluster.refresh(2 * REFRESH_S, "shop.eu", "shop.us") == ["shop.eu", "shop.us"]
    assert cluster.refresh(3 * REFRESH_S, "shop.us") == ["shop.us"]


def test_topics_are_not_listed_before_a_refresh_is_due() -> None:
    """The poll thread has to wait for the answer."""
    cluster = Cluster()
    cluster.refresh(0, "shop.eu")
    cluster.kafka.silent = True
    assert cluster.refresh(REFRESH_S - 0.1, "shop.us") is None
    assert cluster.facts == []


@pytest.mark.parametrize(
    ("setting", "interval_s"),
    [("500", 0.5), (2000, 2), (-1, REFRESH_S), (0, REFRESH_S), ("x", REFRESH_S)],
)
def test_the_users_refresh_interval_is_used(setting: object, interval_s: float) -> None:
    """It also applies to librdkafka's own patterns; without a valid one the default applies."""
    kafka: Any = {"topic.metadata.refresh.interval.ms": setting}
    cluster = Cluster(**kafka)
    cluster.refresh(0, "shop.eu")
    assert cluster.refresh(interval_s - 0.01, "shop.eu", "shop.us") is None
    assert cluster.refresh(interval_s, "shop.eu", "shop.us") == ["shop.eu", "shop.us"]


def test_a_failed_first_lookup_is_retried_and_named_topics_do_not_wait() -> None:
    """Topics in the first answered lookup are not new."""
    cluster = Cluster("payments")
    cluster.kafka.silent = True
    assert cluster.refresh(0) == ["payments"]
    assert [type(fact) for fact in cluster.facts] == [Waiting]
    assert not cluster.topics.is_new_topic("shop.eu")

    cluster.kafka.silent = False
    assert cluster.refresh(FIRST_REFRESH_RETRY_S, "shop.eu") == ["payments", "shop.eu"]
    assert not cluster.topics.is_new_topic("shop.eu")


def test_a_later_failed_lookup_changes_nothing() -> None:
    """With and without a named topic. A lookup that finds no topic changes nothing either."""
    for topics in ([], ["payments"]):
        cluster = Cluster(*topics)
        cluster.refresh(0, "shop.eu")
        cluster.kafka.silent = True
        assert cluster.refresh(REFRESH_S) is None
    cluster = Cluster()
    cluster.refresh(0, "shop.eu")
    assert cluster.refresh(REFRESH_S) is None
    assert cluster.refresh(2 * REFRESH_S, "shop.eu", "shop.us") == ["shop.eu", "shop.us"]


def test_a_pattern_without_a_match_is_reported_once() -> None:
    """There is nothing to subscribe to, but no error."""
    cluster = Cluster()
    assert cluster.refresh(0, "other") is None
    assert cluster.refresh(REFRESH_S, "other") is None
    assert cluster.facts == [
        Info("no topic matches the patterns yet; checking every 30 s"),
    ]
    assert cluster.refresh(2 * REFRESH_S, "shop.eu") == ["shop.eu"]


def test_a_topic_that_was_missing_in_the_first_lookup_is_new() -> None:
    """So is a topic that was deleted and recreated."""
    cluster = Cluster()
    cluster.refresh(0, "shop.eu", "shop.us")
    cluster.refresh(REFRESH_S, "shop.eu", "shop.new")
    cluster.refresh(2 * REFRESH_S, "shop.eu", "shop.new", "shop.us")
    later = [
        name for name in ("shop.eu", "shop.us", "shop.new") if cluster.topics.is_new_topic(name)
    ]
    assert later == ["shop.us", "shop.new"]


def test_without_a_pattern_one_lookup_finds_the_existing_topics() -> None:
    """A named topic that is created later also starts at its beginning."""
    cluster = Cluster("payments", "orders", pattern=False)
    assert cluster.refresh(0, "payments") == ["orders", "payments"]
    cluster.kafka.silent = True
    assert cluster.refresh(1e9, "payments", "orders") is None
    assert cluster.facts == []
    assert cluster.topics.is_new_topic("orders")
    assert not cluster.topics.is_new_topic("payments")
