"""The pipeline with fake ports when a mapping exceeds the rejection threshold."""

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
from tests.unit.fake_path import POISON, FakePorts, Value
from tests.unit.virtual_time import run, settle_down

THRESHOLD = RejectionThreshold(0.5, 500)
BAD = MappingRejected("t", "missing_uid", "no user", "user")
REFUSED = Reject("refused_by_fullstory", 400, "bad")


def _event(name: str, *, mapping: str = "t", shadow: bool = False) -> Event:
    timestamp = "2026-11-24T10:15:00.000Z"
    return Event(mapping, "u1", name, timestamp, Recent(), (), shadow=shadow)


Outcomes = Mapping[int, Outcome | Sequence[Outcome]]


def _fakes(outcomes: Outcomes) -> FakePorts:
    """Fake ports with the outcomes of each record by offset."""
    return FakePorts(_values(outcomes), rejection_threshold=THRESHOLD)


def _values(outcomes: Outcomes) -> dict[int, Value | Exception | None]:
    return {
        n: Value([item] if isinstance(item, Event | MappingSkipped | MappingRejected) else item)
        for n, item in outcomes.items()
    }


async def _poll(fakes: FakePorts, start: int, end: int, batch: int = 500) -> None:
    """Deliver records of the topic `t` from Kafka, in batches."""
    for first in range(start, end, batch):
        await fakes.poll(*[fakes.record(n) for n in range(first, min(end, first + batch))])


def _halt(fakes: FakePorts) -> HaltedScope | None:
    """The halt, if there is one."""
    halts = [cast("HaltedScope", fact) for fact in fakes.facts_of(HaltedScope)]
    assert len(halts) <= 1
    return halts[0] if halts else None


def test_a_mapping_halts_before_the_record_that_exceeds_the_threshold() -> None:
    """All were polled by then, but none of its dead letters starts; other topics continue."""

    async def story() -> None:
        fakes = _fakes(dict.fromkeys(range(1000), BAD) | {1001: _event("a", mapping="other")})
        fakes.values[1000] = POISON
        for start in range(0, 1000, 100):
            fakes.batches.put_nowait([fakes.record(n) for n in range(start, start + 100)])
        await fakes.poll(fakes.record(1000, topic="other"), fakes.record(1001, topic="other"))
        await asyncio.sleep(5)
        assert [letter.failure.reason for letter in fakes.dead_letters] == ["truncated"]
        assert sorted(fakes.settled) == [(1000, 0), (1001, 1)]
        assert [topics("t") for topics in fakes.halted] == [True]
        assert _halt(fakes) == HaltedScope(
            "the topics of t",
            "20 of its last 20 matches were rejected, mostly: missing_uid at `user`",
            fix_for_rejections("t", "t/0/19"),
            "the team of t",
        )

    run(story())


def test_dead_letters_and_events_in_flight_before_the_halt_are_finished() -> None:
    """Neither repeats; queued events do not count as rejected."""

    async def story() -> None:
        fakes = _fakes(dict.fromkeys(range(40), BAD) | {5: _event("a")})
        await _poll(fakes, 0, 10)
        await _poll(fakes, 10, 40)
        await asyncio.sleep(5)
        assert _halt(fakes) is not None
        assert sorted(fakes.settled) == [(n, int(n == 5)) for n in range(10)]
        assert len(fakes.dead_letters) == 9

    run(story())


def test_a_waiting_dead_letter_is_abandoned_when_the_topic_of_its_record_halts() -> None:
    """Its record is read again after the fix, and then needs no replay."""

    async def story() -> None:
        fakes = _fakes(dict.fromkeys(range(40), BAD))
        fakes.refused_writes = 10
        await _poll(fakes, 0, 10)
        await asyncio.sleep(0.5)
        await _poll(fakes, 10, 40)
        await asyncio.sleep(5)
        assert (fakes.dead_letters, fakes.settled, fakes.assignment.in_flight) == ([], [], 0)

    run(story())


def test_the_dead_letter_of_a_partly_delivered_record_is_written_despite_a_halt() -> None:
    """Otherwise its other event would be sent again."""

    async def story() -> None:
        fakes = _fakes({n: [_event("a", mapping="A"), BAD] for n in range(40)})
        await _poll(fakes, 0, 15)
        await asyncio.sleep(0.5)  # their events are in flight
        await _poll(fakes, 15, 40)
        await asyncio.sleep(5)
        assert _halt(fakes) is not None
        assert sorted(fakes.settled) == [(n, 1) for n in range(19)]
        assert len(fakes.dead_letters) == 19

    run(story())


