"""The poll thread's work, turn by turn."""

import time
from collections.abc import Sequence

import pytest
from confluent_kafka import KafkaError

from bridge.errors import Halted
from bridge.kafka.consumer.backpressure import BackpressureLimits
from bridge.observer import Polled, Waiting
from tests.unit.kafka.consumer.fake_consumer import Bridge, brings, fails
from tests.unit.kafka.messages import Polled as Message


@pytest.fixture
def bridge(monkeypatch: pytest.MonkeyPatch) -> Bridge:
    """A bridge that settles at once."""
    return Bridge(monkeypatch)


def test_records_are_handed_over_settled_and_committed_before_the_group_is_left(
    bridge: Bridge,
) -> None:
    """The last commit is acknowledged before the consumer is closed."""
    log = bridge.run(bridge.assign(0), brings(Message(500), Message(501)))
    assert [record.offset for record in bridge.records] == [500, 501]
    assert log == ["commit 0 at 502", "left"]
    assert bridge.safe == 2
    assert bridge.told(Polled) == [Polled(2)]


def test_the_group_is_not_left_before_the_last_commit_is_acknowledged(bridge: Bridge) -> None:
    """Made within `close()` it could wait behind a rebalance, and carry an old generation."""
    bridge.consumer.answers = False

    def stop() -> None:
        bridge.poller.stop.set()

    def answer_at_last() -> None:
        bridge.consumer.answers = True

    bridge.run(bridge.assign(0), brings(Message(500), Message(501)), stop, brings(), answer_at_last)
    assert bridge.consumer.turns == []
    assert bridge.consumer.unanswered == []
    assert bridge.safe == 2


def test_what_lies_past_a_fixed_end_is_neither_taken_nor_committed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Taken, it would fill the window of work; a partition that has no end named ends at once."""
    bridge = Bridge(monkeypatch, ends={("t", 0): 501})
    log = bridge.run(
        bridge.assign(0, 1),
        brings(Message(500), Message(501), Message(502), Message(600, partition=1)),
    )
    assert [(one.partition, one.offset) for one in bridge.records] == [(0, 500)]
    assert log == ["commit 0 at 501", "left"]


def test_what_is_not_settled_is_not_committed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stop that waits in vain leaves the record to the next one."""
    bridge = Bridge(monkeypatch, settles=False)
    bridge.drains = False
    log = bridge.run(bridge.assign(0), brings(Message(500)))
    assert [entry for entry in log if entry != "commit 0 at 500"] == ["left"]


def test_an_error_in_a_callback_ends_the_thread_after_its_messages_were_handed_over(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Raised within the callback it would have destroyed them."""

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    def turn() -> Sequence[Message]:
        monkeypatch.setattr(bridge.consumer, "committed", fail)
        bridge.assign(1)()
        return [Message(500)]

    with pytest.raises(ZeroDivisionError):
        bridge.run(bridge.assign(0), turn)
    assert [record.offset for record in bridge.records] == [500]
    assert bridge.consumer.log[-1] == "left"


def test_a_full_window_takes_one_record_at_a_time_and_goes_on_when_there_is_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`consume(0)` would serve no callbacks, so commits and rebalances would hang."""
    bridge = Bridge(monkeypatch, bounds=BackpressureLimits(records_max=2), settles=False)
    flowing: list[bool] = []
    log = bridge.run(
        bridge.assign(0),
        brings(Message(500)),
        brings(Message(501)),
        bridge.consumer.asked.clear,  # the window is full from here on
        brings(Message(502)),
        lambda: flowing.append(not bridge.consumer.still),
        bridge.settle_all,
    )
    assert bridge.consumer.asked[:3] == [1, 1, 1]
    assert flowing == [True]  # a pause would throw away what was fetched ahead
    assert len(bridge.records) == 3
    assert log[-2:] == ["commit 0 at 503", "left"]


def test_a_passing_error_of_the_client_reads_again_what_it_had_dequeued(bridge: Bridge) -> None:
    """The messages of that call are gone; nothing that was seen comes twice."""
    bridge.run(
        bridge.assign(0),
        brings(Message(500)),
        fails(KafkaError._TRANSPORT),
        brings(Message(500), Message(501)),
    )
    assert bridge.consumer.assigned == {0: 501}
    assert [record.offset for record in bridge.records] == [500, 501]
    assert bridge.told(Waiting) == [Waiting("kafka", "trouble")]


def test_a_fatal_error_of_the_client_ends_the_thread(bridge: Bridge) -> None:
    """The client will never do anything again, so the process must end, and says why."""
    with pytest.raises(Halted, match="trouble"):
        bridge.run(bridge.assign(0), fails(KafkaError._FATAL, fatal=True))
    assert bridge.consumer.log == ["left"]


def test_a_fatal_error_that_comes_as_a_message_ends_the_thread(bridge: Bridge) -> None:
    """So the client gives it; polled on, it would never bring anything again."""
    fatal = KafkaError(KafkaError._FATAL, "fenced")
    with pytest.raises(Halted, match="fenced"):
        bridge.run(bridge.assign(0), brings(Message(500), Message(-1, error=fatal)))
    assert bridge.consumer.log[-1] == "left"


def test_a_second_request_to_stop_waits_for_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is settled is committed; what is under way is left to the next one."""
    bridge = Bridge(monkeypatch, settles=False, shutdown_drain_s=60.0)
    bridge.drains = False
    begun_s = time.monotonic()

    def hurry() -> None:
        bridge.poller.settled.add(bridge.records[0], 1)
        bridge.poller.hurry.set()
        bridge.poller.stop.set()

    log = bridge.run(bridge.assign(0), brings(Message(500), Message(501)), hurry)
    assert log[-2:] == ["commit 0 at 501", "left"]
    assert time.monotonic() - begun_s < 10
