"""A partition that exceeds its share of the window is paused alone."""

import pytest
from confluent_kafka import TopicPartition

from bridge.kafka.consumer.backpressure import BackpressureLimits
from tests.unit.kafka.consumer.fake_consumer import Bridge, returns
from tests.unit.kafka.messages import Polled as Message

LIMITS = BackpressureLimits(records_max=2_000)


@pytest.fixture
def bridge(monkeypatch: pytest.MonkeyPatch) -> Bridge:
    """A bridge in whose window one of several partitions may have a thousand records."""
    return Bridge(monkeypatch, bounds=LIMITS, settles=False)


def _messages(first: int, end: int) -> list[Message]:
    return [Message(offset) for offset in range(first, end)]


def test_a_partition_at_capacity_is_paused_alone_until_two_batches_fit(
    bridge: Bridge,
) -> None:
    """The others are neither paused nor resumed, because a pause discards prefetched records."""
    paused: list[set[int]] = []
    resumed_partitions: list[set[int]] = []

    def note_paused() -> None:
        paused.append(set(bridge.consumer.paused))

    def record_resume(partitions: list[TopicPartition]) -> None:
        resumed_partitions.append({one.partition for one in partitions})
        bridge.consumer.paused -= resumed_partitions[-1]

    def observe_resume() -> None:
        bridge.consumer.resume = record_resume  # type: ignore[method-assign]

    def settle_all() -> None:
        for record in bridge.records[:501]:
            bridge.poller.settled.add(record, 1)

    bridge.run(
        bridge.assign(0, 1),
        observe_resume,
        returns(*_messages(500, 1_000)),
        note_paused,
        returns(*_messages(1_000, 1_001)),
        note_paused,
        settle_all,
        note_paused,
    )
    assert paused == [set(), {0}, set()]
    assert resumed_partitions == [{0}]


def test_a_halted_partition_stays_paused_when_it_has_capacity_again(bridge: Bridge) -> None:
    """Free capacity does not end a halt."""
    paused: list[set[int]] = []

    def halt_its_topic() -> None:
        bridge.poller.halt_requests.append(lambda topic: topic == "t")

    def settle_all() -> None:
        for record in bridge.records:
            bridge.poller.settled.add(record, 1)

    bridge.run(
        bridge.assign(0, 1),
        returns(*_messages(500, 1_001)),
        returns(),
        halt_its_topic,
        settle_all,
        lambda: paused.append(set(bridge.consumer.paused)),
    )
    assert paused == [{0, 1}]


def test_a_partition_with_capacity_stays_paused_while_all_are_paused(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is resumed together with the others."""
    monkeypatch.setattr("bridge.kafka.consumer.backpressure.PAUSE_AFTER_S", 0.0)
    paused: list[set[int]] = []

    def note_paused() -> None:
        paused.append(set(bridge.consumer.paused))

    def settle(partition: int) -> None:
        ours = [record for record in bridge.records if record.partition == partition]
        for record in ours:
            bridge.poller.settled.add(record, 1)

    interleaved = [
        message for n in range(500, 1_500) for message in (Message(n), Message(n + 100, 1))
    ]
    bridge.run(
        bridge.assign(0, 1),
        returns(*interleaved),
        returns(),
        note_paused,
        lambda: settle(0),
        note_paused,
        lambda: settle(1),
        note_paused,
    )
    assert paused == [{0, 1}, {0, 1}, set()]


def test_a_revoked_partition_at_capacity_is_resumed_when_it_comes_back(bridge: Bridge) -> None:
    """A pause survives revoke and assign, so the assignment has to end it."""
    paused: list[set[int]] = []

    def note_paused() -> None:
        paused.append(set(bridge.consumer.paused))

    bridge.run(
        bridge.assign(0, 1),
        returns(*_messages(500, 1_001)),
        note_paused,
        bridge.revoke(0),
        bridge.assign(0),
        returns(),
        note_paused,
    )
    assert paused == [{0}, set()]
