"""Topics that are deleted and recreated: no state of the old topic applies to the new one."""

import pytest

from bridge.delivery.commit_metadata import CommitMetadata, decode, encode
from bridge.kafka.consumer import recreated_topics
from bridge.observer import Assigned, Info, Revoked
from tests.unit.kafka.consumer.fake_consumer import Bridge, Step, returns
from tests.unit.kafka.consumer.recreated_topic import (
    NEW,
    NEW_SHORT_ID,
    OLD,
    OLD_SHORT_ID,
    bridge_with_topic_ids,
    offsets,
    recreate,
)
from tests.unit.kafka.fake_kafka import HIGH, LOW
from tests.unit.kafka.messages import Polled as Message

RECREATED = Info("the topic t was recreated: it is read from the beginning")


@pytest.fixture
def bridge(monkeypatch: pytest.MonkeyPatch) -> Bridge:
    """A bridge that checks ids in each iteration, and a Kafka that reports them."""
    return bridge_with_topic_ids(monkeypatch)


def _committed_topic_ids(bridge: Bridge) -> list[int | None]:
    """The topic ids in the commits of partition 0."""
    at = [line.split()[-1] for line in bridge.consumer.log if line.startswith("commit 0")]
    commits = zip(bridge.consumer.metadata, at, strict=True)
    listed = [decode(metadata, int(base)) for metadata, base in commits]
    return [one.topic_id if one else None for one in listed]


def test_a_commit_contains_the_topic_id(bridge: Bridge) -> None:
    """Even if the commit at which the partition started did not."""
    bridge.run(bridge.assign(0), returns(Message(500)), returns())
    assert _committed_topic_ids(bridge) == [OLD_SHORT_ID]


@pytest.mark.parametrize(
    "topic_id", [None, "AAAAAAAAAAAAAAAAAAAAAA"], ids=["no id", "an all-zero id"]
)
def test_without_ids_from_kafka_commits_are_used(bridge: Bridge, topic_id: str | None) -> None:
    """The permission is missing or the broker has no ids; the id of the commit is kept."""
    bridge.admin.ids = {"t": topic_id} if topic_id else {}
    bridge.consumer.commits[0] = (500, encode(500, 4, [(501, 502)], OLD_SHORT_ID))
    bridge.run(bridge.assign(0), returns(Message(500), Message(501), Message(502)), returns())
    assert offsets(bridge) == [500, 502]
    assert _committed_topic_ids(bridge)[-1] == OLD_SHORT_ID
    assert bridge.facts_of(Info) == []


@pytest.mark.parametrize("cluster", [None, "spare"], ids=["unknown", "another cluster"])
def test_a_commit_mirrored_from_another_cluster_is_used(
    bridge: Bridge, cluster: str | None
) -> None:
    """The topics have other ids there, but the same records."""
    bridge.admin.cluster, bridge.admin.ids["t"] = cluster, NEW
    bridge.consumer.commits[0] = (500, encode(500, 4, [(501, 502)], OLD_SHORT_ID))
    bridge.run(bridge.assign(0), returns(Message(500), Message(501), Message(502)), returns())
    assert offsets(bridge) == [500, 502]
    assert bridge.facts_of(Info) == []


@pytest.mark.parametrize("commits", [True, False], ids=["committed since", "commits deleted"])
def test_a_recreated_topic_is_read_from_its_beginning(bridge: Bridge, commits: bool) -> None:
    """Its first records are read, wherever the old topic was committed. It is reported once."""
    bridge.run(
        bridge.assign(0),
        returns(Message(500)),
        recreate(bridge, commits=commits),
        returns(),
        returns(Message(LOW), Message(LOW + 1)),
        returns(),
    )
    assert offsets(bridge) == [500, LOW, LOW + 1]
    assert bridge.consumer.log[-2:] == [f"commit 0 at {LOW + 2}", "left"]
    assert _committed_topic_ids(bridge)[-1] == NEW_SHORT_ID
    assert bridge.facts_of(Info) == [RECREATED]
    assert [type(fact) for fact in bridge.facts if isinstance(fact, Assigned | Revoked)] == [
        Assigned,
        Revoked,
        Assigned,
    ]


def test_all_partitions_of_a_recreated_topic_restart(bridge: Bridge) -> None:
    """Both partitions start at the beginning, and no pause is lost."""
    bridge.run(bridge.assign(0, 1), recreate(bridge), returns(), returns())
    assert bridge.consumer.assigned == {0: LOW, 1: LOW}
    assert bridge.consumer.paused == {0, 1}  # like all partitions after the stop


def test_a_commit_of_a_deleted_topic_lists_nothing(bridge: Bridge) -> None:
    """A bridge was killed before it detected the new topic; this one never read the old one."""
    bridge.admin.ids["t"] = NEW
    bridge.consumer.commits[0] = (50, encode(50, 4, [(LOW + 1, 502)], OLD_SHORT_ID))
    bridge.run(
        bridge.assign(0),
        returns(),
        returns(),
        returns(Message(LOW), Message(LOW + 1)),
        returns(),
    )
    assert offsets(bridge) == [LOW, LOW + 1]
    assert bridge.facts_of(Info) == [RECREATED]


