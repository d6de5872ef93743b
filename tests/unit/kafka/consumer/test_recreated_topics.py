"""Topics that are deleted and recreated: no state of the old topic applies to the new one."""

from collections.abc import Sequence

import pytest
from confluent_kafka import KafkaError, KafkaException

from bridge.delivery.commit_metadata import CommitMetadata, decode, encode
from bridge.kafka.consumer import recreated_topics
from bridge.kafka.consumer.topic_ids import short_id
from bridge.observer import Assigned, HaltedScope, Info, Revoked
from tests.unit.kafka.consumer.fake_consumer import Bridge, Step, returns
from tests.unit.kafka.fake_kafka import HIGH, LOW
from tests.unit.kafka.messages import Polled as Message

OLD, NEW = "tJddCjSpTzmGf39UCDRbLw", "5KaE4SRkQCqK3I4FXVPRyQ"
OLD_SHORT_ID, NEW_SHORT_ID = short_id("c", OLD), short_id("c", NEW)
RECREATED = Info("the topic t was recreated: it is read from the beginning")
OUT_OF_RANGE = KafkaError(KafkaError._AUTO_OFFSET_RESET)


@pytest.fixture
def bridge(monkeypatch: pytest.MonkeyPatch) -> Bridge:
    """A bridge that checks ids in each iteration, and a Kafka that reports them."""
    monkeypatch.setattr(recreated_topics, "CHECK_INTERVAL_S", 0.0)
    bridge = Bridge(monkeypatch)
    bridge.admin.ids["t"] = OLD
    return bridge


def _recreate(bridge: Bridge, commits: bool = True) -> Step:
    """Recreate the topic; Kafka deletes the group's commits, unless one arrives late."""

    def step() -> None:
        bridge.admin.ids["t"] = NEW
        if not commits:
            bridge.consumer.commits.clear()

    return step


def _offsets(bridge: Bridge) -> list[int]:
    return [record.offset for record in bridge.records]


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
    assert _offsets(bridge) == [500, 502]
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
    assert _offsets(bridge) == [500, 502]
    assert bridge.facts_of(Info) == []


@pytest.mark.parametrize("commits", [True, False], ids=["committed since", "commits deleted"])
def test_a_recreated_topic_is_read_from_its_beginning(bridge: Bridge, commits: bool) -> None:
    """Its first records are read, wherever the old topic was committed. It is reported once."""
    bridge.run(
        bridge.assign(0),
        returns(Message(500)),
        _recreate(bridge, commits=commits),
        returns(),
        returns(Message(LOW), Message(LOW + 1)),
        returns(),
    )
    assert _offsets(bridge) == [500, LOW, LOW + 1]
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
    bridge.run(bridge.assign(0, 1), _recreate(bridge), returns(), returns())
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
    assert _offsets(bridge) == [LOW, LOW + 1]
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
        _recreate(bridge),
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
        _recreate(bridge),
        returns(),
    )
    assert bridge.acknowledged_events == 2


def test_former_progress_of_the_old_topic_is_ignored(bridge: Bridge) -> None:
    """Lost, recreated, and assigned again with an offset committed to the new topic."""

    def reassign() -> None:
        _recreate(bridge)()
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
    assert _offsets(bridge) == [500, LOW, 500]


def test_a_topic_recreated_while_its_partition_was_lost_starts_at_its_beginning(
    bridge: Bridge,
) -> None:
    """Without a commit `start` would apply, and skip records written meanwhile."""
    bridge.run(
        bridge.assign(0),
        returns(Message(500)),
        returns(),
        bridge.lose(0),
        _recreate(bridge, commits=False),
        bridge.assign(0),
        returns(),
    )
    assert bridge.consumer.assigned == {0: LOW}


def test_a_partition_assigned_during_a_request_waits_for_the_answer(bridge: Bridge) -> None:
    """Its start is not looked up under an id that may be outdated."""

    def go_silent() -> None:
        bridge.admin.silent = True

    assignments: list[dict[int, int]] = []
    bridge.consumer.commits.clear()
    bridge.run(
        go_silent,
        returns(),
        bridge.assign(0),
        returns(),
        lambda: assignments.append(dict(bridge.consumer.assigned)),
        bridge.admin.answer,
        returns(),
        returns(),
    )
    assert assignments[0][0] != HIGH
    assert bridge.consumer.assigned == {0: HIGH}


def test_an_out_of_range_position_of_a_recreated_topic_does_not_halt(
    bridge: Bridge,
) -> None:
    """It belongs to the old topic; the new one is shorter."""

    def out_of_range() -> Sequence[Message]:
        _recreate(bridge)()
        return [Message(501, error=OUT_OF_RANGE)]

    bridge.run(bridge.assign(0), returns(Message(500)), out_of_range, returns(), returns())
    assert bridge.facts_of(HaltedScope) == []
    assert bridge.consumer.assigned == {0: LOW}


