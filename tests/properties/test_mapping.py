"""The example mappings, with any value that their schemas allow."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.documents.document import parse
from bridge.mapping.compiler.compiler import compile_plan
from bridge.mapping.language.loader import load_rules
from bridge.mapping.runtime.outcome import Event
from bridge.mapping.runtime.plan import Plan
from bridge.schema.parser import parse_schema
from bridge.schema.types import Schema
from tests.cases.raw import record
from tests.properties.schema_ends import built
from tests.properties.schemas import raw_values

SCHEMAS = Path(__file__).parent.parent.parent / "schemas"


@cache
def schema_of(name: str) -> Schema:
    """One of the example schemas."""
    return parse_schema((SCHEMAS / "avro" / f"{name}.avsc").read_text(encoding="utf-8"))


@cache
def plan_of(topic: str, schema: str) -> Plan:
    """The example mappings of one topic."""
    text = (SCHEMAS / "mappings" / f"{topic}.yaml").read_text(encoding="utf-8")
    return compile_plan(load_rules([parse(text, topic)]), topic, schema_of(schema))


@pytest.mark.parametrize(("topic", "schema"), [("payments", "payment"), ("orders", "order")])
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_record_of_the_example_schemas_can_be_mapped(
    topic: str, schema: str, data: st.DataObject
) -> None:
    """No exception, deterministic bytes, and one type for each property of an event."""
    plan = plan_of(topic, schema)
    root = schema_of(schema).root
    value = data.draw(raw_values(schema_of(schema), root))
    polled = record(
        topic,
        key=data.draw(st.none() | st.binary(max_size=5)),
        headers=data.draw(st.sampled_from([(), (("x-user-id", b"u"),), (("x-user-id", b"\xff"),)])),
        timestamp_ms=data.draw(st.integers(-1, 2**42)),
    )

    outcomes = plan.map(polled, value)

    assert [built(outcome) for outcome in outcomes] == [
        built(outcome) for outcome in plan.map(polled, value)
    ]
    assert bool(outcomes) == plan.matches(polled, value)
    types = {(typed.event, typed.property): typed.type for typed in plan.typed}
    for outcome in outcomes:
        for found in outcome.properties if isinstance(outcome, Event) else ():
            assert types[outcome.name, found.name] == found.type  # type: ignore[union-attr]


@pytest.mark.parametrize(("topic", "schema"), [("payments", "payment"), ("orders", "order")])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_the_wanted_fields_are_sufficient(topic: str, schema: str, data: st.DataObject) -> None:
    """A value reduced to the plan's wanted fields gives the same outcomes."""
    plan = plan_of(topic, schema)
    value = data.draw(raw_values(schema_of(schema), schema_of(schema).root))
    polled = record(topic, timestamp_ms=1)

    whole = [built(outcome) for outcome in plan.map(polled, value)]
    assert [built(found) for found in plan.map(polled, reduced(value, plan.wanted.all))] == whole
    assert plan.matches(polled, reduced(value, plan.wanted.filter)) == bool(whole)


def reduced(value: Any, wanted: frozenset[tuple[str, ...]]) -> Any:
    """Only the wanted fields of a record."""
    if () in wanted or not isinstance(value, dict):
        return value
    names = {path[0] for path in wanted}
    return {
        name: reduced(value[name], frozenset(path[1:] for path in wanted if path[0] == name))
        for name in names
        if name in value
    }
