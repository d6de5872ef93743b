"""The events that the example mappings should produce, computed independently in plain Python.

Invariants: shares no code with the bridge. It computes less (uid, event name, record id), but does
so independently. It is valid for the shipped `schemas/mappings/*.yaml`. Of the uids that the
bridge treats as missing, it only knows `""` and `guest`.
"""

from typing import Any, NamedTuple

Value = dict[str, Any]

_NO_UIDS = {"", "guest"}
_STEPS = {
    "ORDER_PLACED": "Order Step Placed",
    "ORDER_SHIPPED": "Order Step Shipped",
    "ORDER_DELIVERED": "Order Step Delivered",
    "ORDER_CANCELLED": "Order Step Cancelled",
    "ORDER_RETURNED": "Order Step Returned",
}


class ExpectedEvent(NamedTuple):
    """An event as seen from outside: its uid, its name, and the payment's or order's id."""

    uid: str
    name: str
    record_id: str


def events_of_payment(value: Value) -> tuple[ExpectedEvent, ...]:
    """The events of a payment, in no particular order."""
    uid = (value["customer"] or {}).get("id")
    if value["is_test"] or uid is None or uid in _NO_UIDS:
        return ()
    return tuple(ExpectedEvent(uid, name, value["payment_id"]) for name in _payment_names(value))


def _payment_names(value: Value) -> list[str]:
    names = []
    if value["status"] in {"FAILED", "DECLINED"}:
        names.append("Payment Failed")
    if value["status"] == "DECLINED":
        failure, risk = value["failure"], value["risk_score"]
        final = failure is not None and failure["retryable"] is False
        if final or (risk is not None and risk >= 0.8):
            names.append("Payment Blocked")
    refunded = value["refunded_amount"]
    if value["status"] == "REFUNDED" and refunded is not None and refunded > 0:
        names.append("Payment Refunded")
    return names


def events_of_order(value: Value, header_uid: str | None) -> tuple[ExpectedEvent, ...]:
    """The events of an order step; `header_uid` is the header `x-user-id`."""
    order = value["order"]
    uid = order["user_id"] or header_uid
    if uid is None or uid in _NO_UIDS:
        return ()
    return tuple(ExpectedEvent(uid, name, order["id"]) for name in _order_names(value))


def _order_names(value: Value) -> list[str]:
    kind = value["type"]
    reason = value["cancel"]["reason"] if value["cancel"] else None
    names = []
    if kind == "ORDER_PLACED" and value["order"]["channel"] in {"WEB", "APP"}:
        names.append("Order Placed")
    if kind == "ORDER_CANCELLED" and reason not in {None, "FRAUD_TEST"}:
        names.append("Order Cancelled")
    if kind in _STEPS and reason != "FRAUD_TEST":
        names.append(_STEPS[kind])
    return names
