"""Each outage of Kafka ends with one `Resumed`, and only on reliable evidence."""

import asyncio
from collections.abc import Callable, Sequence

import pytest

from bridge.errors import Unavailable
from bridge.kafka.consumer.connection_monitor import PROBE_INTERVAL_S, ConnectionMonitor
from bridge.observer import (
    Assigned,
    Committed,
    Delivered,
    Fact,
    Polled,
    PollLoopTick,
    RecordsFiltered,
    RecordsSettled,
    Resumed,
    Revoked,
    Waiting,
)
from tests.unit.virtual_time import run, settle_down

DOWN = Waiting("kafka", "down")
UNAUTHORIZED = Waiting("kafka topic t", "not authorized")


class MonitorFixture:
    """A monitor that probes a fake Kafka, and the facts that it emits."""

    def __init__(self, answers: Callable[[], bool] = lambda: False) -> None:
        self._is_reachable = answers
        self.probe_count = 0
        self.emitted: list[Fact] = []
        self.monitor = ConnectionMonitor(self._probe, self)

    def notify(self, fact: Fact) -> None:
        """Store a fact."""
        self.emitted.append(fact)

    async def _probe(self) -> None:
        self.probe_count += 1
        await asyncio.sleep(1)
        if not self._is_reachable():
            raise Unavailable("no answer")

    async def send(self, *facts: Fact) -> list[Fact]:
        """Notify the monitor of these facts and return what it emits."""
        self.emitted.clear()
        for fact in facts:
            self.monitor.notify(fact)
        await settle_down()
        return list(self.emitted)


@pytest.mark.parametrize(
    ("facts", "emitted"),
    [
        ([Committed([("t", 0)])], []),
        ([Assigned([("t", 0)])], []),
        ([DOWN, Polled(5), Delivered("m", 1), PollLoopTick(), RecordsSettled("t", "sent")], []),
        ([DOWN, Revoked([("t", 0)], True)], []),
        ([Waiting("fullstory", "timeout"), Committed([("t", 0)])], []),
        ([DOWN, Committed([("t", 0)])], [Resumed("kafka")]),
        ([DOWN, Assigned([("t", 0)])], [Resumed("kafka")]),
        ([DOWN, DOWN, Committed([("t", 0)]), Committed([("t", 0)])], [Resumed("kafka")]),
        ([DOWN, Committed([("t", 0)]), DOWN], [Resumed("kafka")]),
    ],
)
def test_a_commit_or_an_assignment_ends_an_outage_but_records_do_not(
    facts: Sequence[Fact], emitted: list[Fact]
) -> None:
    """Records that were fetched before the error still arrive after it."""

    async def scenario() -> None:
        fixture = MonitorFixture()
        assert await fixture.send(*facts) == emitted
        await fixture.monitor.close()

    run(scenario())


def test_without_commits_kafka_is_probed_until_it_answers() -> None:
    """Every few seconds, and only during the outage."""

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        fixture = MonitorFixture(lambda: loop.time() > 60)
        assert await fixture.send(DOWN) == []
        await asyncio.sleep(55)
        assert fixture.emitted == []
        assert fixture.probe_count == 1 + 55 // (1 + PROBE_INTERVAL_S)
        await asyncio.sleep(60)
        assert fixture.emitted == [Resumed("kafka")]
        probe_count = fixture.probe_count
        await asyncio.sleep(60)
        assert fixture.probe_count == probe_count
        assert await fixture.send(DOWN, DOWN) == []
        await asyncio.sleep(2)
        assert fixture.emitted == [Resumed("kafka")]
        await fixture.monitor.close()

    run(scenario())


def test_an_answer_to_a_probe_sent_before_the_error_is_ignored() -> None:
    """The error is newer than the probe."""

    async def scenario() -> None:
        fixture = MonitorFixture(lambda: True)
        await fixture.send(DOWN)
        await asyncio.sleep(0.5)
        await fixture.send(DOWN)
        await asyncio.sleep(1)
        assert fixture.emitted == []
        await asyncio.sleep(PROBE_INTERVAL_S + 1)
        assert fixture.emitted == [Resumed("kafka")]
        await fixture.monitor.close()

    run(scenario())


@pytest.mark.parametrize("end", [RecordsSettled("t", "sent"), RecordsFiltered("t")])
def test_a_topic_has_recovered_when_one_of_its_records_is_settled(end: Fact) -> None:
    """Only this topic, and once; a commit does not count."""

    async def scenario() -> None:
        fixture = MonitorFixture()
        assert await fixture.send(Assigned([("t", 0), ("u", 0)]), UNAUTHORIZED) == []
        assert (
            await fixture.send(
                Committed([("t", 0)]), RecordsFiltered("u"), RecordsSettled("u", "sent")
            )
            == []
        )
        assert await fixture.send(end, end) == [Resumed("kafka topic t")]
        assert await fixture.send(UNAUTHORIZED) == []
        assert await fixture.send(end) == [Resumed("kafka topic t")]
        assert fixture.probe_count == 0

    run(scenario())


def test_a_topic_without_assigned_partitions_has_recovered() -> None:
    """The next owner of its partitions detects the error itself."""

    async def scenario() -> None:
        fixture = MonitorFixture()
        assert await fixture.send(Assigned([("t", 0), ("t", 1), ("u", 0)]), UNAUTHORIZED) == []
        assert await fixture.send(Revoked([("t", 0), ("u", 0)], False)) == []
        assert await fixture.send(Revoked([("t", 1)], True)) == [Resumed("kafka topic t")]

    run(scenario())


def test_no_probe_is_sent_after_close() -> None:
    """A probe takes seconds, and the process is ending."""

    async def scenario() -> None:
        fixture = MonitorFixture()
        await fixture.send(DOWN)
        await fixture.monitor.close()
        await asyncio.sleep(60)
        assert fixture.probe_count == 1

    run(scenario())
