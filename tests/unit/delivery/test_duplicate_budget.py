"""The rules of the duplicate budget."""

import pytest

from bridge.delivery.duplicate_budget import (
    DuplicateBudget,
    commit_early_at,
    records_within_budget,
)


@pytest.mark.parametrize(
    ("reserved", "events", "fits"),
    [(0, 3, True), (7, 3, True), (8, 3, False), (0, 11, True), (1, 11, False)],
)
def test_events_fit_if_the_budget_has_room_or_nothing_is_reserved(
    reserved: int, events: int, fits: bool
) -> None:
    """A record with more events than the budget goes alone."""
    budget = DuplicateBudget(10)
    budget.reserved = reserved
    assert budget.fits(events) is fits


@pytest.mark.parametrize(("events_max", "at"), [(1, 1), (2, 1), (1_000, 333)])
def test_a_third_of_the_budget_makes_a_commit_due(events_max: int, at: int) -> None:
    """At least one event must wait for it."""
    assert commit_early_at(events_max) == at


@pytest.mark.parametrize(
    ("repeatable", "per_record", "records"),
    [(0, 1, 10), (4, 1, 6), (4, 4, 1), (10, 1, 0), (12, 1, 0)],
)
def test_no_more_records_are_taken_than_a_crash_may_repeat(
    repeatable: int, per_record: int, records: int
) -> None:
    """Each record may become several events."""
    assert records_within_budget(10, repeatable, per_record) == records
