"""The path of a record when a mapping rejects too much, with everything around it played."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import cast

from bridge.delivery.decision import Done, Reject, Skip
from bridge.delivery.halts import fix_for_rejections
from bridge.delivery.rejection_rate import RejectionThreshold
from bridge.mapping.runtime.outcome import Event, MappingRejected, MappingSkipped, Outcome, Recent
from bridge.observer import HaltedScope
from bridge.records import Assignment
from tests.unit.fake_path import POISON, Value, World
from tests.unit.virtual_time import run, settle_down

TOLERANCE = RejectionThreshold(0.5, 500)
BAD = MappingRejected("t", "missing_uid", "no user", "user")
REFUSED = Reject("refused_by_fullstory", 400, "bad")


def _event(name: str, *, mapping: str = "t", shadow: bool = False) -> Event:
    moment = "2026-11-24T10:15:00.000Z"
    return Event(mapping, "u1", name, moment, Recent(), (), shadow=shadow)


Outcomes = Mapping[int, Outcome | Sequence[Outcome]]


def _world(outcomes: Outcomes) -> World:
    """Records by their offset, each with what the mappings make of it."""
    return World(_values(outcomes), rejection_threshold=TOLERANCE)


def _values(outcomes: Outcomes) -> dict[int, Value | Exception | None]:
    return {
        n: Value([one] if isinstance(one, Event | MappingSkipped | MappingRejected) else one)
        for n, one in outcomes.items()
    }


async def _poll(world: World, start: int, end: int, batch: int = 500) -> None:
    """Let Kafka bring records of the topic `t`, in batches."""
    for first in range(start, end, batch):
        await world.poll(*[world.record(n) for n in range(first, min(end, first + batch))])


def _halt(world: World) -> HaltedScope | None:
    """The one halt that was told."""
    told = [cast("HaltedScope", fact) for fact in world.told(HaltedScope)]
    assert len(told) <= 1
    return told[0] if told else None


def test_a_mapping_halts_before_the_record_that_is_too_much() -> None:
    """Though all were polled by then, no letter is begun; the other topics and letters go on."""

    async def story() -> None:
        world = _world(dict.fromkeys(range(1000), BAD) | {1001: _event("a", mapping="other")})
        world.values[1000] = POISON
        for start in range(0, 1000, 100):
            world.batches.put_nowait([world.record(n) for n in range(start, start + 100)])
        await world.poll(world.record(1000, topic="other"), world.record(1001, topic="other"))
        await asyncio.sleep(5)
        assert [letter.failure.reason for letter in world.letters] == ["truncated"]
        assert sorted(world.settled) == [(1000, 0), (1001, 1)]
        assert [topics("t") for topics in world.halted] == [True]
        assert _halt(world) == HaltedScope(
            "the topics of t",
            "20 of its last 20 matches were rejected, mostly: missing_uid at `user`",
            fix_for_rejections("t", "t/0/19"),
            "the team of t",
        )

    run(story())


def test_letters_and_events_that_were_begun_before_the_halt_come_to_their_end() -> None:
    """Neither comes again; the events that wait for their place are none of the rejected."""

    async def story() -> None:
        world = _world(dict.fromkeys(range(40), BAD) | {5: _event("a")})
        await _poll(world, 0, 10)
        await _poll(world, 10, 40)
        await asyncio.sleep(5)
        assert _halt(world) is not None
        assert sorted(world.settled) == [(n, int(n == 5)) for n in range(10)]
        assert len(world.letters) == 9

    run(story())


def test_a_letter_that_waits_for_its_topic_is_left_when_its_records_topic_halts() -> None:
    """Its record is read again after the mending, and needs no replay then."""

    async def story() -> None:
        world = _world(dict.fromkeys(range(40), BAD))
        world.letters_refused = 10
        await _poll(world, 0, 10)
        await asyncio.sleep(0.5)
        await _poll(world, 10, 40)
        await asyncio.sleep(5)
        assert (world.letters, world.settled, world.assignment.in_flight) == ([], [], 0)

    run(story())


def test_the_letter_of_a_record_half_delivered_is_written_though_its_topic_halts() -> None:
    """Left, its other event would be sent again."""

    async def story() -> None:
        world = _world({n: [_event("a", mapping="A"), BAD] for n in range(40)})
        await _poll(world, 0, 15)
        await asyncio.sleep(0.5)  # their events are under way
        await _poll(world, 15, 40)
        await asyncio.sleep(5)
        assert _halt(world) is not None
        assert sorted(world.settled) == [(n, 1) for n in range(19)]
        assert len(world.letters) == 19

    run(story())


def test_what_cannot_be_built_is_counted_in_the_order_of_the_records() -> None:
    """It is known at once, while the events between wait for FullStory: a third is not too much."""

    async def story() -> None:
        good, large = _event("good"), _event("large")
        world = _world({n: large if n % 3 == 2 else good for n in range(600)})
        world.send_takes_s = 100.0
        await _poll(world, 0, 600)
        await asyncio.sleep(5)
        assert _halt(world) is None
        assert len(world.letters) == 200
        world.values |= _values(dict.fromkeys(range(600, 1000), large))
        await _poll(world, 600, 1000)
        halt = _halt(world)
        assert halt is not None
        assert halt.why == "251 of its last 500 matches were rejected, mostly: value_too_large"

    run(story())


def test_guests_and_late_events_are_no_matches() -> None:
    """The backlog after an outage halts nothing, and guests excuse nothing."""

    async def story() -> None:
        late = _event("e")._replace(late="dead_letter")
        guest = MappingSkipped("t", "no_uid")
        world = _world({n: guest if n % 2 else late for n in range(100)})
        world.now_s = datetime.fromisoformat(late.timestamp).timestamp() + 1801
        await _poll(world, 0, 100)
        await asyncio.sleep(1)
        assert len(world.letters) == 50
        assert _halt(world) is None
        world.values |= _values(dict.fromkeys(range(100, 120), BAD))
        await _poll(world, 100, 120)
        assert _halt(world) is not None

    run(story())


def test_an_event_in_shadow_is_a_match() -> None:
    """Else a mapping that is tried out would be judged by its rejections alone."""

    async def story() -> None:
        shadow = _event("e", shadow=True)
        world = _world({n: BAD if n % 2 else shadow for n in range(200)})
        await _poll(world, 0, 200)
        assert _halt(world) is None

    run(story())


class Throttled(World):
    """A FullStory that takes ten requests at a time; who waits looks again whether it may begin."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.places = asyncio.Semaphore(10)

    async def send_event(
        self, request: str, mapping: str, assignment: Assignment, *, events: int
    ) -> tuple[Done | Skip | Reject, int]:
        """Answer when it was its turn."""
        async with self.places:
            self.send_takes_s += 0.01  # no two answers come at once
            return await super().send_event(request, mapping, assignment, events=events)