@pytest.mark.parametrize("id_known", [True, False], ids=["the same topic", "no id"])
def test_an_out_of_range_position_of_the_same_topic_halts(bridge: Bridge, id_known: bool) -> None:
    """Also if the topic id is unknown; a recreated topic then ends the halt."""

    def go_silent() -> None:
        if not id_known:
            bridge.admin.ids.clear()

    bridge.run(
        bridge.assign(0),
        go_silent,
        returns(Message(500, error=OUT_OF_RANGE)),
        returns(),
        _recreate(bridge),
        returns(),
        returns(Message(LOW)),
    )
    assert [type(one) for one in bridge.facts if isinstance(one, HaltedScope | Revoked)] == [
        HaltedScope,
        Revoked,
    ]
    assert _offsets(bridge) == [LOW]


def test_an_out_of_range_error_is_not_lost_with_a_request_that_was_never_sent(
    bridge: Bridge,
) -> None:
    """The partition halts after the next answer."""

    def reject() -> None:
        bridge.admin.rejected = 2

    bridge.run(
        bridge.assign(0),
        reject,
        returns(Message(500, error=OUT_OF_RANGE)),
        *[returns()] * 4,
    )
    assert len(bridge.facts_of(HaltedScope)) == 1


def test_an_out_of_range_error_of_a_lost_partition_is_dropped(
    bridge: Bridge,
) -> None:
    """It came back before Kafka answered; if still out of range, it is reported again."""

    def go_silent() -> None:
        bridge.admin.silent = True

    bridge.run(
        bridge.assign(0),
        go_silent,
        returns(Message(500, error=OUT_OF_RANGE)),
        bridge.lose(0),
        bridge.assign(0),
        bridge.admin.answer,
        returns(),
        returns(),
    )
    assert bridge.facts_of(HaltedScope) == []


def test_an_answer_requested_before_an_assignment_does_not_apply_to_it(
    bridge: Bridge,
) -> None:
    """Another member has committed to the new topic; the old answer would restart it."""

    def go_silent() -> None:
        bridge.admin.silent = True

    def recreated_and_committed() -> None:
        _recreate(bridge)()
        bridge.consumer.commits[0] = (700, encode(700, 0, [], NEW_SHORT_ID))
        bridge.assign(0)()
        bridge.admin.answer()

    bridge.run(go_silent, returns(), recreated_and_committed, returns(), returns())
    assert bridge.consumer.assigned == {0: 700}
    assert bridge.facts_of(Info) == []


def test_a_missing_answer_delays_nothing_for_ever(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A partition without a commit waits for the answer, but not for ever."""
    monkeypatch.setattr(recreated_topics, "GIVE_UP_AFTER_S", 0.0)

    def go_silent() -> None:
        bridge.admin.silent = True

    bridge.consumer.commits.clear()
    bridge.run(returns(), go_silent, bridge.assign(0), returns(), returns(Message(HIGH)), returns())
    assert _offsets(bridge) == [HIGH]


def test_a_request_that_cannot_be_sent_is_retried(bridge: Bridge) -> None:
    """The client's queue may be full."""

    def reject(**_: object) -> None:
        raise KafkaException(KafkaError(KafkaError._QUEUE_FULL))

    bridge.admin.describe_cluster = reject  # type: ignore[method-assign,assignment]
    bridge.run(bridge.assign(0), returns(Message(500)), returns())
    assert _offsets(bridge) == [500]


def test_a_topic_with_fewer_partitions_does_not_block_the_others(bridge: Bridge) -> None:
    """The group revokes the missing partitions sooner or later."""

    def recreate_smaller() -> None:
        _recreate(bridge, commits=False)()
        bridge.consumer.partitions = 1

    bridge.run(bridge.assign(0, 1), recreate_smaller, returns(), returns(Message(LOW)), returns())
    assert bridge.consumer.assigned[0] == LOW
    assert _offsets(bridge) == [LOW]
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
    bridge.run(bridge.assign(0), _recreate(bridge), returns())
    assert bridge.consumer.assigned == {0: LOW}


def test_a_commit_without_an_id_gets_the_one_reported_before(bridge: Bridge) -> None:
    """An earlier release wrote it, and the topic is recreated right after it was read."""
    bridge.run(_in_one_call(bridge.assign(0), _recreate(bridge)), returns(), returns())
    assert bridge.consumer.assigned == {0: LOW}


def test_a_partition_continued_before_its_first_commit_keeps_its_id(bridge: Bridge) -> None:
    """The topic is recreated while the partition comes back."""
    bridge.consumer.answers_commits = False
    bridge.consumer.commits.clear()
    reassign = _in_one_call(bridge.lose(0), bridge.assign(0), _recreate(bridge))
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
        _recreate(bridge),
        returns(),
        returns(),
    )
    assert bridge.consumer.assigned == {0: LOW}


def test_ids_are_requested_after_an_assignment_and_every_few_seconds(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records read before the answer are sent twice if the topic was recreated."""
    monkeypatch.setattr(recreated_topics, "CHECK_INTERVAL_S", 1e6)
    bridge.admin.ids["t"] = NEW
    bridge.consumer.commits[0] = (50, encode(50, 4, [], OLD_SHORT_ID))
    bridge.run(returns(), returns(), bridge.assign(0), returns(), returns(), returns())
    assert bridge.consumer.assigned == {0: LOW}
    assert bridge.admin.request_count == 2
