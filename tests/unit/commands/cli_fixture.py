"""Files for the commands: one topic, one mapping, one schema."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from bridge.cli import main

SCHEMA: dict[str, Any] = {
    "type": "record",
    "name": "shop.Payment",
    "fields": [
        {"name": "id", "type": "string"},
        {
            "name": "status",
            "type": {"type": "enum", "name": "Status", "symbols": ["PAID", "FAILED"]},
        },
        {
            "name": "amount",
            "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2},
        },
        {"name": "user", "type": ["null", "string"], "default": None},
        {"name": "email", "type": ["null", "string"], "default": None},
    ],
}
MAPPING = """\
format: 1
owner: money
mappings:
  - name: payment-failed
    topics: [payments]
    filter:
      status: FAILED
      amount: [{above: 0}]
    uid: {path: user, optional: true}
    event: Payment Failed
    properties:
      id: id
      amount: amount
      payer: {path: email, hash: hmac-sha256, optional: true}
"""
TESTS = """\
tests:
  - name: a failed payment is sent
    input: {topic: payments, value: {id: p-1, status: FAILED, amount: 19.99, user: u-1, email: a@b}}
    expect:
      - {mapping: payment-failed, uid: u-1, properties: {amount: 19.99, payer: {matches: ^.}}}
  - name: a paid one is not
    input: {topic: payments, value: {id: p-1, status: PAID, amount: 1}}
    expect: []
"""
SETTINGS = """\
kafka:
  bootstrap.servers: kafka:9092
  group.id: bridge
  sasl.password: ${BUS_PASSWORD:?}
mappings: [m.yaml]
avro:
  topics: {payments: {wire_format: raw, schema: payment.avsc}}
fullstory: {key: na1.secret}
privacy: {hash_key: pepper}
"""
FAILED = {"id": "p-1", "status": "FAILED", "amount": 19.99, "user": "u-1"}

Run = Callable[..., Result]


def write(folder: Path, **texts: str) -> None:
    """Write the schema, the mapping and the named files, such as `m_yaml`."""
    files = {"payment_avsc": json.dumps(SCHEMA), "m_yaml": MAPPING + TESTS, **texts}
    for name, text in files.items():
        stem, _, suffix = name.rpartition("_")
        (folder / f"{stem}.{suffix}").write_text(text)


def run(*arguments: str, stdin: str | bytes | None = None) -> Result:
    """Run one command."""
    return CliRunner().invoke(main, arguments, input=stdin, catch_exceptions=False)
