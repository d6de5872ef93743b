"""Where a replay differs from the normal pipeline: its source, and which mappings apply."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import cast

import pytest

from bridge.app.replay import DeadLetterSource, ReplayCounts, ReplayScope
from bridge.app.selected_mapping import SelectedMapping
from bridge.delivery.dead_letter import MAPPING, DeadLetterContext, Failure, dead_letter
from bridge.delivery.dead_letter_reader import DeadLetterFilter
from bridge.delivery.halts import Topics
from bridge.errors import PoisonRecord
from bridge.mapping.runtime.outcome import MappingRejected, MappingSkipped, Outcome
from bridge.observer import RecordsFiltered, RecordsSettled
from bridge.records import Assignment, Record

FAILURE = Failure("map", "missing_uid", "no user", "paid", "user")
OUTCOMES: list[Outcome] = [MappingSkipped("paid", "no_uid"), MappingSkipped("refunded", "no_uid")]


def letter(offset: int, failure: Failure = FAILURE, group: str = "bridge") -> Record:
    """Return the dead letter of record payments/3/42, at an offset of the dead-letter topic."""
    original = Record("payments", 3, 42, 1, b"k", b"v", Assignment("payments", 3))
    headers = dead_letter(original, failure, DeadLetterContext(group), 0).headers
    return Record("l", 0, offset, 1, b"k", b"v", Assignment("l", 0), lambda: headers)


class FakeSource:
    """A source with one batch."""

    def __init__(self, batch: Sequence[Record]) -> None:
        self._batch = list(batch)
        self.settled: list[tuple[str, int]] = []

    async def __aiter__(self) -> AsyncIterator[list[Record]]:
        yield self._batch

    def settle(self, record: Record, events: int) -> None:
        """Record a settle."""
        self.settled.append((record.place, events))

    def halt(self, topics: Topics) -> None:
        """Fail: a replay never halts."""
        pytest.fail("a replay halts nothing")


def scope(selected: DeadLetterFilter, replayed: Sequence[int] = ()) -> ReplayScope:
    """Return the scope of a replay of l/0; other filters have replayed some offsets."""
    return ReplayScope(selected, ["l"], {}, {}, {("l", 0): replayed}, {})


def read_all(source: DeadLetterSource) -> list[Record]:
    """Return all records of a source."""

    async def read() -> list[Record]:
        return [record async for batch in source for record in batch]

    return asyncio.run(read())


def test_dead_letters_become_their_original_records_and_settle_in_their_own_topic() -> None:
    """Also two dead letters of one record, in any order of settling."""
    source = FakeSource([letter(7), letter(9)])
    originals = DeadLetterSource(source, scope(DeadLetterFilter("bridge")), ReplayCounts())
    first, second = read_all(originals)
    assert [first.place, second.place] == ["payments/3/42"] * 2
    originals.settle(second, 2)
    originals.settle(first, 0)
    assert source.settled == [("l/0/9", 2), ("l/0/7", 0)]


def test_records_that_do_not_match_the_filter_are_settled_immediately_and_counted() -> None:
    """Another reason, a dead letter of another group, and a record that is no dead letter."""
    other_reason = letter(7, Failure("decode", "truncated", "m"))
    unrelated = letter(9)._replace(read_headers=lambda: [("a", b"b")])
    source = FakeSource([other_reason, letter(8, group="x"), unrelated])
    selected = DeadLetterFilter("bridge", frozenset({"missing_uid"}))
    counts = ReplayCounts()
    assert read_all(DeadLetterSource(source, scope(selected), counts)) == []
    assert source.settled == [("l/0/7", 0), ("l/0/8", 0), ("l/0/9", 0)]
    assert str(counts) == (
        "0 read = 0 sent + 0 filtered + 0 dead-lettered again, 3 not matched by the filter"
    )


def test_what_a_replay_with_another_filter_settled_is_settled_immediately_and_counted() -> None:
    """Both filters match it, and v1 would apply its event twice."""
    source, counts = FakeSource([letter(7), letter(8)]), ReplayCounts()
    selected = scope(DeadLetterFilter("bridge"), replayed=[7, 9])
    assert len(read_all(DeadLetterSource(source, selected, counts))) == 1
    assert source.settled == [("l/0/7", 0)]
    assert str(counts).endswith("0 not matched by the filter, 1 replayed before by another")


class FakePlan:
    """A plan of two mappings."""

    def map(self, _record: Record, _value: object, _name: str | None = None) -> Sequence[Outcome]:
        """Return an outcome of each."""
        return OUTCOMES


def replay(mapping: str | None, known: Sequence[str] = ("paid", "refunded")) -> Sequence[Outcome]:
    """Return the outcomes of a dead letter of a mapping."""
    headers = [] if mapping is None else [(MAPPING, mapping.encode())]
    record = Record("t", 0, 0, 1, None, b"v", Assignment("t", 0), lambda: headers)
    return SelectedMapping(FakePlan(), lambda _: known).map(record, "value")


def test_only_the_mapping_that_rejected_the_record_applies() -> None:
    """The others have processed it already and would send it again."""
    assert replay("refunded") == [OUTCOMES[1]]


def test_a_mapping_that_halts_writes_another_dead_letter_instead() -> None:
    """Other records of its topic continue."""

    class HaltingPlan:
        """A plan whose mapping halts."""

        def map(self, *_: object) -> Sequence[Outcome]:
            """Return the halting outcome."""
            return [MappingRejected("paid", "missing_uid", "no uid", halt=True)]

    record = Record("t", 0, 0, 1, None, b"v", Assignment("t", 0))
    [outcome] = SelectedMapping(HaltingPlan(), lambda _: ["paid"]).map(record, "value")
    assert outcome == MappingRejected("paid", "missing_uid", "no uid")


def test_all_mappings_apply_if_the_record_was_never_mapped() -> None:
    """It could not be decoded."""
    assert replay(None) == OUTCOMES


def test_a_dead_letter_of_a_deleted_mapping_is_rejected_in_the_name_of_that_mapping() -> None:
    """Counted as filtered it would be lost silently; without a name all mappings would run."""
    [outcome] = replay("gone")
    assert outcome == MappingRejected("gone", "mapping_gone", "no mapping of this name reads t")
    with pytest.raises(PoisonRecord, match="no mapping reads t") as raised:
        replay(None, known=())
    assert raised.value.reason == "mapping_gone"


def test_the_counts_add_up() -> None:
    """A dead letter counts once: sent, filtered, or dead-lettered again."""
    counts = ReplayCounts()
    for fact in [
        RecordsFiltered("t"),
        *(RecordsSettled("t", outcome) for outcome in ("sent", "filtered", "sent")),
    ]:
        counts.notify(cast("RecordsSettled", fact))
    counts.notify(RecordsSettled("t", "dead_lettered"))
    assert str(counts) == (
        "5 read = 2 sent + 2 filtered + 1 dead-lettered again, 0 not matched by the filter"
    )