def test_events_that_cannot_be_built_are_counted_in_record_order() -> None:
    """They fail immediately while other events wait for FullStory: one third is below the limit."""

    async def story() -> None:
        good, large = _event("good"), _event("large")
        fakes = _fakes({n: large if n % 3 == 2 else good for n in range(600)})
        fakes.send_takes_s = 100.0
        await _poll(fakes, 0, 600)
        await asyncio.sleep(5)
        assert _halt(fakes) is None
        assert len(fakes.dead_letters) == 200
        fakes.values |= _values(dict.fromkeys(range(600, 1000), large))
        await _poll(fakes, 600, 1000)
        halt = _halt(fakes)
        assert halt is not None
        assert halt.why == "251 of its last 500 matches were rejected, mostly: value_too_large"

    run(story())


def test_guests_and_late_events_do_not_count_as_matches() -> None:
    """The backlog after an outage halts nothing, and guests do not dilute rejections."""

    async def story() -> None:
        late = _event("e")._replace(late="dead_letter")
        guest = MappingSkipped("t", "no_uid")
        fakes = _fakes({n: guest if n % 2 else late for n in range(100)})
        fakes.now_s = datetime.fromisoformat(late.timestamp).timestamp() + 1801
        await _poll(fakes, 0, 100)
        await asyncio.sleep(1)
        assert len(fakes.dead_letters) == 50
        assert _halt(fakes) is None
        fakes.values |= _values(dict.fromkeys(range(100, 120), BAD))
        await _poll(fakes, 100, 120)
        assert _halt(fakes) is not None

    run(story())


def test_a_shadow_event_counts_as_a_match() -> None:
    """Otherwise only the rejections of a mapping in shadow mode would count."""

    async def story() -> None:
        shadow = _event("e", shadow=True)
        fakes = _fakes({n: BAD if n % 2 else shadow for n in range(200)})
        await _poll(fakes, 0, 200)
        assert _halt(fakes) is None

    run(story())


class Throttled(FakePorts):
    """Fake ports with ten concurrent requests; a waiting one checks again before it starts."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.slots = asyncio.Semaphore(10)

    async def send_event(
        self, request: str, mapping: str, assignment: Assignment, *, events: int
    ) -> tuple[Done | Skip | Reject, int]:
        """Answer once a slot is free."""
        async with self.slots:
            self.send_takes_s += 0.01  # no two answers come at the same time
            return await super().send_event(request, mapping, assignment, events=events)


def test_refusals_by_fullstory_halt_a_mapping_and_its_topics_send_nothing_more() -> None:
    """Waiting events are abandoned; answered ones get their dead letters."""

    async def story() -> None:
        fakes = Throttled(
            _values({n: _event("a") for n in range(500)} | {500: _event("b", mapping="other")}),
            answers={"a": REFUSED},
            rejection_threshold=THRESHOLD,
        )
        await _poll(fakes, 0, 500)
        other = Assignment("other", 0)
        await fakes.poll(fakes.record(500, topic="other")._replace(assignment=other))
        await asyncio.sleep(60)
        halt = _halt(fakes)
        assert halt is not None
        assert halt.why == (
            "20 of its last 20 events sent were rejected, mostly: refused_by_fullstory with"
            " status 400"
        )
        assert not fakes.assignment.open
        assert other.open
        assert (500, 1) in fakes.settled
        assert len(fakes.dead_letters) == 29
        assert len(fakes.settled) == len(fakes.dead_letters) + 1

    run(story())


def test_refusals_among_accepted_events_do_not_halt() -> None:
    """Nor do rejections by the mapping that are known long before the answers."""

    async def story() -> None:
        kinds: list[Outcome] = [_event("a"), _event("b"), _event("b"), BAD]
        fakes = Throttled(
            _values({n: kinds[n % 4] for n in range(400)}),
            answers={"a": REFUSED},
            rejection_threshold=THRESHOLD,
        )
        await _poll(fakes, 0, 400)
        await asyncio.sleep(600)
        await settle_down()
        assert _halt(fakes) is None
        assert len(fakes.settled) == 400

    run(story())
