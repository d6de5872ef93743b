"""Two opinions on the same traffic: the oracle's, and the bridge's own rooms one after another."""

from collections import Counter
from datetime import UTC, datetime

import pytest

from bridge.avro.walker import walk
from bridge.documents.document import parse
from bridge.errors import PoisonRecord
from bridge.fullstory.requests.v1 import build_v1
from bridge.fullstory.requests.v2 import build_v2
from bridge.mapping.compiler.compiler import compile_plan
from bridge.mapping.language.loader import load_rules
from bridge.mapping.runtime.outcome import Event
from bridge.mapping.runtime.plan import Plan
from bridge.records import Assignment, Record
from bridge.sandbox import files
from bridge.sandbox.fullstory import contract_v1, contract_v2
from bridge.sandbox.fullstory.ledger import Accepted
from bridge.sandbox.reconciliation import expected_event_of
from bridge.sandbox.traffic.generator import UNKNOWN_USER, GeneratedRecord, Traffic
from bridge.schema.parser import parse_schema

IDS = {"payments": 1, "orders": 2}
SCHEMAS = {topic: parse_schema(files.schema_text(topic)) for topic in IDS}


def _plans() -> dict[str, Plan]:
    rules = load_rules(parse(file.read_text(), file.name) for file in files.mapping_files())
    return {
        topic: compile_plan([rule for rule in rules if rule.reads(topic)], topic, SCHEMAS[topic])
        for topic in IDS
    }


def _accepted(made: GeneratedRecord, plan: Plan) -> list[Accepted]:
    """What the bridge's rooms would send for a record; each request passes either contract."""
    value = None if made.value is None else walk(SCHEMAS[made.topic], made.value, 5)
    record = Record(
        *(made.topic, 0, 0, made.timestamp_ms, made.key, made.value),
        Assignment(made.topic, 0),
        lambda: made.headers,
    )
    found = []
    for outcome in plan.map(record, value):
        if isinstance(outcome, Event):
            request = build_v1(outcome)
            assert contract_v1.refusal(request.body) is None
            uid = contract_v1.uid_of(request.path)
            assert uid is not None
            found.append(Accepted(uid, request.path, request.body, 0.0))
            v2 = build_v2(outcome, record, "c")
            assert contract_v2.refusal(v2.body) is None
            assert expected_event_of(Accepted(uid, v2.path, v2.body, 0.0)) == expected_event_of(
                found[-1]
            )
    return found


def test_the_bridges_rooms_and_the_oracle_agree_on_every_record() -> None:
    """Who, which event, of which record; and the stand-in would take every request."""
    plans = _plans()
    events = 0
    for made in Traffic(IDS, start=datetime(2026, 11, 24, tzinfo=UTC)).records(1500):
        if made.fate == "dead_lettered":
            with pytest.raises(PoisonRecord):
                _accepted(made, plans[made.topic])
            continue
        seen = Counter(map(expected_event_of, _accepted(made, plans[made.topic])))
        if made.fate == "unknown_user":
            assert {event.uid for event in seen} == {UNKNOWN_USER}
        else:
            assert seen == Counter(made.events)
            events += len(made.events)
    assert events > 500
