"""A partition that takes more than its share of the window stands still while others flow."""

import pytest
from confluent_kafka import TopicPartition

from bridge.kafka.consumer.backpressure import BackpressureLimits
from tests.unit.kafka.consumer.fake_consumer import Bridge, brings
from tests.unit.kafka.messages import Polled as Message

HALF_OF_THE_WINDOW = BackpressureLimits(records_max=2_000)


@pytest.fixture
def bridge(monkeypatch: pytest.MonkeyPatch) -> Bridge:
    """A bridge in whose window a partition beside others may have a thousand records."""
    return Bridge(monkeypatch, bounds=HALF_OF_THE_WINDOW, settles=False)


def _fill(first: int, end: int) -> list[Message]:
    return [Message(offset) for offset in range(first, end)]


def test_a_crowded_partition_is_paused_alone_until_two_batches_find_room_again(
    bridge: Bridge,
) -> None:
    """The others are neither paused nor resumed: that throws away what was fetched ahead."""
    seen: list[set[int]] = []
    touched: list[set[int]] = []

    def look() -> None:
        seen.append(set(bridge.consumer.still))

    def resumed(partitions: list[TopicPartition]) -> None:
        touched.append({one.partition for one in partitions})
        bridge.consumer.still -= touched[-1]

    def note_what_is_resumed() -> None:
        bridge.consumer.resume = resumed  # type: ignore[method-assign]

    def settle_some() -> None:
        for record in bridge.records[:501]:
            bridge.poller.settled.add(record, 1)

    bridge.run(
        bridge.assign(0, 1),
        note_what_is_resumed,
        brings(*_fill(500, 1_000)),
        look,
        brings(*_fill(1_000, 1_001)),
        look,
        settle_some,
        look,
    )
    assert seen == [set(), {0}, set()]
    assert touched == [{0}]


def test_a_crowded_partition_that_a_person_must_look_at_stays_still(bridge: Bridge) -> None:
    """That it is crowded no more is no reason to read on."""
    seen: list[set[int]] = []

    def halt_its_topic() -> None:
        bridge.poller.halted.append(lambda topic: topic == "t")

    def settle_all() -> None:
        for record in bridge.records:
            bridge.poller.settled.add(record, 1)

    bridge.run(
        bridge.assign(0, 1),
        brings(*_fill(500, 1_001)),
        brings(),
        halt_its_topic,
        settle_all,
        lambda: seen.append(set(bridge.consumer.still)),
    )
    assert seen == [{0, 1}]


def test_while_everything_is_paused_nothing_is_resumed_for_having_room(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It flows again with the others."""
    monkeypatch.setattr("bridge.kafka.consumer.backpressure.PAUSE_AFTER_S", 0.0)
    seen: list[set[int]] = []

    def look() -> None:
        seen.append(set(bridge.consumer.still))

    def settle(partition: int) -> None:
        ours = [record for record in bridge.records if record.partition == partition]
        for record in ours:
            bridge.poller.settled.add(record, 1)

    both = [message for n in range(500, 1_500) for message in (Message(n), Message(n + 100, 1))]
    bridge.run(
        bridge.assign(0, 1),
        brings(*both),
        brings(),
        look,
        lambda: settle(0),
        look,
        lambda: settle(1),
        look,
    )
    assert seen == [{0, 1}, {0, 1}, set()]


def test_a_crowded_partition_that_goes_and_comes_back_flows(bridge: Bridge) -> None:
    """Its pause would outlive revoke and assignment, were it not ended then."""
    seen: list[set[int]] = []

    def look() -> None:
        seen.append(set(bridge.consumer.still))

    bridge.run(
        bridge.assign(0, 1),
        brings(*_fill(500, 1_001)),
        look,
        bridge.revoke(0),
        bridge.assign(0),
        brings(),
        look,
    )
    assert seen == [{0}, set()]
