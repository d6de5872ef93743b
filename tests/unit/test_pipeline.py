"""A record's path and its one end, with everything around it played, in virtual time."""

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
    RecordsFiltered,
    Resumed,
    Waiting,
)
from bridge.observer import EventSkipped as SkippedFact
from bridge.pipeline import TAKEN_AT_ONCE
from bridge.records import AssignmentEnded
from tests.unit.fake_path import POISON, Value, World, event
from tests.unit.virtual_time import run, settle_down


def test_a_record_that_two_mappings_match_is_settled_once_after_both() -> None:
    """The first one takes the budget of both; the second one takes nothing more."""

    async def story() -> None:
        world = World({0: Value([event("a"), event("b")])})
        await world.poll(world.record())
        await asyncio.sleep(5)
        assert world.log == ["sending a", "sent a of A", "sending b", "sent b of B", "settled 0"]
        assert world.settled == [(0, 2)]
        assert world.reserved == {"a": 2, "b": 0}
        assert world.told(Delivered) == [Delivered("A", 1), Delivered("B", 1)]
        assert world.assignment.in_flight == 0

    run(story())


def test_records_do_not_wait_for_each_other() -> None:
    """A slow event of one record holds up no other record."""

    async def story() -> None:
        world = World({n: Value([event(f"e{n}")]) for n in range(100)})
        await world.poll(*[world.record(n) for n in range(100)])
        await asyncio.sleep(1.5)
        assert sorted(world.settled) == [(n, 1) for n in range(100)]

    run(story())


def test_a_record_half_delivered_is_held_while_its_partition_drains() -> None:
    """Left there, both its events would be sent by the next owner."""

    async def story() -> None:
        world = World({0: Value([event("a"), event("b")])})
        await world.poll(world.record())
        await asyncio.sleep(1.5)  # a is delivered, b under way
        world.assignment.open = False
        assert world.assignment.in_flight > 0
        await asyncio.sleep(1)
        assert world.settled == [(0, 2)]
        assert world.assignment.in_flight == 0

    run(story())


def test_a_record_of_which_nothing_is_delivered_is_left_to_the_next_owner() -> None:
    """Not settled, nothing held, nothing written."""

    async def story() -> None:
        world = World({0: Value([event("a"), event("b")])})
        world.answers["a"] = AssignmentEnded()
        await world.poll(world.record())
        await asyncio.sleep(5)
        assert world.log == ["sending a"]
        assert (world.settled, world.letters, world.assignment.in_flight) == ([], [], 0)
        world.assignment.open = False
        await world.poll(world.record())
        await asyncio.sleep(5)
        assert world.log == ["sending a"]
        assert world.settled == []

    run(story())


