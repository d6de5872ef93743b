"""The records of the benchmark: payments of about 408 bytes, identical in every run.

They have 25 fields: a customer with four fields, decimals, a time, a date, a UUID, enums, unions
with null, and a map of four entries. The filter's field `status` is the 17th, before the map.
"""

import io
import random
import uuid
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import fastavro
import orjson

SCHEMA_FILE = Path(__file__).with_name("payment.avsc")
WANTED = ("FAILED", "DECLINED")
OTHERS = ("AUTHORIZED", "CAPTURED", "PENDING", "REFUNDED")
CURRENCIES = ("EUR", "USD", "GBP", "CHF", "SEK")

_COUNTRIES = ("DE", "FR", "IT", "SE", "GB")
_SHOPS = ("Alpine Outdoor Hamburg", "Alpine Outdoor Lyon", "Alpine Outdoor Online")
_THANKS = "thank you for your visit; the invoice is mailed"
_CODES = ("insufficient_funds", "do_not_honor", "expired_card")


def encoded(statuses: tuple[str, ...], count: int, now: datetime) -> list[bytes]:
    """`count` distinct bodies, each with a different customer, with the statuses in rotation."""
    rng = random.Random(f"payments {statuses}")
    parsed = fastavro.parse_schema(orjson.loads(SCHEMA_FILE.read_bytes()))
    bodies = []
    for number in range(count):
        body = io.BytesIO()
        status = statuses[number % len(statuses)]
        fastavro.schemaless_writer(body, parsed, payment(rng, number, status, now))
        bodies.append(body.getvalue())
    return bodies


def payment(rng: random.Random, number: int, status: str, now: datetime) -> dict[str, Any]:
    """One payment; some fields are null depending on its number, so unions use both branches."""
    some = number % 4 != 3
    return {
        "payment_id": str(uuid.UUID(int=rng.getrandbits(128), version=4)),
        "occurred_at": now.astimezone(UTC),
        "settled_on": date(2026, 1, 1 + number % 28) if some else None,
        "merchant_id": f"merchant-{number % 500:04}",
        "order_id": f"order-{number:08}" if some else None,
        "customer": _customer(number, some=not some or number % 2 == 0),
        "amount": Decimal(rng.randrange(100, 50_000)).scaleb(-2),
        "currency": CURRENCIES[number % len(CURRENCIES)],
        "fee": Decimal(rng.randrange(1, 90_000)).scaleb(-4) if some else None,
        "tax": Decimal(rng.randrange(1, 9_000)).scaleb(-2),
        "method": "CARD",
        "card_brand": "mastercard" if some else None,
        "card_last4": f"{rng.randrange(10_000):04}" if some else None,
        "channel": "APP",
        "attempt": 1 + number % 3,
        "statement": f"{_SHOPS[number % 3]}, order {number:08}, {_THANKS}",
        "status": status,
        "failure_code": _CODES[number % len(_CODES)] if status in WANTED else None,
        "risk_score": rng.random(),
        "is_test": False,
        "ip_country": _COUNTRIES[number % 5] if some else None,
        "attributes": {
            "campaign": "autumn-newsletter",
            "device": "iphone-15",
            "experiment": f"checkout-{number % 8}",
            "page": f"https://alpine-outdoor.example/de/checkout/payment?basket={number:08}",
        },
        "trace_id": f"{rng.getrandbits(64):016x}" if some else None,
        "source": "checkout",
        "version": 7,
    }


def _customer(number: int, *, some: bool) -> dict[str, Any]:
    return {
        "customer_id": f"customer-{number:06}",
        "locale": "de-DE" if some else None,
        "segment": "returning" if some else None,
        "country": _COUNTRIES[number % 5],
    }
