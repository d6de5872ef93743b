"""The pipeline with fake ports when nearly nothing of a topic can be decoded."""

import asyncio
from typing import cast

from bridge.delivery.rejection_rate import NEVER_EXCEEDED, RejectionThreshold
from bridge.errors import PoisonRecord
from bridge.mapping.runtime.outcome import MappingSkipped
from bridge.observer import HaltedScope
from tests.unit.fake_path import POISON, FakePorts, Value
from tests.unit.virtual_time import run

THRESHOLD = RejectionThreshold(0.5, 500)
DECODED = Value([MappingSkipped("t", "no_uid")])


def _fakes(values: dict[int, Value | Exception | None], **more: object) -> FakePorts:
    return FakePorts(values, **({"rejection_threshold": THRESHOLD} | more))  # type: ignore[arg-type]


async def _poll(fakes: FakePorts, count: int, topic: str = "t") -> None:
    """Deliver records from Kafka and let all of their work end."""
    await fakes.poll(*[fakes.record(n, topic=topic) for n in range(count)])
    await asyncio.sleep(5)


def test_a_topic_of_which_nothing_decodes_is_halted_and_its_records_stay_unsettled() -> None:
    """The reason says what the bytes look like; no dead letter is written."""

    async def story() -> None:
        fakes = _fakes(dict.fromkeys(range(300), POISON))
        await _poll(fakes, 300)
        assert (fakes.dead_letters, fakes.settled) == ([], [])
        [halt] = [cast("HaltedScope", fact) for fact in fakes.facts_of(HaltedScope)]
        assert (halt.scope, halt.owner) == ("the topic t", "the team of t")
        assert halt.why == (
            "20 of its last 20 records cannot be decoded, mostly: truncated."
            " The bytes of t/0/19 look like JSON"
        )
        assert halt.fix.startswith("write Avro. `fullstory-bridge explain t/0/19` shows")

    run(story())


def test_another_topic_continues_after_a_halt() -> None:
    """One topic's format is its own trouble."""

    async def story() -> None:
        fakes = _fakes(dict.fromkeys(range(30), POISON))
        await _poll(fakes, 30)
        fakes.values = dict.fromkeys(range(30), DECODED)
        await _poll(fakes, 30, topic="other")
        assert len(fakes.settled) == 30

    run(story())


def test_damaged_records_among_good_ones_become_dead_letters() -> None:
    """Fewer than half of the last records are damaged."""

    async def story() -> None:
        fakes = _fakes({n: DECODED if n % 3 else POISON for n in range(600)})
        await _poll(fakes, 600)
        assert fakes.facts_of(HaltedScope) == []
        assert len(fakes.dead_letters) == 200

    run(story())


def test_records_that_the_prefilter_skips_count_as_decoded() -> None:
    """Only few records of a topic reach the pipeline if its filters are narrow."""

    async def story() -> None:
        fakes = _fakes(dict.fromkeys(range(30), POISON), skipped={"t": 1_000})
        await _poll(fakes, 30)
        assert fakes.facts_of(HaltedScope) == []
        assert len(fakes.dead_letters) == 30

    run(story())


def test_a_schema_that_the_registry_does_not_have_counts() -> None:
    """Its records cannot be decoded either; dead letters in flight at the halt are finished."""

    async def story() -> None:
        fakes = _fakes(dict.fromkeys(range(30)))
        fakes.registry = [POISON] * 30
        await _poll(fakes, 30)
        assert len(fakes.facts_of(HaltedScope)) == 1
        assert len(fakes.dead_letters) == 19

    run(story())


def test_a_schema_that_the_mappings_do_not_fit_does_not_count() -> None:
    """The records decode; `check` reports the mappings."""

    async def story() -> None:
        unfit = PoisonRecord("it does not fit", stage="map", reason="schema_does_not_fit")
        fakes = _fakes(dict.fromkeys(range(30), unfit))
        await _poll(fakes, 30)
        assert fakes.facts_of(HaltedScope) == []
        assert len(fakes.dead_letters) == 30

    run(story())


def test_without_a_threshold_every_undecodable_record_becomes_a_dead_letter() -> None:
    """A replay has none: all of its records failed before."""

    async def story() -> None:
        fakes = _fakes(dict.fromkeys(range(300), POISON), rejection_threshold=NEVER_EXCEEDED)
        await _poll(fakes, 300)
        assert fakes.facts_of(HaltedScope) == []
        assert len(fakes.dead_letters) == 300

    run(story())
