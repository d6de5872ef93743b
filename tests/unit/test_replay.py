"""What differs between a replay and the path: its source, and the mappings that count."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import cast

import pytest

from bridge.app.replay import DeadLetterSource, ReplayCounts, ReplayWork, SelectedMapping
from bridge.delivery.dead_letter import MAPPING, DeadLetterContext, Failure, dead_letter
from bridge.delivery.dead_letter_reader import DeadLetterFilter
from bridge.delivery.halts import Topics
from bridge.errors import PoisonRecord
from bridge.mapping.runtime.outcome import MappingRejected, MappingSkipped, Outcome
from bridge.observer import RecordsFiltered, RecordsSettled
from bridge.records import Assignment, Record

FAILURE = Failure("map", "missing_uid", "no user", "paid", "user")
OUTCOMES: list[Outcome] = [MappingSkipped("paid", "no_uid"), MappingSkipped("refunded", "no_uid")]


def lying(offset: int, failure: Failure = FAILURE, group: str = "bridge") -> Record:
    """The letter of record 42 of payments/3, at an offset of the dead-letter topic."""
    first = Record("payments", 3, 42, 1, b"k", b"v", Assignment("payments", 3))
    headers = dead_letter(first, failure, DeadLetterContext(group), 0).headers
    return Record("l", 0, offset, 1, b"k", b"v", Assignment("l", 0), lambda: headers)


class Played:
    """A source with one batch."""

    def __init__(self, batch: Sequence[Record]) -> None:
        self._batch = list(batch)
        self.settled: list[tuple[str, int]] = []

    async def __aiter__(self) -> AsyncIterator[list[Record]]:
        yield self._batch

    def settle(self, record: Record, events: int) -> None:
        """Note it."""
        self.settled.append((record.place, events))

    def halt(self, topics: Topics) -> None:
        """Nobody asks for it."""
        pytest.fail("a replay halts nothing")


def work(meant: DeadLetterFilter, replayed: Sequence[int] = ()) -> ReplayWork:
    """What lies in l/0, of which other filters' replays have ended some."""
    return ReplayWork(meant, ["l"], {}, {}, {("l", 0): replayed}, {})


def taken(letters: DeadLetterSource) -> list[Record]:
    """All records that come."""

    async def take() -> list[Record]:
        return [record async for batch in letters for record in batch]

    return asyncio.run(take())


def test_letters_come_as_the_records_that_they_were_and_are_settled_where_they_lie() -> None:
    """Two letters of one record too, in whatever order they are settled."""
    source = Played([lying(7), lying(9)])
    letters = DeadLetterSource(source, work(DeadLetterFilter("bridge")), ReplayCounts())
    first, second = taken(letters)
    assert [first.place, second.place] == ["payments/3/42"] * 2
    letters.settle(second, 2)
    letters.settle(first, 0)
    assert source.settled == [("l/0/9", 2), ("l/0/7", 0)]


def test_what_is_not_meant_is_settled_at_once_and_counted() -> None:
    """Another reason, another group's letter, and no letter at all."""
    stranger = lying(9)._replace(read_headers=lambda: [("a", b"b")])
    source = Played([lying(7, Failure("decode", "truncated", "m")), lying(8, group="x"), stranger])
    tally = ReplayCounts()
    assert (
        taken(
            DeadLetterSource(
                source, work(DeadLetterFilter("bridge", frozenset({"missing_uid"}))), tally
            )
        )
        == []
    )
    assert source.settled == [("l/0/7", 0), ("l/0/8", 0), ("l/0/9", 0)]
    assert str(tally) == (
        "0 read = 0 sent + 0 filtered + 0 dead-lettered again, 3 not matched by the filter"
    )


def test_what_another_filters_replay_has_ended_is_settled_at_once_and_counted() -> None:
    """Both filters match it, and v1 would take its event twice."""
    source, tally = Played([lying(7), lying(8)]), ReplayCounts()
    assert (
        len(
            taken(
                DeadLetterSource(source, work(DeadLetterFilter("bridge"), replayed=[7, 9]), tally)
            )
        )
        == 1
    )
    assert source.settled == [("l/0/7", 0)]
    assert str(tally).endswith("0 not matched by the filter, 1 replayed before by another")


class Plays:
    """A plan of two mappings."""

    def map(self, _record: Record, _value: object, _name: str | None = None) -> Sequence[Outcome]:
        """An outcome of each."""
        return OUTCOMES


def chosen(mapping: str | None, known: Sequence[str] = ("paid", "refunded")) -> Sequence[Outcome]:
    """What becomes of a letter of a mapping."""
    headers = [] if mapping is None else [(MAPPING, mapping.encode())]
    record = Record("t", 0, 0, 1, None, b"v", Assignment("t", 0), lambda: headers)
    return SelectedMapping(Plays(), lambda _: known).map(record, "value")


def test_only_the_mapping_that_rejected_the_record_counts() -> None:
    """The others have had it: they would send it again."""
    assert chosen("refunded") == [OUTCOMES[1]]


def test_what_would_halt_is_written_again() -> None:
    """The letter waits where letters wait; the others of its topic go on."""

    class Halts:
        """A plan whose mapping asks for a person."""

        def map(self, *_: object) -> Sequence[Outcome]:
            """Its outcome."""
            return [MappingRejected("paid", "missing_uid", "no uid", halt=True)]

    record = Record("t", 0, 0, 1, None, b"v", Assignment("t", 0))
    [outcome] = SelectedMapping(Halts(), lambda _: ["paid"]).map(record, "value")
    assert outcome == MappingRejected("paid", "missing_uid", "no uid")


def test_all_mappings_count_where_none_had_seen_the_record() -> None:
    """It could not be decoded."""
    assert chosen(None) == OUTCOMES


def test_a_letter_of_a_mapping_that_is_no_more_is_rejected_in_its_name() -> None:
    """Counted as filtered, it would be lost without a word; nameless, all mappings would run."""
    [outcome] = chosen("gone")
    assert outcome == MappingRejected("gone", "mapping_gone", "no mapping of this name reads t")
    with pytest.raises(PoisonRecord, match="no mapping reads t") as raised:
        chosen(None, known=())
    assert raised.value.reason == "mapping_gone"


def test_the_tally_adds_up() -> None:
    """A letter counts once: sent, filtered, or dead-lettered again."""
    tally = ReplayCounts()
    for fact in [
        RecordsFiltered("t"),
        *(RecordsSettled("t", fate) for fate in ("sent", "filtered", "sent")),
    ]:
        tally.notify(cast("RecordsSettled", fact))
    tally.notify(RecordsSettled("t", "dead_lettered"))
    assert str(tally) == (
        "5 read = 2 sent + 2 filtered + 1 dead-lettered again, 0 not matched by the filter"
    )
