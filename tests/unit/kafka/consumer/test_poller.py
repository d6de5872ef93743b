"""The poll thread's work, step by step."""

import time
from collections.abc import Sequence

import pytest
from confluent_kafka import KafkaError

from bridge.errors import Halted
from bridge.kafka.consumer.backpressure import BackpressureLimits
from bridge.observer import Polled, Waiting
from tests.unit.kafka.consumer.fake_consumer import Bridge, fails, returns
from tests.unit.kafka.messages import Polled as Message


@pytest.fixture
def bridge(monkeypatch: pytest.MonkeyPatch) -> Bridge:
    """A bridge that settles records immediately."""
    return Bridge(monkeypatch)


def test_records_are_delivered_settled_and_committed_before_shutdown(
    bridge: Bridge,
) -> None:
    """The last commit is acknowledged before the consumer is closed."""
    log = bridge.run(bridge.assign(0), returns(Message(500), Message(501)))
    assert [record.offset for record in bridge.records] == [500, 501]
    assert log == ["commit 0 at 502", "left"]
    assert bridge.acknowledged_events == 2
    assert bridge.facts_of(Polled) == [Polled(2)]


def test_the_group_is_left_only_after_the_last_commit_is_acknowledged(bridge: Bridge) -> None:
    """Within `close()`, the commit could wait behind a rebalance and carry an old generation."""
    bridge.consumer.answers_commits = False

    def stop() -> None:
        bridge.poller.stop.set()

    def answer_commits() -> None:
        bridge.consumer.answers_commits = True

    bridge.run(
        bridge.assign(0), returns(Message(500), Message(501)), stop, returns(), answer_commits
    )
    assert bridge.consumer.steps == []
    assert bridge.consumer.unanswered_commits == []
    assert bridge.acknowledged_events == 2


def test_records_past_a_fixed_end_are_neither_tracked_nor_committed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They would fill the window; a partition without a configured end has no records to read."""
    bridge = Bridge(monkeypatch, ends={("t", 0): 501})
    log = bridge.run(
        bridge.assign(0, 1),
        returns(Message(500), Message(501), Message(502), Message(600, partition=1)),
    )
    assert [(one.partition, one.offset) for one in bridge.records] == [(0, 500)]
    assert log == ["commit 0 at 501", "left"]


def test_an_unsettled_record_is_not_committed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shutdown whose drain times out leaves the record to the next process."""
    bridge = Bridge(monkeypatch, settles=False)
    bridge.drains = False
    log = bridge.run(bridge.assign(0), returns(Message(500)))
    assert [entry for entry in log if entry != "commit 0 at 500"] == ["left"]


def test_an_error_in_a_callback_is_raised_after_its_messages_are_delivered(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Raised within the callback, it would have destroyed them."""

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    def step() -> Sequence[Message]:
        monkeypatch.setattr(bridge.consumer, "committed", fail)
        bridge.assign(1)()
        return [Message(500)]

    with pytest.raises(ZeroDivisionError):
        bridge.run(bridge.assign(0), step)
    assert [record.offset for record in bridge.records] == [500]
    assert bridge.consumer.log[-1] == "left"


def test_a_full_window_polls_one_record_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`consume(0)` would serve no callbacks, so commits and rebalances would hang."""
    bridge = Bridge(monkeypatch, bounds=BackpressureLimits(records_max=2), settles=False)
    not_paused: list[bool] = []
    log = bridge.run(
        bridge.assign(0),
        returns(Message(500)),
        returns(Message(501)),
        bridge.consumer.consume_counts.clear,  # the window is full from here on
        returns(Message(502)),
        lambda: not_paused.append(not bridge.consumer.paused),
        bridge.settle_all,
    )
    assert bridge.consumer.consume_counts[:3] == [1, 1, 1]
    assert not_paused == [True]  # a pause would discard prefetched records
    assert len(bridge.records) == 3
    assert log[-2:] == ["commit 0 at 503", "left"]


def test_a_transient_client_error_rereads_the_dequeued_messages(bridge: Bridge) -> None:
    """The messages of that call are lost; no tracked record is delivered twice."""
    bridge.run(
        bridge.assign(0),
        returns(Message(500)),
        fails(KafkaError._TRANSPORT),
        returns(Message(500), Message(501)),
    )
    assert bridge.consumer.assigned == {0: 501}
    assert [record.offset for record in bridge.records] == [500, 501]
    assert bridge.facts_of(Waiting) == [Waiting("kafka", "client error")]


def test_a_fatal_error_of_the_client_ends_the_thread(bridge: Bridge) -> None:
    """The client never recovers, so the process must end and report the reason."""
    with pytest.raises(Halted, match="client error"):
        bridge.run(bridge.assign(0), fails(KafkaError._FATAL, fatal=True))
    assert bridge.consumer.log == ["left"]


def test_a_fatal_error_that_comes_as_a_message_ends_the_thread(bridge: Bridge) -> None:
    """The client may report it as a message, and would never return records again."""
    fatal = KafkaError(KafkaError._FATAL, "fenced")
    with pytest.raises(Halted, match="fenced"):
        bridge.run(bridge.assign(0), returns(Message(500), Message(-1, error=fatal)))
    assert bridge.consumer.log[-1] == "left"


def test_a_second_stop_skips_the_drain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settled records are committed; those in flight are left to the next process."""
    bridge = Bridge(monkeypatch, settles=False, shutdown_drain_s=60.0)
    bridge.drains = False
    begun_s = time.monotonic()

    def skip_drain() -> None:
        bridge.poller.settled.add(bridge.records[0], 1)
        bridge.poller.skip_drain.set()
        bridge.poller.stop.set()

    log = bridge.run(bridge.assign(0), returns(Message(500), Message(501)), skip_drain)
    assert log[-2:] == ["commit 0 at 501", "left"]
    assert time.monotonic() - begun_s < 10
