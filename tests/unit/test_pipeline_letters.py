"""Dead letters on a record's path: when they are written, and when not."""

import asyncio
from typing import cast

import pytest

from bridge.delivery.decision import Done, Reject, Skip
from bridge.mapping.runtime.outcome import (
    MappingRejected,
    MappingSkipped,
)
from bridge.observer import (
    DeadLettered,
    RecordsSettled,
    Resumed,
    Waiting,
)
from tests.unit.fake_path import POISON, Value, World, event
from tests.unit.virtual_time import run


def test_a_poison_record_is_settled_after_its_letter_is_acknowledged() -> None:
    """With the stage, the field and the byte where decoding stopped."""

    async def story() -> None:
        world = World({0: POISON})
        await world.poll(world.record())
        assert world.settled == []
        assert world.assignment.in_flight == 1
        await asyncio.sleep(1)
        assert world.log == ["letter truncated", "settled 0"]
        failure = world.letters[0].failure
        assert (failure.stage, failure.path, failure.byte_offset) == ("decode", "a.b", 9)
        assert world.told(DeadLettered) == [DeadLettered(None, "decode", "truncated", "t/0/0")]

    run(story())


def test_a_letter_that_kafka_does_not_take_is_written_again_until_it_does() -> None:
    """Meanwhile the record is not settled, and its partition is not let go."""

    async def story() -> None:
        world = World({0: POISON}, letters_refused=3)
        await world.poll(world.record())
        await asyncio.sleep(2.5)
        assert (world.settled, world.letters, world.assignment.in_flight) == ([], [], 1)
        assert world.told(DeadLettered) == []
        await asyncio.sleep(2)
        assert world.settled == [(0, 0)]
        assert world.told(Waiting) == [Waiting("dead-letter topic", "not now")]
        assert world.told(Resumed) == [Resumed("dead-letter topic")]
        assert world.assignment.in_flight == 0

    run(story())


def test_many_letters_that_wait_are_one_pause_which_ends_with_the_last_of_them() -> None:
    """One pair of facts for one spell; a later spell is told anew."""

    async def story() -> None:
        world = World(dict.fromkeys(range(5), POISON), letters_refused=7)
        await world.poll(*map(world.record, range(4)))
        await asyncio.sleep(0.5)
        assert len(world.told(Waiting)) == 1
        await asyncio.sleep(1)
        assert len(world.letters) == 1
        assert world.told(Resumed) == []
        await asyncio.sleep(1)
        assert len(world.letters) == 4
        assert len(world.told(Resumed)) == 1
        world.letters_refused = 1
        await world.poll(world.record(4))
        await asyncio.sleep(2)
        assert world.told(Waiting) == [Waiting("dead-letter topic", "not now")] * 2
        assert world.told(Resumed) == [Resumed("dead-letter topic")] * 2

    run(story())


def test_a_letter_is_not_begun_once_its_partition_drains() -> None:
    """The next owner reads the record and writes its letter; ours beside it would be a second."""

    async def story() -> None:
        world = World(
            {0: POISON, 1: Value([MappingRejected("BAD", "missing_uid", "no user", "user")])}
        )
        world.assignment.open = False
        await world.poll(world.record(0), world.record(1))
        await asyncio.sleep(5)
        assert (world.letters, world.settled, world.assignment.in_flight) == ([], [], 0)

    run(story())


def test_a_letter_that_waits_for_its_topic_is_left_when_its_partition_drains() -> None:
    """Nothing was written here, so the partition goes at once, and not after the drain's limit."""

    async def story() -> None:
        world = World({0: POISON}, letters_refused=2)
        await world.poll(world.record())
        await asyncio.sleep(0.5)
        world.assignment.open = False
        await asyncio.sleep(1)
        assert world.assignment.in_flight == 0
        await asyncio.sleep(10)
        assert (world.letters, world.settled) == ([], [])

    run(story())


@pytest.mark.parametrize("answer", [Done(), Reject("refused_by_fullstory", 400, "bad")])
def test_the_letters_of_a_record_half_done_are_written_while_its_partition_drains(
    answer: Done | Reject,
) -> None:
    """Its event was answered here: left to the next owner, it would be sent a second time."""

    async def story() -> None:
        rejected = [
            MappingRejected(name, "missing_uid", "no user", "user") for name in ("BAD", "WORSE")
        ]
        world = World({0: Value([rejected[0], event("a"), rejected[1]])}, answers={"a": answer})
        await world.poll(world.record())
        await asyncio.sleep(0.5)  # a is under way
        world.assignment.open = False
        await asyncio.sleep(5)
        refused = ["A"] * isinstance(answer, Reject)
        assert [one.failure.mapping for one in world.letters] == ["BAD", "WORSE", *refused]
        assert world.settled == [(0, 1)]
        assert world.assignment.in_flight == 0

    run(story())


def test_a_record_counts_once_by_the_worst_of_its_ends() -> None:
    """With any dead letter, else with any event delivered, else with nothing sent."""

    async def story() -> None:
        rejected = MappingRejected("BAD", "missing_uid", "no user", "user")
        skipped = MappingSkipped("GUEST", "no_uid")
        world = World(
            {
                0: Value([event("a"), rejected]),
                1: Value([event("b"), skipped]),
                2: Value([skipped, event("c", shadow=True)]),
                3: Value([event("d")]),
            },
            answers={"d": Skip("unknown_user")},
        )
        for offset in range(4):
            await world.poll(world.record(offset))
            await asyncio.sleep(5)
        fates = [cast("RecordsSettled", fact).fate for fact in world.told(RecordsSettled)]
        assert fates == ["dead_lettered", "sent", "filtered", "filtered"]

    run(story())


def test_an_event_that_cannot_be_built_is_a_dead_letter_of_its_mapping() -> None:
    """The other event of the record is sent all the same."""

    async def story() -> None:
        world = World({0: Value([event("large"), event("b")])})
        await world.poll(world.record())
        await asyncio.sleep(5)
        assert world.log == ["sending b", "sent b of B", "letter value_too_large", "settled 0"]
        assert world.letters[0].failure.mapping == "LARGE"
        assert ("fullstory_bridge.owner", b"the team of LARGE") in world.letters[0].headers
        assert world.settled == [(0, world.reserved["b"])]

    run(story())


@pytest.mark.parametrize("place", ["map", "send the first", "send the second"])
def test_a_mistake_of_our_own_is_a_dead_letter_and_the_others_flow_on(place: str) -> None:
    """Its message names the kind of error and no value; the budget that was taken is given back."""

    async def story() -> None:
        mistake = ZeroDivisionError("cus_42")
        events = [event("a"), event("b")]
        world = World({0: Value(mistake if place == "map" else events), 1: Value([event("c")])})
        if place != "map":
            world.answers["a" if place == "send the first" else "b"] = mistake
        await world.poll(world.record(0), world.record(1))
        await asyncio.sleep(5)
        [letter] = world.letters
        assert letter.failure.reason == "internal_error"
        assert "ZeroDivisionError" in letter.failure.message
        assert "cus_42" not in letter.failure.message
        taken = {"map": 0, "send the first": world.reserved.get("b", 0), "send the second": 2}
        assert dict(world.settled) == {0: taken[place], 1: 1}

    run(story())
