"""The independent implementation of the example mappings, checked against the mapping files."""

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


def _names(events: tuple[expected_events.ExpectedEvent, ...]) -> list[str]:
    return sorted(event.name for event in events)


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
def test_the_events_of_a_payment(changes: dict[str, Any], names: list[str]) -> None:
    """They depend on status, test flag and user; a blocked one also on failure and risk."""
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
def test_the_events_of_an_order_step(
    kind: str, channel: str, reason: str | None, names: list[str]
) -> None:
    """They depend on the kind of step, the channel and the reason."""
    order = {"id": "o", "user_id": "u", "channel": channel}
    value = {"type": kind, "order": order, "cancel": reason and {"reason": reason}}
    assert _names(expected_events.events_of_order(value, None)) == names


@pytest.mark.parametrize(
    ("user_id", "header", "uid"),
    [("u", "h", "u"), (None, "h", "h"), (None, None, None)],
)
def test_the_header_is_used_if_the_user_is_missing(
    user_id: str | None, header: str | None, uid: str | None
) -> None:
    """An order with neither produces no event."""
    order = {"id": "o", "user_id": user_id, "channel": "STORE"}
    value = {"type": "ORDER_SHIPPED", "order": order, "cancel": None}
    seen = expected_events.events_of_order(value, header)
    assert [event.uid for event in seen] == ([] if uid is None else [uid])
