"""Partitions that come, go, leave the log or are halted, as the poll thread meets them."""

from typing import Literal

import pytest
from confluent_kafka import OFFSET_END, KafkaError, TopicPartition

from bridge.observer import Assigned, HaltedScope, Revoked, Waiting
from tests.unit.kafka.consumer.fake_consumer import Bridge, brings
from tests.unit.kafka.lookups import HIGH, LOW
from tests.unit.kafka.messages import Polled as Message


@pytest.fixture
def bridge(monkeypatch: pytest.MonkeyPatch) -> Bridge:
    """A bridge that settles at once."""
    return Bridge(monkeypatch)


def test_a_revoke_drains_commits_and_forgets_in_this_order(bridge: Bridge) -> None:
    """What comes of the partition afterwards is somebody else's."""
    log = bridge.run(
        bridge.assign(0, 1),
        brings(Message(500), Message(600, partition=1)),
        bridge.revoke(0),
        brings(Message(501), Message(601, partition=1)),
    )
    assert not bridge.records[0].assignment.open
    assert [(one.partition, one.offset) for one in bridge.records] == [(0, 500), (1, 600), (1, 601)]
    assert "commit 0 at 501" in log
    assert log[-2:] == ["commit 1 at 602", "left"]
    assert bridge.told(Revoked) == [Revoked([("t", 0)], lost=False)]
    assert bridge.safe == 3


def test_a_revoke_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """After `rebalance_drain_s` the partition goes, with what is settled until then."""
    bridge = Bridge(monkeypatch, settles=False)

    def settle_the_first() -> None:
        bridge.poller.settled.add(bridge.records[0], 1)
        bridge.drains = False
        bridge.revoke(0)()

    log = bridge.run(bridge.assign(0), brings(Message(500), Message(501)), settle_the_first)
    assert "commit 0 at 501" in log
    assert bridge.consumer.assigned == {}


def test_nothing_is_committed_of_partitions_that_were_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Somebody else has them already; what was settled meanwhile still leaves the budget."""
    bridge = Bridge(monkeypatch, settles=False)
    before: list[str] = []

    def lose() -> None:
        before.extend(bridge.consumer.log)
        bridge.poller.settled.add(bridge.records[0], 1)
        bridge.lose(0)()

    # The first commit is not answered, so the second record could still be in one.
    bridge.consumer.answers = False
    log = bridge.run(bridge.assign(0), brings(Message(500)), brings(Message(501)), lose)
    assert log == [*before, "left"]
    assert not bridge.records[0].assignment.open
    assert bridge.told(Revoked) == [Revoked([("t", 0)], lost=True)]
    assert bridge.safe == 1


def test_a_late_settle_after_a_revoke_counts_its_events_and_commits_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The partition is back, and the record of its earlier stay is not that of the new one."""
    bridge = Bridge(monkeypatch, settles=False)

    def settle_late() -> None:
        bridge.poller.settled.add(bridge.records[0], 1)

    log = bridge.run(
        bridge.assign(0),
        brings(Message(500)),
        bridge.revoke(0),
        bridge.assign(0),
        brings(Message(500)),
        settle_late,
    )
    assert bridge.safe == 1
    assert "commit 0 at 501" not in log


def test_an_assignment_of_nothing_asks_the_broker_nothing(bridge: Bridge) -> None:
    """A cooperative rebalance that brings nothing new is no reason for a look-up."""

    def fall_silent() -> None:
        bridge.consumer.silent = True

    bridge.run(fall_silent, bridge.assign())
    assert bridge.told(Waiting) == []


