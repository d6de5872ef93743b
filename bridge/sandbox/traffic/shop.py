"""A fictitious web shop that generates values of payments and orders.

Invariants: the same seed gives the same values in the same order. No value contains data of a real
person. A value is plain Python data that fastavro can encode.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

Value = dict[str, Any]

USERS = 40
_CURRENCIES = ("EUR", "USD", "GBP")
_COUNTRIES = ("DE", "AT", "FR", "NL", "US")
_SKUS = ("MUG-01", "MUG-02", "TEE-S", "TEE-M", "TEE-L", "HAT-7", "BAG-3")
_STATUSES = {
    "CREATED": 10,
    "AUTHORIZED": 14,
    "CAPTURED": 26,
    "FAILED": 18,
    "DECLINED": 16,
    "REFUNDED": 13,
    "DISPUTED": 3,
}
_RISKS = (None, 0.125, 0.5, 0.75, 0.875, 0.9375)
"""Exact as 32-bit floats, so comparisons do not depend on rounding."""
_NEXT_STEPS = {
    "ORDER_CREATED": ("ORDER_PLACED",),
    "ORDER_PLACED": ("ORDER_PACKED", "ORDER_PACKED", "ORDER_CANCELLED"),
    "ORDER_PACKED": ("ORDER_SHIPPED", "ORDER_SHIPPED", "ORDER_CANCELLED"),
    "ORDER_SHIPPED": ("ORDER_DELIVERED",),
    "ORDER_DELIVERED": ("ORDER_RETURNED", "", ""),
}
_OPEN_ORDERS = 25


@dataclass(slots=True, eq=False)
class _OpenOrder:
    """An order in progress: its constant part and its last step."""

    details: Value
    header_uid: str | None
    step: str = "ORDER_CREATED"


class Shop:
    """Generates payments and order steps one after another."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._payments = 0
        self._orders = 0
        self._open: list[_OpenOrder] = []

    def payment(self, at: datetime, *, status: str | None = None, uid: str | None = None) -> Value:
        """A payment that changed its state at `at`, with an optional fixed `status` and `uid`."""
        random = self._random
        self._payments += 1
        status = status or random.choices(list(_STATUSES), list(_STATUSES.values()))[0]
        amount = self._money(500, 30_000)
        return {
            "event_id": self._uuid(),
            "payment_id": f"pay_{self._payments:06}",
            "order_id": random.choice([None, f"ord_{max(1, self._orders):06}"]),
            "sequence": random.randint(1, 4),
            "status": status,
            "amount": amount,
            "fee": random.choice([None, Decimal("0.3500"), Decimal("1.2345")]),
            "refunded_amount": self._refund(status, amount),
            "amount_minor": int(amount * 100),
            "currency": random.choice(_CURRENCIES),
            "exchange_rate": random.choice([None, 1.0825]),
            "risk_score": random.choice(_RISKS),
            "customer": self._customer(uid),
            "method": self._method(),
            "failure": self._failure(status),
            "line_items": [self._line() for _ in range(random.randint(0, 3))],
            "metadata": random.choice([{}, {"utm.campaign": "autumn"}, {"shop": "main"}]),
            "tags": random.choice([[], ["web"], ["web", "repeat"]]),
            "attempt": random.randint(1, 3),
            "is_test": uid is None and random.random() < 0.05,
            "gateway": random.choice(["paygate", "bankline"]),
            "signature": random.randbytes(16),
            "fs_session_url": None,
            "occurred_at": at,
            "recorded_at": at + timedelta(microseconds=1500),
            "settlement_date": at.date() if status == "REFUNDED" else None,
        }

    def order(self, at: datetime) -> tuple[Value, str | None]:
        """The next step of a random order, and the uid in its header `x-user-id`, if any."""
        random = self._random
        order = random.choice(self._open) if len(self._open) >= _OPEN_ORDERS else self._new_order()
        step = order.step
        following = random.choice(_NEXT_STEPS.get(step, ("",)))
        if following:
            order.step = following
        else:
            self._open.remove(order)
        value = {
            "event_id": self._uuid(),
            "type": step,
            "order": order.details,
            "cancel": self._cancellation() if step == "ORDER_CANCELLED" else None,
            "correlation_id": random.choice([None, self._uuid()]),
            "source": "order-service",
            "created_at": at,
        }
        return value, order.header_uid

    def _new_order(self) -> _OpenOrder:
        random = self._random
        self._orders += 1
        user_id = None if random.random() < 0.2 else self._user()
        header_uid = self._user() if user_id is None and random.random() < 0.5 else None
        items = [self._item() for _ in range(random.randint(1, 4))]
        order = _OpenOrder(self._details(user_id, items), header_uid)
        self._open.append(order)
        return order

    def _details(self, user_id: str | None, items: Sequence[Value]) -> Value:
        random = self._random
        return {
            "id": f"ord_{self._orders:06}",
            "number": 700_000 + self._orders,
            "user_id": user_id,
            "channel": random.choice(["WEB", "WEB", "APP", "STORE", "PHONE"]),
            "items": items,
            "totals": self._totals(sum(i["price_cents"] * i["quantity"] for i in items)),
            "coupon": random.choice(
                [None, None, {"code": "AUTUMN", "percent": 12.5, "valid_until": None}]
            ),
            "shipping": self._shipping(),
            "note": random.choice([None, "please ring twice"]),
            "attributes": random.choice([{}, {"affiliate.id": "aff-7"}, {"gift": None}]),
        }

    def _totals(self, cents: int) -> Value:
        net = Decimal(cents).scaleb(-2)
        tax = (net * Decimal("0.19")).quantize(Decimal("0.01"))
        shipping = Decimal("4.90")
        return {
            "net": net,
            "tax": tax,
            "shipping": shipping,
            "grand": net + tax + shipping,
            "currency": self._random.choice(_CURRENCIES),
        }

    def _shipping(self) -> Value:
        random = self._random
        return {
            "method": random.choice(["STANDARD", "EXPRESS", "PICKUP"]),
            "carrier": random.choice([None, "parcelco"]),
            "country": random.choice(_COUNTRIES),
            "city": "Sampletown",
            "postal_code": "00000",
            "recipient": "Sam Sample",
            "promised_for": None,
            "tracking_id": None,
        }

    def _item(self) -> Value:
        random = self._random
        return {
            "sku": random.choice(_SKUS),
            "name": "a thing",
            "category": random.choice([None, "home"]),
            "quantity": random.randint(1, 3),
            "price_cents": random.randint(300, 9_000),
            "gift": random.random() < 0.1,
        }

    def _line(self) -> Value:
        return {
            "sku": self._random.choice(_SKUS),
            "description": None,
            "quantity": self._random.randint(1, 3),
            "unit_price": self._money(300, 9_000),
        }

    def _cancellation(self) -> Value:
        random = self._random
        return {
            "reason": random.choice(
                ["CUSTOMER", "OUT_OF_STOCK", "PAYMENT_FAILED", "FRAUD", "FRAUD_TEST"]
            ),
            "by_customer": random.random() < 0.5,
            "refund": random.choice([None, self._money(300, 9_000)]),
        }

    def _customer(self, uid: str | None) -> Value | None:
        random = self._random
        make: Callable[[], str | None] = random.choices(
            [self._user, lambda: None, lambda: "", lambda: "guest"], [88, 5, 2, 2]
        )[0]
        if uid is None and random.random() < 0.04:
            return None
        return {
            "id": uid or make(),
            "email": "sam@example.com",
            "full_name": "Sam Sample",
            "phone": None,
            "segment": random.choice(["NEW", "REGULAR", "VIP"]),
            "birth_date": None,
            "address": random.choice([None, self._address()]),
        }

    def _address(self) -> Value:
        return {
            "line1": "1 Sample Street",
            "city": "Sampletown",
            "postal_code": None,
            "country": self._random.choice(_COUNTRIES),
        }

    def _method(self) -> Value:
        kind = self._random.choice(["CARD", "CARD", "SEPA_DEBIT", "PAYPAL", "INVOICE"])
        return {"type": kind, "card": None, "iban": None}

    def _failure(self, status: str) -> Value | None:
        if status not in {"FAILED", "DECLINED"}:
            return None
        random = self._random
        failure = {
            "code": random.choice([None, "insufficient_funds", "expired_card", "gateway_timeout"]),
            "message": "made up",
            "retryable": random.random() < 0.5,
        }
        return random.choice([failure, failure, failure, None])

    def _refund(self, status: str, amount: Decimal) -> Decimal | None:
        if status != "REFUNDED":
            return None
        return self._random.choice([amount, amount, amount, Decimal("0.00"), None])

    def _money(self, least_cents: int, most_cents: int) -> Decimal:
        return Decimal(self._random.randint(least_cents, most_cents)).scaleb(-2)

    def _user(self) -> str:
        return f"usr:{self._random.randint(1, USERS):04}"

    def _uuid(self) -> str:
        return str(UUID(bytes=self._random.randbytes(16), version=4))
