"""The expected events and the bridge's mapping agree on the same traffic."""

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


def _accepted(generated: GeneratedRecord, plan: Plan) -> list[Accepted]:
    """The bridge's requests for a record; each one satisfies its API's contract."""
    value = None if generated.value is None else walk(SCHEMAS[generated.topic], generated.value, 5)
    record = Record(
        *(generated.topic, 0, 0, generated.timestamp_ms, generated.key, generated.value),
        Assignment(generated.topic, 0),
        lambda: generated.headers,
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


def test_the_bridge_and_the_expected_events_agree_on_every_record() -> None:
    """Uid, event name and record id are equal, and the stand-in accepts every request."""
    plans = _plans()
    events = 0
    for generated in Traffic(IDS, start=datetime(2026, 11, 24, tzinfo=UTC)).records(1500):
        if generated.expected_outcome == "dead_lettered":
            with pytest.raises(PoisonRecord):
                _accepted(generated, plans[generated.topic])
            continue
        seen = Counter(map(expected_event_of, _accepted(generated, plans[generated.topic])))
        if generated.expected_outcome == "unknown_user":
            assert {event.uid for event in seen} == {UNKNOWN_USER}
        else:
            assert seen == Counter(generated.events)
            events += len(generated.events)
    assert events > 500
