"""The pipeline with fake ports, in virtual time: each record is settled once."""

import asyncio
from datetime import datetime

import pytest

from bridge.delivery.decision import Reject, Skip
from bridge.errors import Unavailable
from bridge.mapping.runtime.outcome import (
    Late,
    MappingRejected,
    MappingSkipped,
    NoSession,
    Recent,
)
from bridge.observer import (
    Delivered,
    EventSkipped,
    RecordsFiltered,
    Resumed,
    Waiting,
)
from bridge.pipeline import YIELD_EVERY
from bridge.records import AssignmentEnded
from tests.unit.fake_path import POISON, FakePorts, Value, event
from tests.unit.virtual_time import run, settle_down


def test_a_record_with_two_events_is_settled_once_after_both() -> None:
    """The first event reserves the budget of both; the second reserves nothing."""

    async def story() -> None:
        fakes = FakePorts({0: Value([event("a"), event("b")])})
        await fakes.poll(fakes.record())
        await asyncio.sleep(5)
        assert fakes.log == ["sending a", "sent a of A", "sending b", "sent b of B", "settled 0"]
        assert fakes.settled == [(0, 2)]
        assert fakes.reserved == {"a": 2, "b": 0}
        assert fakes.facts_of(Delivered) == [Delivered("A", 1), Delivered("B", 1)]
        assert fakes.assignment.in_flight == 0

    run(story())


def test_records_do_not_wait_for_each_other() -> None:
    """A slow event of one record does not block other records."""

    async def story() -> None:
        fakes = FakePorts({n: Value([event(f"e{n}")]) for n in range(100)})
        await fakes.poll(*[fakes.record(n) for n in range(100)])
        await asyncio.sleep(1.5)
        assert sorted(fakes.settled) == [(n, 1) for n in range(100)]

    run(story())


def test_a_partly_delivered_record_is_finished_while_its_partition_drains() -> None:
    """Otherwise the next owner would send both of its events."""

    async def story() -> None:
        fakes = FakePorts({0: Value([event("a"), event("b")])})
        await fakes.poll(fakes.record())
        await asyncio.sleep(1.5)  # a is delivered, b is in flight
        fakes.assignment.open = False
        assert fakes.assignment.in_flight > 0
        await asyncio.sleep(1)
        assert fakes.settled == [(0, 2)]
        assert fakes.assignment.in_flight == 0

    run(story())


def test_a_record_with_no_delivered_event_is_left_to_the_next_owner() -> None:
    """It is not settled, nothing stays in flight, and no dead letter is written."""

    async def story() -> None:
        fakes = FakePorts({0: Value([event("a"), event("b")])})
        fakes.answers["a"] = AssignmentEnded()
        await fakes.poll(fakes.record())
        await asyncio.sleep(5)
        assert fakes.log == ["sending a"]
        assert (fakes.settled, fakes.dead_letters, fakes.assignment.in_flight) == ([], [], 0)
        fakes.assignment.open = False
        await fakes.poll(fakes.record())
        await asyncio.sleep(5)
        assert fakes.log == ["sending a"]
        assert fakes.settled == []

    run(story())


