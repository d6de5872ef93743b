"""A fake Kafka whose topic `t` can be recreated."""

import pytest

from bridge.kafka.consumer import recreated_topics
from bridge.kafka.consumer.topic_ids import short_id
from tests.unit.kafka.consumer.fake_consumer import Bridge, Step

OLD, NEW = "tJddCjSpTzmGf39UCDRbLw", "5KaE4SRkQCqK3I4FXVPRyQ"
OLD_SHORT_ID, NEW_SHORT_ID = short_id("c", OLD), short_id("c", NEW)


def bridge_with_topic_ids(monkeypatch: pytest.MonkeyPatch) -> Bridge:
    """A bridge that checks ids in each iteration, and a Kafka that reports them."""
    monkeypatch.setattr(recreated_topics, "CHECK_INTERVAL_S", 0.0)
    bridge = Bridge(monkeypatch)
    bridge.admin.ids["t"] = OLD
    return bridge


def recreate(bridge: Bridge, commits: bool = True) -> Step:
    """Recreate the topic; Kafka deletes the group's commits, unless one arrives late."""

    def step() -> None:
        bridge.admin.ids["t"] = NEW
        if not commits:
            bridge.consumer.commits.clear()

    return step


def offsets(bridge: Bridge) -> list[int]:
    """The offsets of the records that arrived."""
    return [record.offset for record in bridge.records]
