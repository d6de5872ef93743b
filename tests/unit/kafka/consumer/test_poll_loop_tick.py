"""The poll thread emits ticks, without which it would count as stuck and the process be killed."""

import pytest

from bridge.observer import PollLoopTick
from tests.unit.kafka.consumer.fake_consumer import Bridge, returns
from tests.unit.kafka.messages import Polled as Message


def test_each_iteration_emits_a_tick_with_or_without_records(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An idle topic does not mean a stuck thread."""
    bridge = Bridge(monkeypatch)
    ticks = []

    def idle() -> None:
        ticks.append(len(bridge.facts_of(PollLoopTick)))

    bridge.run(bridge.assign(0), idle, idle, returns(Message(500)), idle)
    assert ticks == [2, 3, 5]


@pytest.mark.parametrize("end", ["revoke", "stop"])
def test_a_drain_emits_ticks_however_long_it_takes(
    monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    """The configured limit of a rebalance or shutdown drain may be minutes."""
    bridge = Bridge(monkeypatch, settles=False)
    bridge.drains = False
    tick_counts = []

    def start_drain() -> None:
        tick_counts.append(len(bridge.facts_of(PollLoopTick)))
        if end == "revoke":
            bridge.revoke(0)()
            tick_counts.append(len(bridge.facts_of(PollLoopTick)))

    bridge.run(bridge.assign(0), returns(Message(500)), start_drain)
    tick_counts.append(len(bridge.facts_of(PollLoopTick)))
    assert tick_counts[1] - tick_counts[0] >= 3
