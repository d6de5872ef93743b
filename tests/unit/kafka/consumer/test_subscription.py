"""Which topics are subscribed to, as the cluster's list of topics changes."""

from typing import Any, cast

import pytest
from confluent_kafka import Consumer

from bridge.kafka.consumer.subscription import FIRST_LOOK_AGAIN_S, LOOK_AGAIN_S, Subscription
from bridge.observer import Fact, Info, Waiting
from tests.unit.kafka.lookups import Kafka


class Cluster:
    """A cluster whose list of topics the test writes, and what is told of the looks at it."""

    def __init__(self, *listed: str, pattern: bool = True, **kafka: Any) -> None:
        self.kafka = Kafka()
        self.facts: list[Fact] = []
        wanted = (lambda name: name.startswith("shop.")) if pattern else None
        self.topics = Subscription(listed, wanted, kafka, self)

    def notify(self, fact: Fact) -> None:
        """Note a fact."""
        self.facts.append(fact)

    def look(self, now_s: float, *names: str) -> list[str] | None:
        """What changes at a time when these topics are there."""
        self.kafka.topics = names
        return self.topics.changed(cast("Consumer", self.kafka), now_s)


def test_the_listed_topics_and_those_of_the_pattern_are_subscribed_to_together() -> None:
    """A listed one need not be there yet; what nobody wants is not among them."""
    cluster = Cluster("payments")
    assert cluster.look(0, "shop.eu", "other", "__shop.") == ["payments", "shop.eu"]


def test_nothing_is_subscribed_to_again_while_the_set_is_the_same() -> None:
    """Another subscription is a rebalance for the whole group."""
    cluster = Cluster()
    assert cluster.look(0, "shop.eu") == ["shop.eu"]
    assert cluster.look(LOOK_AGAIN_S, "shop.eu", "other") is None
    assert cluster.look(2 * LOOK_AGAIN_S, "shop.eu", "shop.us") == ["shop.eu", "shop.us"]
    assert cluster.look(3 * LOOK_AGAIN_S, "shop.us") == ["shop.us"]


def test_the_cluster_is_not_asked_more_often_than_it_has_to_be() -> None:
    """The thread that polls has to wait for the answer."""
    cluster = Cluster()
    cluster.look(0, "shop.eu")
    cluster.kafka.silent = True
    assert cluster.look(LOOK_AGAIN_S - 0.1, "shop.us") is None
    assert cluster.facts == []


@pytest.mark.parametrize(
    ("setting", "again_s"),
    [("500", 0.5), (2000, 2), (-1, LOOK_AGAIN_S), (0, LOOK_AGAIN_S), ("x", LOOK_AGAIN_S)],
)
def test_the_users_own_refresh_interval_says_how_often(setting: object, again_s: float) -> None:
    """It is what says it for librdkafka's own patterns; without one a look comes all the same."""
    kafka: Any = {"topic.metadata.refresh.interval.ms": setting}
    cluster = Cluster(**kafka)
    cluster.look(0, "shop.eu")
    assert cluster.look(again_s - 0.01, "shop.eu", "shop.us") is None
    assert cluster.look(again_s, "shop.eu", "shop.us") == ["shop.eu", "shop.us"]


def test_a_first_look_that_fails_is_soon_made_again_and_holds_up_no_listed_topic() -> None:
    """What is there when it is answered at last is not new."""
    cluster = Cluster("payments")
    cluster.kafka.silent = True
    assert cluster.look(0) == ["payments"]
    assert [type(fact) for fact in cluster.facts] == [Waiting]
    assert not cluster.topics.came_later("shop.eu")

    cluster.kafka.silent = False
    assert cluster.look(FIRST_LOOK_AGAIN_S, "shop.eu") == ["payments", "shop.eu"]
    assert not cluster.topics.came_later("shop.eu")


def test_a_later_look_that_fails_leaves_things_as_they_are() -> None:
    """With a listed topic and without; and so does one that shows no topic at all."""
    for listed in ([], ["payments"]):
        cluster = Cluster(*listed)
        cluster.look(0, "shop.eu")
        cluster.kafka.silent = True
        assert cluster.look(LOOK_AGAIN_S) is None
    cluster = Cluster()
    cluster.look(0, "shop.eu")
    assert cluster.look(LOOK_AGAIN_S) is None
    assert cluster.look(2 * LOOK_AGAIN_S, "shop.eu", "shop.us") == ["shop.eu", "shop.us"]


def test_a_group_whose_pattern_takes_nothing_waits_and_says_so_once() -> None:
    """There is nothing to subscribe to, and nothing is wrong."""
    cluster = Cluster()
    assert cluster.look(0, "other") is None
    assert cluster.look(LOOK_AGAIN_S, "other") is None
    assert cluster.facts == [
        Info("no topic matches the patterns yet; looking again every 30 s"),
    ]
    assert cluster.look(2 * LOOK_AGAIN_S, "shop.eu") == ["shop.eu"]


def test_a_topic_came_later_that_was_not_there_at_the_first_look() -> None:
    """One that was deleted and made again came later, too."""
    cluster = Cluster()
    cluster.look(0, "shop.eu", "shop.us")
    cluster.look(LOOK_AGAIN_S, "shop.eu", "shop.new")
    cluster.look(2 * LOOK_AGAIN_S, "shop.eu", "shop.new", "shop.us")
    later = [name for name in ("shop.eu", "shop.us", "shop.new") if cluster.topics.came_later(name)]
    assert later == ["shop.us", "shop.new"]


def test_without_a_pattern_one_look_tells_which_listed_topics_come_later() -> None:
    """A topic that is named before it is made begins at its beginning as well."""
    cluster = Cluster("payments", "orders", pattern=False)
    assert cluster.look(0, "payments") == ["orders", "payments"]
    cluster.kafka.silent = True
    assert cluster.look(1e9, "payments", "orders") is None
    assert cluster.facts == []
    assert cluster.topics.came_later("orders")
    assert not cluster.topics.came_later("payments")
