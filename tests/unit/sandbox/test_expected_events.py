"""The second opinion on the example mappings, read off the mapping files by hand."""

from decimal import Decimal
from typing import Any

import pytest

from bridge.sandbox.traffic import expected_events

PAYMENT: dict[str, Any] = {
    "payment_id": "p",
    "status": "DECLINED",
    "is_test": False,
    "customer": {"id": "u"},
    "failure": {"retryable": True},
    "risk_score": 0.5,
    "refunded_amount": None,
}


def _names(observed: tuple[expected_events.ExpectedEvent, ...]) -> list[str]:
    return sorted(sighting.name for sighting in observed)


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({}, ["Payment Failed"]),
        ({"status": "FAILED", "risk_score": 0.9}, ["Payment Failed"]),
        ({"risk_score": 0.9}, ["Payment Blocked", "Payment Failed"]),
        ({"failure": {"retryable": False}}, ["Payment Blocked", "Payment Failed"]),
        ({"failure": None, "risk_score": None}, ["Payment Failed"]),
        ({"is_test": True}, []),
        ({"customer": None}, []),
        ({"customer": {"id": None}}, []),
        ({"customer": {"id": ""}}, []),
        ({"customer": {"id": "guest"}}, []),
        ({"status": "CAPTURED"}, []),
        ({"status": "REFUNDED"}, []),
        ({"status": "REFUNDED", "refunded_amount": Decimal(0)}, []),
        ({"status": "REFUNDED", "refunded_amount": Decimal(1)}, ["Payment Refunded"]),
    ],
)
def test_a_payment_becomes_these_events(changes: dict[str, Any], names: list[str]) -> None:
    """Status, test flag, user, and for a blocked one the reason or the risk."""
    assert _names(expected_events.events_of_payment({**PAYMENT, **changes})) == names


@pytest.mark.parametrize(
    ("kind", "channel", "reason", "names"),
    [
        ("ORDER_CREATED", "WEB", None, []),
        ("ORDER_PLACED", "WEB", None, ["Order Placed", "Order Step Placed"]),
        ("ORDER_PLACED", "STORE", None, ["Order Step Placed"]),
        ("ORDER_SHIPPED", "WEB", None, ["Order Step Shipped"]),
        ("ORDER_CANCELLED", "WEB", "FRAUD", ["Order Cancelled", "Order Step Cancelled"]),
        ("ORDER_CANCELLED", "WEB", None, ["Order Step Cancelled"]),
        ("ORDER_CANCELLED", "WEB", "FRAUD_TEST", []),
    ],
)
def test_an_order_step_becomes_these_events(
    kind: str, channel: str, reason: str | None, names: list[str]
) -> None:
    """Kind of step, channel and reason decide."""
    order = {"id": "o", "user_id": "u", "channel": channel}
    value = {"type": kind, "order": order, "cancel": reason and {"reason": reason}}
    assert _names(expected_events.events_of_order(value, None)) == names


@pytest.mark.parametrize(
    ("user_id", "header", "uid"),
    [("u", "h", "u"), (None, "h", "h"), (None, None, None)],
)
def test_the_header_stands_in_for_a_missing_user(
    user_id: str | None, header: str | None, uid: str | None
) -> None:
    """A guest without either becomes no event."""
    order = {"id": "o", "user_id": user_id, "channel": "STORE"}
    value = {"type": "ORDER_SHIPPED", "order": order, "cancel": None}
    seen = expected_events.events_of_order(value, header)
    assert [sighting.uid for sighting in seen] == ([] if uid is None else [uid])