def test_a_mapping_that_fullstory_refuses_halts_and_no_more_of_its_topics_is_sent() -> None:
    """What waits for its place is left; the letters of what was answered are written."""

    async def story() -> None:
        world = Throttled(
            _values({n: _event("a") for n in range(500)} | {500: _event("b", mapping="other")}),
            answers={"a": REFUSED},
            rejection_threshold=TOLERANCE,
        )
        await _poll(world, 0, 500)
        elsewhere = Assignment("other", 0)
        await world.poll(world.record(500, topic="other")._replace(assignment=elsewhere))
        await asyncio.sleep(60)
        halt = _halt(world)
        assert halt is not None
        assert halt.why == (
            "20 of its last 20 events sent were rejected, mostly: refused_by_fullstory with"
            " status 400"
        )
        assert not world.assignment.open
        assert elsewhere.open
        assert (500, 1) in world.settled
        assert len(world.letters) == 29
        assert len(world.settled) == len(world.letters) + 1

    run(story())


def test_refusals_among_events_that_fullstory_takes_halt_nothing() -> None:
    """Nor does it when our own rejections beside them are known long before the answers."""

    async def story() -> None:
        kinds: list[Outcome] = [_event("a"), _event("b"), _event("b"), BAD]
        world = Throttled(
            _values({n: kinds[n % 4] for n in range(400)}),
            answers={"a": REFUSED},
            rejection_threshold=TOLERANCE,
        )
        await _poll(world, 0, 400)
        await asyncio.sleep(600)
        await settle_down()
        assert _halt(world) is None
        assert len(world.settled) == 400

    run(story())