def test_a_record_that_no_mapping_matches_creates_no_task() -> None:
    """It is settled before the next await; a large batch yields to the loop at intervals."""

    async def story() -> None:
        fakes = FakePorts({n: Value([]) for n in range(500)})
        before = asyncio.all_tasks()
        fakes.batches.put_nowait([fakes.record(n) for n in range(500)])
        await asyncio.sleep(0)
        for _ in range(500 // YIELD_EVERY):
            await asyncio.sleep(0)
            assert asyncio.all_tasks() == before
        assert fakes.settled == [(n, 0) for n in range(500)]
        assert fakes.facts_of(RecordsFiltered) == [RecordsFiltered("t")] * 500

    run(story())


def test_a_bridge_that_stops_during_an_outage_does_not_report_a_recovery() -> None:
    """It does not know whether the outage has ended."""

    async def story() -> None:
        fakes = FakePorts({0: POISON, 1: None}, [Unavailable("no answer")] * 9, refused_writes=9)
        await fakes.poll(fakes.record(0), fakes.record(1))
        await asyncio.sleep(1.5)
        fakes.batches.put_nowait(None)
        await fakes.pipeline
        await settle_down()
        assert len(fakes.facts_of(Waiting)) == 2
        assert fakes.facts_of(Resumed) == []

    run(story())


def test_a_rejection_by_one_mapping_does_not_affect_the_others() -> None:
    """One dead letter, which names its mapping; one delivery; one settle after both."""

    async def story() -> None:
        rejected = MappingRejected("BAD", "missing_uid", "`user` has no user id", "user")
        fakes = FakePorts({0: Value([rejected, event("a"), MappingSkipped("GUEST", "no_uid")])})
        await fakes.poll(fakes.record())
        await asyncio.sleep(5)
        assert fakes.log == ["sending a", "sent a of A", "dead letter missing_uid", "settled 0"]
        assert fakes.dead_letters[0].failure.mapping == "BAD"
        assert ("fullstory_bridge.owner", b"the shop team") in fakes.dead_letters[0].headers
        assert fakes.settled == [(0, 1)]
        assert fakes.facts_of(EventSkipped) == [EventSkipped("GUEST", "no_uid")]

    run(story())


def test_a_shadow_event_is_counted_and_not_sent() -> None:
    """It reserves no budget either."""

    async def story() -> None:
        fakes = FakePorts({0: Value([event("a", shadow=True), event("b")])})
        await fakes.poll(fakes.record())
        await asyncio.sleep(5)
        assert fakes.log == ["sending b", "sent b of B", "settled 0"]
        assert fakes.reserved == {"b": 1}
        assert fakes.facts_of(EventSkipped) == [EventSkipped("A", "shadow")]

    run(story())


@pytest.mark.parametrize(
    ("answer", "dead_letters"),
    [(Reject("refused_by_fullstory", 400, "bad"), 1), (Skip("unknown_user"), 0)],
)
def test_a_final_decision_ends_one_event_and_the_record_continues(
    answer: Reject | Skip, dead_letters: int
) -> None:
    """A refusal becomes a dead letter with the status, never with the body."""

    async def story() -> None:
        fakes = FakePorts({0: Value([event("a"), event("b")])}, answers={"a": answer})
        await fakes.poll(fakes.record())
        await asyncio.sleep(5)
        assert fakes.settled == [(0, 2)]
        assert fakes.facts_of(Delivered) == [Delivered("B", 1)]
        found = [
            (one.failure.stage, one.failure.status, one.failure.code) for one in fakes.dead_letters
        ]
        assert found == [("send", 400, "bad")] * dead_letters

    run(story())


def test_whether_an_event_is_late_is_decided_once_when_it_is_polled() -> None:
    """Skips and dead letters reserve no budget; the last record is on time when polled."""

    async def story() -> None:
        policies: list[Late] = ["send", "skip", "dead_letter", "send_without_session"]
        events = [event(f"e{n}")._replace(late=late) for n, late in enumerate(policies)]
        event_time_s = datetime.fromisoformat(events[0].timestamp).timestamp()
        fakes = FakePorts({0: Value(events), 1: Value(events[1:2])})
        fakes.now_s = event_time_s + 1800.5
        await fakes.poll(fakes.record(0))
        fakes.now_s = event_time_s + 1800
        await fakes.poll(fakes.record(1))
        fakes.now_s += 3600
        await asyncio.sleep(5)
        assert {name: events for name, events in fakes.reserved.items() if events} == {
            "e0": 2,
            "e1": 1,
        }
        assert fakes.facts_of(EventSkipped) == [EventSkipped("E1", "late")]
        assert [letter.failure.reason for letter in fakes.dead_letters] == ["late"]
        assert fakes.sessions == {"e0": Recent(), "e1": Recent(), "e3": NoSession()}
        assert sorted(fakes.settled) == [(0, 2), (1, 1)]

    run(story())


def test_when_the_source_ends_events_in_flight_are_cancelled_unsettled() -> None:
    """The source has already drained; the rest is read again."""

    async def story() -> None:
        fakes = FakePorts({0: Value([event("a")])}, send_takes_s=100.0)
        await fakes.poll(fakes.record())
        fakes.batches.put_nowait(None)
        await fakes.pipeline
        await settle_down()
        assert fakes.log == ["sending a"]

    run(story())


def test_an_error_of_the_source_ends_the_pipeline() -> None:
    """The caller receives it."""

    async def story() -> None:
        fakes = FakePorts()
        fakes.batches.put_nowait(RuntimeError("fatal"))
        with pytest.raises(RuntimeError, match="fatal"):
            await fakes.pipeline

    run(story())
