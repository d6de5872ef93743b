"""The cases in tests/cases, straight through the mapping and the request builder."""

import pytest

from bridge.avro.tree import parse_schema
from bridge.fullstory.request import build_v1
from bridge.mapping.compiler import compile_plan
from bridge.mapping.load import load_rules
from bridge.mapping.outcome import Event, Rejected, Skipped
from tests.cases.load import Case, ExpectedRequest, load_cases
from tests.cases.raw import raw_value, record


@pytest.mark.parametrize("case", load_cases(), ids=lambda case: case.name)
def test_a_record_becomes_exactly_the_requests_of_its_case(case: Case) -> None:
    """Path and body byte for byte, skips and rejects by mapping and reason."""
    plan = compile_plan(load_rules([case.mapping]), case.topic, parse_schema(case.schema))
    polled = record(case.topic, key=case.key, headers=case.headers, timestamp_ms=case.timestamp_ms)

    outcomes = plan.map(polled, raw_value(case.schema, case.value))

    built = [build_v1(found) for found in outcomes if isinstance(found, Event)]
    assert [ExpectedRequest(made.path, made.body) for made in built] == list(case.requests)
    skipped = [(found.mapping, found.why) for found in outcomes if isinstance(found, Skipped)]
    assert skipped == list(case.skipped)
    rejected = [(found.mapping, found.reason) for found in outcomes if isinstance(found, Rejected)]
    assert rejected == list(case.rejected)
