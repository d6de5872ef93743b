"""The end of a partition is committed, and never before the records that precede it."""

import pytest
from confluent_kafka import KafkaError

from bridge.observer import Waiting
from tests.unit.kafka.consumer.fake_consumer import Bridge, returns
from tests.unit.kafka.messages import Polled as Message

END = KafkaError(KafkaError._PARTITION_EOF)


@pytest.fixture
def bridge(monkeypatch: pytest.MonkeyPatch) -> Bridge:
    """A bridge that settles records immediately."""
    return Bridge(monkeypatch)


def end(offset: int, partition: int = 0) -> Message:
    """What librdkafka returns at the end of a partition; `offset` is that of the next record."""
    return Message(offset, partition, END)


def test_the_end_behind_a_transaction_marker_is_committed(bridge: Bridge) -> None:
    """The marker at 501 is never returned; the record arrives although its end comes with it."""
    log = bridge.run(bridge.assign(0), returns(Message(500), end(502)))
    assert [record.offset for record in bridge.records] == [500]
    assert log == ["commit 0 at 502", "left"]
    assert bridge.facts_of(Waiting) == []


def test_an_end_without_any_record_before_it_is_committed(bridge: Bridge) -> None:
    """All records of the tail were aborted, or compaction has removed them."""
    log = bridge.run(bridge.assign(0), returns(end(10_500)))
    assert log == ["commit 0 at 10500", "left"]


def test_an_end_that_is_committed_already_is_not_committed_again(bridge: Bridge) -> None:
    """A quiet partition causes no commits."""
    log = bridge.run(bridge.assign(0), returns(end(500)), returns(end(500)), returns(end(499)))
    assert log == ["left"]


def test_an_end_is_not_committed_while_a_record_before_it_is_not_settled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A restart reads that record again."""
    bridge = Bridge(monkeypatch, settles=False)
    log = bridge.run(bridge.assign(0), returns(Message(500), end(502)))
    assert not any("502" in line for line in log)


def test_an_end_of_an_unassigned_partition_is_ignored(bridge: Bridge) -> None:
    """It belongs to another member."""
    assert bridge.run(bridge.assign(0), returns(end(700, partition=1))) == ["left"]


def test_a_replay_does_not_commit_past_its_own_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The dead letters from there on are the next replay's."""
    bridge = Bridge(monkeypatch, ends={("t", 0): 501})
    log = bridge.run(bridge.assign(0), returns(Message(500), Message(501), end(502)))
    assert log == ["commit 0 at 501", "left"]
