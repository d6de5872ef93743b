"""The comparison of produced records with what arrived."""

import orjson

from bridge.sandbox.fullstory.ledger import Accepted
from bridge.sandbox.reconciliation import (
    Produced,
    Reconciliation,
    RecordPlace,
    expected_event_of,
    reconcile,
)
from bridge.sandbox.traffic.expected_events import ExpectedEvent
from bridge.sandbox.traffic.generator import ExpectedOutcome, GeneratedRecord

ONE = ExpectedEvent("u", "Payment Failed", "pay_1")
TWO = ExpectedEvent("u", "Payment Blocked", "pay_1")


def _produced(offset: int, expected_outcome: ExpectedOutcome, *events: ExpectedEvent) -> Produced:
    return Produced(
        GeneratedRecord("payments", b"k", b"v", (), 0, expected_outcome, events), _place(offset)
    )


def _place(offset: int) -> RecordPlace:
    return RecordPlace("payments", 0, offset)


def _accepted(event: ExpectedEvent) -> Accepted:
    data = {"payment_id_str": event.record_id, "order_id_str": "ord_1"}
    body = orjson.dumps({"event": {"event_name": event.name, "event_data": data}})
    return Accepted(event.uid, "/", body, 0.0)


def _reconcile(
    produced: list[Produced], arrived: list[ExpectedEvent], dead_letters: list[int] | None = None
) -> Reconciliation:
    return reconcile(produced, map(_accepted, arrived), map(_place, dead_letters or []))


def test_an_accepted_request_is_matched_by_its_own_record_id() -> None:
    """A payment that names an order is matched by its payment id."""
    assert expected_event_of(_accepted(ONE)) == ONE


def test_the_totals_of_a_correct_run_add_up() -> None:
    """Unknown users count as filtered; a record with two events counts once."""
    produced = [
        _produced(0, "sent", ONE, TWO),
        _produced(1, "filtered"),
        _produced(2, "unknown_user"),
        _produced(3, "dead_lettered"),
    ]
    result = _reconcile(produced, [ONE, TWO], [3])
    assert result.lines() == ["4 produced = 1 sent + 2 filtered + 1 dead-lettered, 0 lost"]
    assert result.holds


def test_a_record_with_one_missing_event_is_lost() -> None:
    """A partly sent record counts as lost."""
    result = _reconcile([_produced(5, "sent", ONE, TWO)], [ONE])
    assert result.lost == (_place(5),)
    assert result.lines() == [
        "lost: payments/0/5",
        "1 produced = 0 sent + 0 filtered + 0 dead-lettered, 1 lost",
    ]
    assert not result.holds


def test_a_poison_record_without_a_dead_letter_is_lost() -> None:
    """Dropping it silently is an error."""
    assert _reconcile([_produced(0, "dead_lettered")], []).lost == (_place(0),)


def test_duplicate_events_are_reported() -> None:
    """The record is not lost, but the reconciliation fails."""
    result = _reconcile([_produced(0, "sent", ONE)], [ONE, ONE, ONE])
    assert (result.sent, result.duplicates, result.holds) == (1, 2, False)


def test_unknown_events_and_dead_letters_of_valid_records_are_unexpected() -> None:
    """Events of filtered records and dead letters of valid records both count."""
    produced = [_produced(0, "filtered"), _produced(1, "sent", ONE)]
    result = _reconcile(produced, [TWO, ONE], [1])
    assert (result.unexpected, result.dead_lettered, result.sent) == (2, 1, 0)
    assert not result.holds
