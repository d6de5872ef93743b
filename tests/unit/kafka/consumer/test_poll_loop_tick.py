"""The poll thread is heard of, or it would be taken for stuck and its process be killed."""

import pytest

from bridge.observer import PollLoopTick
from tests.unit.kafka.consumer.fake_consumer import Bridge, brings
from tests.unit.kafka.messages import Polled as Message


def test_each_turn_beats_with_records_or_without(monkeypatch: pytest.MonkeyPatch) -> None:
    """An idle topic is no stuck thread."""
    bridge = Bridge(monkeypatch)
    beats = []

    def idle() -> None:
        beats.append(len(bridge.told(PollLoopTick)))

    bridge.run(bridge.assign(0), idle, idle, brings(Message(500)), idle)
    assert beats == [2, 3, 5]


@pytest.mark.parametrize("end", ["revoke", "stop"])
def test_a_drain_beats_however_long_it_takes(monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    """A rebalance or a stop may be told to wait for minutes."""
    bridge = Bridge(monkeypatch, settles=False)
    bridge.drains = False
    before = []

    def begin() -> None:
        before.append(len(bridge.told(PollLoopTick)))
        if end == "revoke":
            bridge.revoke(0)()
            before.append(len(bridge.told(PollLoopTick)))

    bridge.run(bridge.assign(0), brings(Message(500)), begin)
    before.append(len(bridge.told(PollLoopTick)))
    assert before[1] - before[0] >= 3
