"""Counts of facts."""

import pytest

from bridge.observer import (
    Answered,
    Assigned,
    Committed,
    DeadLettered,
    Delivered,
    EventSkipped,
    Fact,
    HaltedScope,
    Polled,
    RecordsFiltered,
    Resumed,
    Retrying,
    SchemaMismatch,
    Unsure,
    Waiting,
)
from bridge.status.counts import KINDS_MAX, Counts


def test_each_kind_of_fact_has_its_count() -> None:
    """By reason if it has one."""
    counts = Counts()
    facts: list[Fact] = [
        Polled(500),
        Polled(20),
        RecordsFiltered("t"),
        Delivered("m", 1),
        Delivered("m", 3),
        EventSkipped("m", "no_uid"),
        EventSkipped("n", "no_uid"),
        EventSkipped("m", "shadow"),
        DeadLettered("m", "decode", "truncated", "t/0/1"),
        Answered(200),
        Answered(0, "timeout"),
        Answered(200),
        Unsure("m", "timeout"),
        Retrying("m", "throttled", 1.0),
    ]
    for fact in facts:
        counts.notify(fact)
    assert (counts.polled, counts.filtered, counts.delivered) == (520, 1, 2)
    assert counts.skipped == {"no_uid": 2, "shadow": 1}
    assert counts.dead_lettered == {"truncated": 1}
    assert counts.answers == {200: 3, 0: 1}
    assert counts.retries == {"throttled": 1}
    assert counts.unsure == 1
    assert counts.unexpected == {"none timeout": 1}


def test_unexpected_answers_are_counted_by_status_and_code_up_to_a_limit() -> None:
    """They show wrong assumptions about FullStory; many different codes use bounded memory."""
    counts = Counts()
    for status, code in ((200, None), (204, None), (429, "slow_down"), (404, "not_found")):
        counts.notify(Answered(status, code))
    counts.notify(Answered(302))
    for number in range(2 * KINDS_MAX):
        counts.notify(Answered(400, f"code_{number}"))
        counts.notify(Answered(404, "not_found"))
    assert counts.unexpected["404 not_found"] == 2 * KINDS_MAX + 1
    assert counts.unexpected["302"] == counts.unexpected["400 code_0"] == 1
    assert len(counts.unexpected) == KINDS_MAX + 1
    assert counts.unexpected["others"] == KINDS_MAX + 2
    assert counts.summary()["unexpected_answers"] == counts.unexpected


def test_schema_mismatches_and_halts_are_recorded_with_their_reason() -> None:
    """By topic and mapping, and by scope; a repeated fact replaces the earlier one."""
    counts = Counts()
    for fact in (
        SchemaMismatch("t", "m", "no field"),
        SchemaMismatch("t", "n", "no field"),
        SchemaMismatch("t", "m", "another type"),
        HaltedScope("the topic t", "invalid_uid", "change it"),
    ):
        counts.notify(fact)
    assert counts.mismatches == {("t", "m"): "another type", ("t", "n"): "no field"}
    assert counts.halted == {"the topic t": "invalid_uid"}


def test_the_summary_has_all_counts_that_are_not_zero() -> None:
    """It is the last line of a run."""
    counts = Counts()
    assert counts.summary() == {"polled": 0, "delivered": 0}
    for fact in (
        Polled(9),
        Delivered("m", 1),
        RecordsFiltered("t"),
        EventSkipped("m", "no_uid"),
        DeadLettered("n", "map", "schema_does_not_fit", "t/0/1"),
        SchemaMismatch("t", "n", "no field"),
        HaltedScope("t/0", "left the log", "reset"),
    ):
        counts.notify(fact)
    assert counts.summary() == {
        "polled": 9,
        "delivered": 1,
        "filtered": 1,
        "skipped": {"no_uid": 1},
        "dead_lettered": {"schema_does_not_fit": 1},
        "misfits": ["n on t"],
        "halted": ["t/0"],
    }


def test_a_component_is_removed_when_its_outage_ends() -> None:
    """Until then the newest reason counts."""
    counts = Counts()
    for fact in (Waiting("kafka", "a"), Waiting("fullstory", "b"), Waiting("fullstory", "c")):
        counts.notify(fact)
    assert counts.waiting_for == {"kafka": "a", "fullstory": "c"}
    counts.notify(Resumed("fullstory"))
    counts.notify(Resumed("never waited for"))
    assert counts.waiting_for == {"kafka": "a"}


@pytest.mark.parametrize("fact", [Assigned([("t", 0)]), Committed([("t", 0)])])
def test_other_facts_change_nothing(fact: Fact) -> None:
    """An observer must never raise."""
    counts = Counts()
    counts.notify(fact)
    assert vars(counts) == vars(Counts())
