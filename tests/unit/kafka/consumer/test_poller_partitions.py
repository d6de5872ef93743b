"""Partitions that are assigned, revoked, lost, out of range or halted, in the poll thread."""

from typing import Literal

import pytest
from confluent_kafka import OFFSET_END, KafkaError, TopicPartition

from bridge.observer import Assigned, HaltedScope, Revoked, Waiting
from tests.unit.kafka.consumer.fake_consumer import Bridge, returns
from tests.unit.kafka.fake_kafka import HIGH, LOW
from tests.unit.kafka.messages import Polled as Message


@pytest.fixture
def bridge(monkeypatch: pytest.MonkeyPatch) -> Bridge:
    """A bridge that settles records immediately."""
    return Bridge(monkeypatch)


def test_a_revoke_drains_commits_and_removes_in_this_order(bridge: Bridge) -> None:
    """Later messages of the partition belong to another member."""
    log = bridge.run(
        bridge.assign(0, 1),
        returns(Message(500), Message(600, partition=1)),
        bridge.revoke(0),
        returns(Message(501), Message(601, partition=1)),
    )
    assert not bridge.records[0].assignment.open
    assert [(one.partition, one.offset) for one in bridge.records] == [(0, 500), (1, 600), (1, 601)]
    assert "commit 0 at 501" in log
    assert log[-2:] == ["commit 1 at 602", "left"]
    assert bridge.facts_of(Revoked) == [Revoked([("t", 0)], lost=False)]
    assert bridge.acknowledged_events == 3


def test_a_revoke_waits_until_the_rebalance_drain_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """After `rebalance_drain_s` the partition is released, with what is settled by then."""
    bridge = Bridge(monkeypatch, settles=False)

    def settle_the_first() -> None:
        bridge.poller.settled.add(bridge.records[0], 1)
        bridge.drains = False
        bridge.revoke(0)()

    log = bridge.run(bridge.assign(0), returns(Message(500), Message(501)), settle_the_first)
    assert "commit 0 at 501" in log
    assert bridge.consumer.assigned == {}


def test_nothing_is_committed_for_lost_partitions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another member owns them already; events settled meanwhile still leave the budget."""
    bridge = Bridge(monkeypatch, settles=False)
    before: list[str] = []

    def lose() -> None:
        before.extend(bridge.consumer.log)
        bridge.poller.settled.add(bridge.records[0], 1)
        bridge.lose(0)()

    # The first commit is not answered, so the second record could still be in one.
    bridge.consumer.answers_commits = False
    log = bridge.run(bridge.assign(0), returns(Message(500)), returns(Message(501)), lose)
    assert log == [*before, "left"]
    assert not bridge.records[0].assignment.open
    assert bridge.facts_of(Revoked) == [Revoked([("t", 0)], lost=True)]
    assert bridge.acknowledged_events == 1


def test_a_late_settle_after_a_revoke_counts_its_events_and_commits_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The partition is back, but the record belongs to its former assignment."""
    bridge = Bridge(monkeypatch, settles=False)

    def settle_late() -> None:
        bridge.poller.settled.add(bridge.records[0], 1)

    log = bridge.run(
        bridge.assign(0),
        returns(Message(500)),
        bridge.revoke(0),
        bridge.assign(0),
        returns(Message(500)),
        settle_late,
    )
    assert bridge.acknowledged_events == 1
    assert "commit 0 at 501" not in log


def test_an_empty_assignment_sends_no_lookup(bridge: Bridge) -> None:
    """A cooperative rebalance without new partitions needs no lookup."""

    def fall_silent() -> None:
        bridge.consumer.silent = True

    bridge.run(fall_silent, bridge.assign())
    assert bridge.facts_of(Waiting) == []


