"""Missing schemas and halts: which records the pipeline does not start."""

import asyncio

from bridge.delivery.halts import ALL_HALTED, ALL_HALTED_FIX, FIX_THE_MAPPING, HaltedTopic
from bridge.errors import PoisonRecord, Unavailable
from bridge.mapping.runtime.outcome import (
    MappingRejected,
)
from bridge.observer import (
    EVERY_TOPIC,
    EventSkipped,
    HaltedScope,
    Resumed,
    Waiting,
)
from tests.unit.fake_path import POISON, FakePorts, Value, event
from tests.unit.virtual_time import run


def test_a_record_waits_for_its_schema_without_blocking_other_records() -> None:
    """However long the registry outage lasts; then it continues normally."""

    async def story() -> None:
        down = Unavailable("no answer")
        fakes = FakePorts(
            {0: None, 1: Value([event("b")])}, registry=[down, down, Value([event("a")])]
        )
        await fakes.poll(fakes.record(0), fakes.record(1))
        await asyncio.sleep(1.5)
        assert fakes.settled == [(1, 1)]
        assert fakes.facts_of(Resumed) == []
        await asyncio.sleep(3)
        assert fakes.settled == [(1, 1), (0, 1)]
        assert fakes.facts_of(Waiting) == [Waiting("schema registry", "no answer")]
        assert fakes.facts_of(Resumed) == [Resumed("schema registry")]

    run(story())


def test_a_halt_starts_neither_its_record_nor_later_records_of_the_topics() -> None:
    """Records in flight are finished, and other topics continue."""

    async def story() -> None:
        halting = MappingRejected(
            "t", "invalid_uid", "this uid cannot be sent to FullStory", halt=True
        )
        fakes = FakePorts(
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
        first = [fakes.record(0), fakes.record(1), fakes.record(2), fakes.record(3, topic="t2")]
        await fakes.poll(*first)
        await fakes.poll(fakes.record(4), fakes.record(5), fakes.record(6, topic="other"))
        await asyncio.sleep(5)
        assert fakes.log[:2] == ["sending a", "sending d"]
        assert sorted(fakes.log[2:]) == ["sent a of A", "sent d of D", "settled 0", "settled 6"]
        assert sorted(fakes.settled) == [(0, 1), (6, 1)]
        assert [topics("t") for topics in fakes.halted] == [True]
        why = "invalid_uid: this uid cannot be sent to FullStory (t/0/1)"
        assert fakes.facts_of(HaltedScope) == [
            HaltedScope("the topics of t", why, FIX_THE_MAPPING, "the team of t")
        ]
        assert fakes.dead_letters == []

    run(story())


def test_everything_is_halted_once_no_topic_is_left() -> None:
    """A second fact follows the halt of the last topic; the same topics are reported once."""

    async def story() -> None:
        fakes = FakePorts(
            {
                offset: Value([MappingRejected(mapping, "invalid_uid", "no", halt=True)])
                for offset, mapping in enumerate(["t", "twin", "other"])
            }
        )
        await fakes.poll(fakes.record(0, topic="t"))
        assert [halt.scope for halt in fakes.halts] == ["the topics of t"]
        await fakes.poll(fakes.record(1, topic="x"))
        assert len(fakes.halted) == 1
        await fakes.poll(fakes.record(2, topic="other"))
        assert [halt.scope for halt in fakes.halts] == [
            "the topics of t",
            "the topics of other",
            EVERY_TOPIC,
        ]
        assert fakes.halts[-1] == HaltedScope(EVERY_TOPIC, ALL_HALTED, ALL_HALTED_FIX)

    run(story())


def test_a_schema_that_does_not_exist_makes_a_dead_letter() -> None:
    """The registry is sure that it has none, so a retry never succeeds."""

    async def story() -> None:
        unknown = PoisonRecord("no schema 7", stage="decode", reason="unknown_schema_id")
        fakes = FakePorts({0: None}, registry=[unknown])
        await fakes.poll(fakes.record())
        await asyncio.sleep(1)
        assert fakes.log == ["dead letter unknown_schema_id", "settled 0"]

    run(story())


def test_a_record_that_waits_for_its_schema_is_abandoned_when_its_partition_drains() -> None:
    """It is not settled, and the registry requests end."""

    async def story() -> None:
        fakes = FakePorts({0: None}, registry=[Unavailable("no answer")] * 3)
        await fakes.poll(fakes.record())
        await asyncio.sleep(0.5)
        fakes.assignment.open = False
        await asyncio.sleep(10)
        assert fakes.settled == []
        assert len(fakes.registry) == 2
        assert fakes.facts_of(Resumed) == [Resumed("schema registry")]

    run(story())


def test_a_record_without_a_value_is_never_decoded() -> None:
    """It is mapped with the topic's plan for tombstones."""

    async def story() -> None:
        fakes = FakePorts()
        await fakes.poll(fakes.record(value=None))
        await asyncio.sleep(1)
        assert fakes.settled == [(0, 0)]
        assert fakes.facts_of(EventSkipped) == [EventSkipped("deleted", "a tombstone")]

    run(story())


def test_a_topic_that_is_halted_at_the_start_is_left_alone_and_the_others_run() -> None:
    """None of its records is begun or settled; a later halt of all others halts everything."""

    async def story() -> None:
        values = {0: Value([event("a")]), 1: Value([event("b")])}
        halting = MappingRejected("other", "invalid_uid", "no", halt=True)
        fakes = FakePorts(
            {**values, 2: Value([halting])},
            halted_topics=[HaltedTopic("t", "its schema does not fit", "mend it", "the shop")],
        )
        await fakes.poll(fakes.record(0), fakes.record(1, topic="orders"))
        await asyncio.sleep(2)
        assert fakes.log == ["sending b", "sent b of B", "settled 1"]
        assert [[topics(name) for name in ("t", "orders")] for topics in fakes.halted] == [
            [True, False]
        ]
        halt = HaltedScope("the topic t", "its schema does not fit", "mend it", "the shop")
        assert fakes.halts == [halt]
        await fakes.poll(fakes.record(2, topic="other"))
        assert [halt.scope for halt in fakes.halts[1:]] == ["the topics of other", EVERY_TOPIC]

    run(story())
