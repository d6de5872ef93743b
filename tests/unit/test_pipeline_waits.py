"""Schemas that are waited for, and halts: what is not begun on a record's path."""

import asyncio

from bridge.delivery.halts import ALL_HALTED, FIX_THE_MAPPING, SEE_BESIDE
from bridge.errors import PoisonRecord, Unavailable
from bridge.mapping.runtime.outcome import (
    MappingRejected,
)
from bridge.observer import (
    EVERY_TOPIC,
    HaltedScope,
    Resumed,
    Waiting,
)
from bridge.observer import EventSkipped as SkippedFact
from tests.unit.fake_path import POISON, Value, World, event
from tests.unit.virtual_time import run


def test_a_record_waits_for_its_schema_and_holds_up_no_other() -> None:
    """However long the registry takes; then it goes on as any other."""

    async def story() -> None:
        down = Unavailable("no answer")
        world = World({0: None, 1: Value([event("b")])}, config=[down, down, Value([event("a")])])
        await world.poll(world.record(0), world.record(1))
        await asyncio.sleep(1.5)
        assert world.settled == [(1, 1)]
        assert world.told(Resumed) == []
        await asyncio.sleep(3)
        assert world.settled == [(1, 1), (0, 1)]
        assert world.told(Waiting) == [Waiting("schema registry", "no answer")]
        assert world.told(Resumed) == [Resumed("schema registry")]

    run(story())


def test_a_halt_begins_nothing_of_its_record_and_nothing_that_comes_after_it() -> None:
    """Of the mapping's topics; what is under way comes to its end, the others flow on."""

    async def story() -> None:
        halting = MappingRejected(
            "t", "invalid_uid", "no request can be made for this uid", halt=True
        )
        world = World(
            {
                0: Value([event("a")]),
                1: Value([event("b"), halting]),
                2: Value([event("c")]),
                3: Value([]),
                4: POISON,
                5: None,
                6: Value([event("d")]),
            }
        )
        first = [world.record(0), world.record(1), world.record(2), world.record(3, topic="t2")]
        await world.poll(*first)
        await world.poll(world.record(4), world.record(5), world.record(6, topic="other"))
        await asyncio.sleep(5)
        assert world.log[:2] == ["sending a", "sending d"]
        assert sorted(world.log[2:]) == ["sent a of A", "sent d of D", "settled 0", "settled 6"]
        assert sorted(world.settled) == [(0, 1), (6, 1)]
        assert [topics("t") for topics in world.halted] == [True]
        why = "invalid_uid: no request can be made for this uid (t/0/1)"
        assert world.told(HaltedScope) == [
            HaltedScope("the topics of t", why, FIX_THE_MAPPING, "the team of t")
        ]
        assert world.letters == []

    run(story())


def test_everything_is_halted_once_no_topic_is_left() -> None:
    """Told beside the halt that took the last one; the same topics are told once."""

    async def story() -> None:
        world = World(
            {
                offset: Value([MappingRejected(mapping, "invalid_uid", "no", halt=True)])
                for offset, mapping in enumerate(["t", "twin", "other"])
            }
        )
        await world.poll(world.record(0, topic="t"))
        assert [halt.scope for halt in world.halts] == ["the topics of t"]
        await world.poll(world.record(1, topic="x"))
        assert len(world.halted) == 1
        await world.poll(world.record(2, topic="other"))
        assert [halt.scope for halt in world.halts] == [
            "the topics of t",
            "the topics of other",
            EVERY_TOPIC,
        ]
        assert world.halts[-1] == HaltedScope(EVERY_TOPIC, ALL_HALTED, SEE_BESIDE)

    run(story())


def test_a_schema_that_does_not_exist_makes_a_dead_letter() -> None:
    """The registry knows that it has none: waiting would be for ever."""

    async def story() -> None:
        unknown = PoisonRecord("no schema 7", stage="decode", reason="unknown_schema_id")
        world = World({0: None}, config=[unknown])
        await world.poll(world.record())
        await asyncio.sleep(1)
        assert world.log == ["letter unknown_schema_id", "settled 0"]

    run(story())


def test_a_record_that_waits_for_its_schema_is_left_when_its_partition_drains() -> None:
    """It is not settled, and the registry is not asked for ever."""

    async def story() -> None:
        world = World({0: None}, config=[Unavailable("no answer")] * 3)
        await world.poll(world.record())
        await asyncio.sleep(0.5)
        world.assignment.open = False
        await asyncio.sleep(10)
        assert world.settled == []
        assert len(world.config) == 2
        assert world.told(Resumed) == [Resumed("schema registry")]

    run(story())


def test_a_record_without_a_value_is_never_decoded() -> None:
    """Its plan is the topic's own for tombstones."""

    async def story() -> None:
        world = World()
        await world.poll(world.record(value=None))
        await asyncio.sleep(1)
        assert world.settled == [(0, 0)]
        assert world.told(SkippedFact) == [SkippedFact("deleted", "a tombstone")]

    run(story())