def test_an_offset_without_a_topic_id_applies_to_the_current_topic(bridge: Bridge) -> None:
    """A person set it, or an earlier release of the bridge."""
    bridge.admin.ids["t"] = NEW
    bridge.consumer.commits[0] = (300, "")
    bridge.run(bridge.assign(0), returns(), returns())
    assert bridge.consumer.assigned == {0: 300}
    assert bridge.facts_of(Info) == []


def test_requests_of_the_old_topic_settle_nothing_of_the_new_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody can read those records again, and their offsets denote other records now."""
    monkeypatch.setattr(recreated_topics, "CHECK_INTERVAL_S", 0.0)
    bridge = Bridge(monkeypatch, settles=False)
    bridge.admin.ids["t"] = OLD

    def settle_late() -> None:
        bridge.poller.settled.add(bridge.records[0], 1)

    bridge.run(
        bridge.assign(0),
        returns(Message(LOW + 400)),
        recreate(bridge),
        returns(),
        returns(*[Message(offset) for offset in range(LOW, LOW + 401)]),
        bridge.assign(1),
        settle_late,
        returns(),
    )
    old, *new = bridge.records
    assert old.assignment.open
    assert [record.offset for record in new] == list(range(LOW, LOW + 401))
    assert bridge.consumer.log[-2:] == [f"commit 0 at {LOW}", "left"]
    assert decode(bridge.consumer.metadata[-1], LOW) == CommitMetadata(LOW, 0, (), NEW_SHORT_ID)
    assert bridge.acknowledged_events == 1


def test_events_of_the_old_topic_leave_the_duplicate_budget(
    bridge: Bridge,
) -> None:
    """No commit will ever acknowledge them."""
    bridge.consumer.answers_commits = False
    bridge.run(
        bridge.assign(0),
        returns(Message(500), Message(501)),
        returns(),
        recreate(bridge),
        returns(),
    )
    assert bridge.acknowledged_events == 2


def test_former_progress_of_the_old_topic_is_ignored(bridge: Bridge) -> None:
    """Lost, recreated, and assigned again with an offset committed to the new topic."""

    def reassign() -> None:
        recreate(bridge)()
        bridge.consumer.commits[0] = (LOW, encode(LOW, 0, [], NEW_SHORT_ID))

    bridge.run(
        bridge.assign(0),
        returns(Message(500)),
        returns(),
        bridge.lose(0),
        reassign,
        bridge.assign(0),
        returns(Message(LOW), Message(500)),
        returns(),
    )
    assert offsets(bridge) == [500, LOW, 500]


def test_a_topic_recreated_while_its_partition_was_lost_starts_at_its_beginning(
    bridge: Bridge,
) -> None:
    """Without a commit `start` would apply, and skip records written meanwhile."""
    bridge.run(
        bridge.assign(0),
        returns(Message(500)),
        returns(),
        bridge.lose(0),
        recreate(bridge, commits=False),
        bridge.assign(0),
        returns(),
    )
    assert bridge.consumer.assigned == {0: LOW}


def test_a_topic_with_fewer_partitions_does_not_block_the_others(bridge: Bridge) -> None:
    """The group revokes the missing partitions sooner or later."""

    def recreate_smaller() -> None:
        recreate(bridge, commits=False)()
        bridge.consumer.partitions = 1

    bridge.run(bridge.assign(0, 1), recreate_smaller, returns(), returns(Message(LOW)), returns())
    assert bridge.consumer.assigned[0] == LOW
    assert offsets(bridge) == [LOW]
    assert bridge.facts_of(Assigned)[-1] == Assigned([("t", 0)])


def _in_one_call(*steps: Step) -> Step:
    """Run all of them while the thread waits in one call."""

    def step() -> None:
        for one in steps:
            one()

    return step


def test_a_partition_gets_the_id_reported_before_its_offset(bridge: Bridge) -> None:
    """If the topic is recreated between the two, the next answer reveals it."""
    bridge.consumer.commits.clear()
    bridge.run(bridge.assign(0), recreate(bridge), returns())
    assert bridge.consumer.assigned == {0: LOW}


def test_a_commit_without_an_id_gets_the_one_reported_before(bridge: Bridge) -> None:
    """An earlier release wrote it, and the topic is recreated right after it was read."""
    bridge.run(_in_one_call(bridge.assign(0), recreate(bridge)), returns(), returns())
    assert bridge.consumer.assigned == {0: LOW}


def test_a_partition_continued_before_its_first_commit_keeps_its_id(bridge: Bridge) -> None:
    """The topic is recreated while the partition comes back."""
    bridge.consumer.answers_commits = False
    bridge.consumer.commits.clear()
    reassign = _in_one_call(bridge.lose(0), bridge.assign(0), recreate(bridge))
    bridge.run(bridge.assign(0), returns(Message(HIGH)), reassign, returns(), returns())
    assert bridge.consumer.assigned == {0: LOW}


def test_an_id_reported_late_is_used_from_then_on(bridge: Bridge) -> None:
    """Kafka did not answer when the partition was assigned."""
    late_ids = bridge.admin.ids.copy()
    bridge.admin.ids.clear()
    bridge.run(
        bridge.assign(0),
        lambda: bridge.admin.ids.update(late_ids),
        returns(),
        recreate(bridge),
        returns(),
        returns(),
    )
    assert bridge.consumer.assigned == {0: LOW}