def test_partitions_whose_place_is_not_known_bring_nothing_until_it_is(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are assigned at once and paused, so that the group is not held up."""
    monkeypatch.setattr("bridge.kafka.consumer.partition_assigner.LOOK_UP_AGAIN_S", 0.0)
    seen: list[tuple[dict[int, int], set[int]]] = []

    def look() -> None:
        seen.append((dict(bridge.consumer.assigned), set(bridge.consumer.still)))

    def answer() -> None:
        bridge.consumer.silent = False

    bridge.consumer.silent = True
    bridge.run(
        bridge.assign(0),
        brings(Message(900)),
        look,
        answer,
        look,
        brings(Message(500)),
        brings(Message(500)),
    )
    assert seen[0] == ({0: OFFSET_END}, {0})
    assert seen[1] == ({0: 500}, set())
    assert [record.offset for record in bridge.records] == [500]
    assert bridge.told(Assigned) == [Assigned([("t", 0)])]


def test_a_partition_whose_place_was_found_is_not_resumed_after_it_is_assigned(
    bridge: Bridge,
) -> None:
    """Resumed then, librdkafka 2.16 fetches nothing of it for a second: most of a start."""
    bridge.run(bridge.assign(2), brings(), brings(Message(HIGH, partition=2)))
    assert [one.offset for one in bridge.records] == [HIGH]
    last = max(n for n, move in enumerate(bridge.consumer.moves) if move == ("assign", 2))
    assert ("resume", 2) in bridge.consumer.moves[:last]
    assert ("resume", 2) not in bridge.consumer.moves[last:]


@pytest.mark.parametrize(("out_of_range", "offset"), [("earliest", LOW), ("latest", HIGH)])
def test_a_partition_that_left_the_log_is_brought_back_where_the_settings_say(
    monkeypatch: pytest.MonkeyPatch, out_of_range: Literal["earliest", "latest"], offset: int
) -> None:
    """Unassigned and assigned again: for `seek` it is dead."""
    bridge = Bridge(monkeypatch, out_of_range=out_of_range)
    gone = Message(500, error=KafkaError(KafkaError._AUTO_OFFSET_RESET))
    log = bridge.run(bridge.assign(0), brings(gone), brings(Message(offset)))
    assert bridge.consumer.assigned == {0: offset}
    assert [record.offset for record in bridge.records] == [offset]
    assert f"commit 0 at {offset + 1}" in log


def test_a_partition_that_left_the_log_halts_alone_until_a_person_acts(bridge: Bridge) -> None:
    """The others flow on, whatever comes and goes."""
    gone = Message(500, error=KafkaError(KafkaError._AUTO_OFFSET_RESET))
    still: list[set[int]] = []
    bridge.run(
        bridge.assign(0, 1),
        brings(gone),
        bridge.assign(2),
        lambda: still.append(set(bridge.consumer.still)),
        brings(Message(600, partition=1)),
    )
    [halted] = bridge.told(HaltedScope)
    assert isinstance(halted, HaltedScope)
    assert halted.scope == "t/0"
    assert halted.fix
    assert still == [{0}]
    assert [record.partition for record in bridge.records] == [1]


def test_halted_topics_stand_still_and_what_is_under_way_is_committed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also where they are assigned later, and to their end."""
    bridge = Bridge(monkeypatch, settles=False)
    still: list[set[int]] = []

    def halt() -> None:
        bridge.poller.halted.append(lambda topic: topic == "t")

    def settle_the_first() -> None:
        still.append(set(bridge.consumer.still))
        assert bridge.poller._assigned_partitions.outstanding == 0
        bridge.poller.settled.add(bridge.records[0], 1)

    log = bridge.run(
        bridge.assign(0),
        brings(Message(500), Message(501)),
        halt,
        settle_the_first,
        bridge.assign(1),
        lambda: still.append(set(bridge.consumer.still)),
    )
    assert still == [{0}, {0, 1}]
    assert "commit 0 at 501" in log
    assert not [entry for entry in log if entry.startswith("commit 0 at 502")]
    assert bridge.told(HaltedScope) == []


def test_a_topic_that_a_pattern_takes_is_subscribed_to_when_it_appears(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With its callbacks, and only then; what it holds already is read from its beginning."""
    monkeypatch.setattr("bridge.kafka.consumer.subscription.LOOK_AGAIN_S", 0.0)
    bridge = Bridge(monkeypatch, wanted=lambda name: name.startswith("t"))
    bridge.consumer.commits = {}

    def appear() -> None:
        bridge.consumer.topics = ("t", "t2", "other")

    def assign() -> None:
        given = [TopicPartition("t2", 0), TopicPartition("t", 1)]
        bridge.consumer.callbacks["on_assign"](bridge.consumer, given)

    bridge.run(bridge.assign(), appear, assign)
    assert bridge.consumer.subscriptions == [["t"], ["t", "t2"]]
    assert bridge.consumer.assigned == {0: LOW, 1: HIGH}
