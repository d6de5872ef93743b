"""When the pipeline writes dead letters, and when it does not."""

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
from tests.unit.fake_path import POISON, FakePorts, Value, event
from tests.unit.virtual_time import run


def test_a_poison_record_is_settled_after_its_dead_letter_is_acknowledged() -> None:
    """The dead letter has the stage, the field and the byte offset where decoding stopped."""

    async def story() -> None:
        fakes = FakePorts({0: POISON})
        await fakes.poll(fakes.record())
        assert fakes.settled == []
        assert fakes.assignment.in_flight == 1
        await asyncio.sleep(1)
        assert fakes.log == ["dead letter truncated", "settled 0"]
        failure = fakes.dead_letters[0].failure
        assert (failure.stage, failure.path, failure.byte_offset) == ("decode", "a.b", 9)
        assert fakes.facts_of(DeadLettered) == [DeadLettered(None, "decode", "truncated", "t/0/0")]

    run(story())


def test_a_dead_letter_is_retried_until_kafka_acknowledges_it() -> None:
    """Meanwhile the record is not settled, and its partition is not released."""

    async def story() -> None:
        fakes = FakePorts({0: POISON}, refused_writes=3)
        await fakes.poll(fakes.record())
        await asyncio.sleep(2.5)
        assert (fakes.settled, fakes.dead_letters, fakes.assignment.in_flight) == ([], [], 1)
        assert fakes.facts_of(DeadLettered) == []
        await asyncio.sleep(2)
        assert fakes.settled == [(0, 0)]
        assert fakes.facts_of(Waiting) == [Waiting("dead-letter topic", "not now")]
        assert fakes.facts_of(Resumed) == [Resumed("dead-letter topic")]
        assert fakes.assignment.in_flight == 0

    run(story())


def test_many_waiting_dead_letters_are_one_outage_which_ends_with_the_last_of_them() -> None:
    """Each outage emits one `Waiting` and one `Resumed`, a later one again."""

    async def story() -> None:
        fakes = FakePorts(dict.fromkeys(range(5), POISON), refused_writes=7)
        await fakes.poll(*map(fakes.record, range(4)))
        await asyncio.sleep(0.5)
        assert len(fakes.facts_of(Waiting)) == 1
        await asyncio.sleep(1)
        assert len(fakes.dead_letters) == 1
        assert fakes.facts_of(Resumed) == []
        await asyncio.sleep(1)
        assert len(fakes.dead_letters) == 4
        assert len(fakes.facts_of(Resumed)) == 1
        fakes.refused_writes = 1
        await fakes.poll(fakes.record(4))
        await asyncio.sleep(2)
        assert fakes.facts_of(Waiting) == [Waiting("dead-letter topic", "not now")] * 2
        assert fakes.facts_of(Resumed) == [Resumed("dead-letter topic")] * 2

    run(story())


def test_a_dead_letter_is_not_started_while_its_partition_drains() -> None:
    """The next owner reads the record and writes it; a second one would be a duplicate."""

    async def story() -> None:
        fakes = FakePorts(
            {0: POISON, 1: Value([MappingRejected("BAD", "missing_uid", "no user", "user")])}
        )
        fakes.assignment.open = False
        await fakes.poll(fakes.record(0), fakes.record(1))
        await asyncio.sleep(5)
        assert (fakes.dead_letters, fakes.settled, fakes.assignment.in_flight) == ([], [], 0)

    run(story())


def test_a_waiting_dead_letter_is_abandoned_when_its_partition_drains() -> None:
    """Nothing was written, so the partition is released at once, not after the drain timeout."""

    async def story() -> None:
        fakes = FakePorts({0: POISON}, refused_writes=2)
        await fakes.poll(fakes.record())
        await asyncio.sleep(0.5)
        fakes.assignment.open = False
        await asyncio.sleep(1)
        assert fakes.assignment.in_flight == 0
        await asyncio.sleep(10)
        assert (fakes.dead_letters, fakes.settled) == ([], [])

    run(story())


@pytest.mark.parametrize("answer", [Done(), Reject("refused_by_fullstory", 400, "bad")])
def test_dead_letters_of_a_partly_answered_record_are_written_while_its_partition_drains(
    answer: Done | Reject,
) -> None:
    """FullStory has answered one of its events; the next owner would send it a second time."""

    async def story() -> None:
        rejected = [
            MappingRejected(name, "missing_uid", "no user", "user") for name in ("BAD", "WORSE")
        ]
        fakes = FakePorts({0: Value([rejected[0], event("a"), rejected[1]])}, answers={"a": answer})
        await fakes.poll(fakes.record())
        await asyncio.sleep(0.5)  # a is in flight
        fakes.assignment.open = False
        await asyncio.sleep(5)
        refused = ["A"] * isinstance(answer, Reject)
        assert [one.failure.mapping for one in fakes.dead_letters] == ["BAD", "WORSE", *refused]
        assert fakes.settled == [(0, 1)]
        assert fakes.assignment.in_flight == 0

    run(story())


def test_a_record_counts_once_by_its_worst_outcome() -> None:
    """Dead-lettered with any dead letter, else sent with any delivered event, else filtered."""

    async def story() -> None:
        rejected = MappingRejected("BAD", "missing_uid", "no user", "user")
        skipped = MappingSkipped("GUEST", "no_uid")
        fakes = FakePorts(
            {
                0: Value([event("a"), rejected]),
                1: Value([event("b"), skipped]),
                2: Value([skipped, event("c", shadow=True)]),
                3: Value([event("d")]),
            },
            answers={"d": Skip("unknown_user")},
        )
        for offset in range(4):
            await fakes.poll(fakes.record(offset))
            await asyncio.sleep(5)
        facts = [cast("RecordsSettled", fact) for fact in fakes.facts_of(RecordsSettled)]
        assert [fact.outcome for fact in facts] == ["dead_lettered", "sent", "filtered", "filtered"]

    run(story())


def test_an_event_that_cannot_be_built_is_a_dead_letter_of_its_mapping() -> None:
    """The other event of the record is still sent."""

    async def story() -> None:
        fakes = FakePorts({0: Value([event("large"), event("b")])})
        await fakes.poll(fakes.record())
        await asyncio.sleep(5)
        assert fakes.log == ["sending b", "sent b of B", "dead letter value_too_large", "settled 0"]
        assert fakes.dead_letters[0].failure.mapping == "LARGE"
        assert ("fullstory_bridge.owner", b"the team of LARGE") in fakes.dead_letters[0].headers
        assert fakes.settled == [(0, fakes.reserved["b"])]

    run(story())


@pytest.mark.parametrize("place", ["map", "send the first", "send the second"])
def test_an_internal_error_becomes_a_dead_letter_and_other_records_continue(place: str) -> None:
    """The message names the error class and no value; the reserved budget is released."""

    async def story() -> None:
        bug = ZeroDivisionError("cus_42")
        events = [event("a"), event("b")]
        fakes = FakePorts({0: Value(bug if place == "map" else events), 1: Value([event("c")])})
        if place != "map":
            fakes.answers["a" if place == "send the first" else "b"] = bug
        await fakes.poll(fakes.record(0), fakes.record(1))
        await asyncio.sleep(5)
        [letter] = fakes.dead_letters
        assert letter.failure.reason == "internal_error"
        assert "ZeroDivisionError" in letter.failure.message
        assert "cus_42" not in letter.failure.message
        reserved = {"map": 0, "send the first": fakes.reserved.get("b", 0), "send the second": 2}
        assert dict(fakes.settled) == {0: reserved[place], 1: 1}

    run(story())