def test_a_record_that_nobody_wants_makes_no_task() -> None:
    """It is settled before the next await; a large batch lets the loop turn now and then."""

    async def story() -> None:
        world = World({n: Value([]) for n in range(500)})
        before = asyncio.all_tasks()
        world.batches.put_nowait([world.record(n) for n in range(500)])
        await asyncio.sleep(0)
        for _ in range(500 // TAKEN_AT_ONCE):
            await asyncio.sleep(0)
            assert asyncio.all_tasks() == before
        assert world.settled == [(n, 0) for n in range(500)]
        assert world.told(RecordsFiltered) == [RecordsFiltered("t")] * 500

    run(story())


def test_a_bridge_that_ends_while_it_waits_does_not_say_that_anything_answers() -> None:
    """Nobody knows; the next one will see."""

    async def story() -> None:
        world = World({0: POISON, 1: None}, [Unavailable("no answer")] * 9, letters_refused=9)
        await world.poll(world.record(0), world.record(1))
        await asyncio.sleep(1.5)
        world.batches.put_nowait(None)
        await world.pipeline
        await settle_down()
        assert len(world.told(Waiting)) == 2
        assert world.told(Resumed) == []

    run(story())


def test_what_one_mapping_rejects_does_not_stop_the_others() -> None:
    """One letter, which names its mapping; one delivery; one settle after both."""

    async def story() -> None:
        rejected = MappingRejected("BAD", "missing_uid", "`user` names no user", "user")
        world = World({0: Value([rejected, event("a"), MappingSkipped("GUEST", "no_uid")])})
        await world.poll(world.record())
        await asyncio.sleep(5)
        assert world.log == ["sending a", "sent a of A", "letter missing_uid", "settled 0"]
        assert world.letters[0].failure.mapping == "BAD"
        assert ("fullstory_bridge.owner", b"the shop team") in world.letters[0].headers
        assert world.settled == [(0, 1)]
        assert world.told(SkippedFact) == [SkippedFact("GUEST", "no_uid")]

    run(story())


def test_an_event_in_shadow_is_counted_and_not_sent() -> None:
    """It takes nothing of the budget either."""

    async def story() -> None:
        world = World({0: Value([event("a", shadow=True), event("b")])})
        await world.poll(world.record())
        await asyncio.sleep(5)
        assert world.log == ["sending b", "sent b of B", "settled 0"]
        assert world.reserved == {"b": 1}
        assert world.told(SkippedFact) == [SkippedFact("A", "shadow")]

    run(story())


@pytest.mark.parametrize(
    ("answer", "letters"),
    [(Reject("refused_by_fullstory", 400, "bad"), 1), (Skip("unknown_user"), 0)],
)
def test_fullstorys_last_word_ends_the_event_and_the_record_goes_on(
    answer: Reject | Skip, letters: int
) -> None:
    """A refusal is a dead letter with its status, never with its body."""

    async def story() -> None:
        world = World({0: Value([event("a"), event("b")])}, answers={"a": answer})
        await world.poll(world.record())
        await asyncio.sleep(5)
        assert world.settled == [(0, 2)]
        assert world.told(Delivered) == [Delivered("B", 1)]
        found = [(one.failure.stage, one.failure.status, one.failure.code) for one in world.letters]
        assert found == [("send", 400, "bad")] * letters

    run(story())


def test_late_events_are_decided_once_however_long_they_wait_for_their_turn() -> None:
    """Skips and dead letters take nothing of the budget; the last one is in time when polled."""

    async def story() -> None:
        late: list[Late] = ["send", "skip", "dead_letter", "send_without_session"]
        events = [event(f"e{n}")._replace(late=word) for n, word in enumerate(late)]
        moment_s = datetime.fromisoformat(events[0].timestamp).timestamp()
        world = World({0: Value(events), 1: Value(events[1:2])})
        world.now_s = moment_s + 1800.5
        await world.poll(world.record(0))
        world.now_s = moment_s + 1800
        await world.poll(world.record(1))
        world.now_s += 3600
        await asyncio.sleep(5)
        assert {name: events for name, events in world.reserved.items() if events} == {
            "e0": 2,
            "e1": 1,
        }
        assert world.told(SkippedFact) == [SkippedFact("E1", "late")]
        assert [letter.failure.reason for letter in world.letters] == ["late"]
        assert world.sessions == {"e0": Recent(), "e1": Recent(), "e3": NoSession()}
        assert sorted(world.settled) == [(0, 2), (1, 1)]

    run(story())


def test_when_the_source_ends_what_is_under_way_is_let_go_unsettled() -> None:
    """The source has waited for what had begun; the rest is read again."""

    async def story() -> None:
        world = World({0: Value([event("a")])}, send_takes_s=100.0)
        await world.poll(world.record())
        world.batches.put_nowait(None)
        await world.pipeline
        await settle_down()
        assert world.log == ["sending a"]

    run(story())


def test_an_error_of_the_source_ends_the_pipeline() -> None:
    """Whoever runs it must know."""

    async def story() -> None:
        world = World()
        world.batches.put_nowait(RuntimeError("fatal"))
        with pytest.raises(RuntimeError, match="fatal"):
            await world.pipeline

    run(story())