def test_partitions_without_a_start_position_are_paused(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are assigned immediately, so that they do not delay the group."""
    monkeypatch.setattr("bridge.kafka.consumer.partition_assigner.LOOKUP_RETRY_S", 0.0)
    states: list[tuple[dict[int, int], set[int]]] = []

    def note_state() -> None:
        states.append((dict(bridge.consumer.assigned), set(bridge.consumer.paused)))

    def answer() -> None:
        bridge.consumer.silent = False

    bridge.consumer.silent = True
    bridge.run(
        bridge.assign(0),
        returns(Message(900)),
        note_state,
        answer,
        note_state,
        returns(Message(500)),
        returns(Message(500)),
    )
    assert states[0] == ({0: OFFSET_END}, {0})
    assert states[1] == ({0: 500}, set())
    assert [record.offset for record in bridge.records] == [500]
    assert bridge.facts_of(Assigned) == [Assigned([("t", 0)])]


def test_a_partition_is_not_resumed_after_it_is_reassigned(
    bridge: Bridge,
) -> None:
    """Resumed then, librdkafka 2.16 fetches nothing of it for a second: most of a start."""
    bridge.run(bridge.assign(2), returns(), returns(Message(HIGH, partition=2)))
    assert [one.offset for one in bridge.records] == [HIGH]
    last = max(n for n, move in enumerate(bridge.consumer.operations) if move == ("assign", 2))
    assert ("resume", 2) in bridge.consumer.operations[:last]
    assert ("resume", 2) not in bridge.consumer.operations[last:]


@pytest.mark.parametrize(("out_of_range", "offset"), [("earliest", LOW), ("latest", HIGH)])
def test_a_partition_out_of_range_is_reset_as_configured(
    monkeypatch: pytest.MonkeyPatch, out_of_range: Literal["earliest", "latest"], offset: int
) -> None:
    """It is unassigned and assigned again, because `seek` does not work for it."""
    bridge = Bridge(monkeypatch, out_of_range=out_of_range)
    out_of_range_error = Message(500, error=KafkaError(KafkaError._AUTO_OFFSET_RESET))
    log = bridge.run(bridge.assign(0), returns(out_of_range_error), returns(Message(offset)))
    assert bridge.consumer.assigned == {0: offset}
    assert [record.offset for record in bridge.records] == [offset]
    assert f"commit 0 at {offset + 1}" in log


def test_only_the_partition_out_of_range_is_halted(bridge: Bridge) -> None:
    """The others continue, whatever is assigned later."""
    out_of_range_error = Message(500, error=KafkaError(KafkaError._AUTO_OFFSET_RESET))
    paused: list[set[int]] = []
    bridge.run(
        bridge.assign(0, 1),
        returns(out_of_range_error),
        bridge.assign(2),
        lambda: paused.append(set(bridge.consumer.paused)),
        returns(Message(600, partition=1)),
    )
    [halted] = bridge.facts_of(HaltedScope)
    assert isinstance(halted, HaltedScope)
    assert halted.scope == "t/0"
    assert halted.fix
    assert paused == [{0}]
    assert [record.partition for record in bridge.records] == [1]


def test_halted_topics_are_paused_and_requests_in_flight_are_committed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also for partitions that are assigned later."""
    bridge = Bridge(monkeypatch, settles=False)
    paused: list[set[int]] = []

    def halt() -> None:
        bridge.poller.halt_requests.append(lambda topic: topic == "t")

    def settle_the_first() -> None:
        paused.append(set(bridge.consumer.paused))
        assert bridge.poller._assigned_partitions.outstanding == 0
        bridge.poller.settled.add(bridge.records[0], 1)

    log = bridge.run(
        bridge.assign(0),
        returns(Message(500), Message(501)),
        halt,
        settle_the_first,
        bridge.assign(1),
        lambda: paused.append(set(bridge.consumer.paused)),
    )
    assert paused == [{0}, {0, 1}]
    assert "commit 0 at 501" in log
    assert not [entry for entry in log if entry.startswith("commit 0 at 502")]
    assert bridge.facts_of(HaltedScope) == []


def test_a_new_topic_that_matches_a_pattern_is_subscribed_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With its callbacks, and no sooner; its existing records are read from the beginning."""
    monkeypatch.setattr("bridge.kafka.consumer.subscription.REFRESH_S", 0.0)
    bridge = Bridge(monkeypatch, matches_pattern=lambda name: name.startswith("t"))
    bridge.consumer.commits = {}

    def appear() -> None:
        bridge.consumer.topics = ("t", "t2", "other")

    def assign() -> None:
        given = [TopicPartition("t2", 0), TopicPartition("t", 1)]
        bridge.consumer.callbacks["on_assign"](bridge.consumer, given)

    bridge.run(bridge.assign(), appear, assign)
    assert bridge.consumer.subscriptions == [["t"], ["t", "t2"]]
    assert bridge.consumer.assigned == {0: LOW, 1: HIGH}
