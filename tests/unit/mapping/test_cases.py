"""The cases in tests/cases, through the mapping and the request builder."""

import pytest

from bridge.fullstory.requests.v1 import build_v1
from bridge.fullstory.requests.v2 import build_v2
from bridge.mapping.compiler.compiler import compile_plan
from bridge.mapping.language.loader import load_rules
from bridge.mapping.language.options import Options
from bridge.mapping.runtime.outcome import Event, MappingRejected, MappingSkipped
from bridge.sandbox.fullstory import contract_v1, contract_v2
from bridge.schema.parser import parse_schema
from tests.cases.load import Case, ExpectedRequest, load_cases
from tests.cases.raw import raw_value, record

CASES = load_cases()
V2 = [case for case in CASES if case.v2]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_record_produces_the_requests_of_its_case(case: Case) -> None:
    """Path and body byte for byte, skips and rejects by mapping and reason."""
    plan = compile_plan(load_rules([case.mapping]), case.topic, parse_schema(case.schema))
    polled = record(case.topic, key=case.key, headers=case.headers, timestamp_ms=case.timestamp_ms)

    outcomes = plan.map(polled, raw_value(case.schema, case.value))

    requests = [build_v1(found) for found in outcomes if isinstance(found, Event)]
    assert [ExpectedRequest(one.path, one.body) for one in requests] == list(case.requests)
    assert [contract_v1.refusal(one.body) for one in case.requests] == [None] * len(requests)
    skipped = [
        (found.mapping, found.why) for found in outcomes if isinstance(found, MappingSkipped)
    ]
    assert skipped == list(case.skipped)
    rejected = [
        (found.mapping, found.reason) for found in outcomes if isinstance(found, MappingRejected)
    ]
    assert rejected == list(case.rejected)


@pytest.mark.parametrize("case", V2, ids=lambda case: case.name)
def test_the_same_mapping_produces_the_requests_of_v2(case: Case) -> None:
    """Bodies byte for byte, all to one path, each with its own idempotency key."""
    options = Options(api="v2")
    rules = load_rules([case.mapping], options)
    plan = compile_plan(rules, case.topic, parse_schema(case.schema), options)
    polled = record(case.topic, key=case.key, headers=case.headers, timestamp_ms=case.timestamp_ms)

    outcomes = plan.map(polled, raw_value(case.schema, case.value))

    requests = [build_v2(found, polled, "c") for found in outcomes if isinstance(found, Event)]
    assert [one.body for one in requests] == list(case.v2)
    assert [contract_v2.refusal(body) for body in case.v2] == [None] * len(requests)
    assert {(one.method, one.path) for one in requests} == {("POST", "/v2/events")}
    assert len({one.idempotency_key for one in requests}) == len(requests)


def test_most_cases_have_requests_for_v2_too() -> None:
    """Both APIs must produce the same number of events."""
    assert len(V2) >= 16
    assert all(len(case.v2) == len(case.requests) for case in V2)
