"""A schema that first appears at run time: mappings that do not fit it reject."""

import json
from typing import Any

import pytest

from bridge.documents.document import parse
from bridge.mapping.compiler.compiler import fit_plan
from bridge.mapping.compiler.type_conflicts import Types
from bridge.mapping.language.loader import load_rules
from bridge.mapping.runtime.outcome import Event, MappingRejected
from bridge.mapping.runtime.plan import Plan
from bridge.schema.parser import parse_schema
from tests.cases.raw import raw_value, record
from tests.unit.mapping.project import ENUM, document, nullable, schema_text, uid_or_reason


def fit(body: str, type_: Any, types: Types | None = None) -> Plan:
    """The plan of one mapping for a new schema with a field `x` of this type."""
    return fit_plan(
        load_rules([document(body)]), "t", parse_schema(schema_text(type_)), types=types
    )


def of(plan: Plan, x: Any, user: str = "u1") -> list[Any]:
    """The outcomes for a record."""
    return list(plan.map(record("t", timestamp_ms=1), {"u": user, "x": x}))


@pytest.mark.parametrize(
    ("body", "type_", "message", "path"),
    [
        ("properties:\n  p: y", "int", "the schema has no field `y`", "y"),
        ("uid: a\nproperties:\n  p: y", "int", "the schema has no field `a`", "a"),
        (
            "properties:\n  p: {path: x, scale: 2}",
            "string",
            "`scale` multiplies numbers, but `x` is string",
            "x",
        ),
        ("properties:\n  p: x", nullable("int"), "`x` can be missing", "x"),
        (
            "properties:\n  p: {template: '{x} {z}'}",
            "int",
            "the schema has no field `z`",
            "{x} {z}",
        ),
        ("properties:\n  p: {first_of: [x, z]}", "int", "the schema has no field `z`", "x or z"),
        ("uid: {first_of: [a, b]}", "int", "the schema has no field `a`", "a or b"),
        ("uid: {template: '{u}:{a}'}", "int", "the schema has no field `a`", "{u}:{a}"),
        ("timestamp: {first_of: [a, x]}", "int", "the schema has no field `a`", "a or x"),
        ("session: {url: {first_of: [a, u]}}", "int", "the schema has no field `a`", "a or u"),
        ("uid: x", "double", "`x` is double: a uid is text or a whole number", "x"),
        ("timestamp: x", "boolean", "`x` is boolean: it cannot be converted to `date`", "x"),
        ("session: {url: x}", "int", "`x` is int: a session is identified by text", "x"),
        ("event: 'E {x}'", "string", "`x` is string: event names can contain only enums", "E {x}"),
        ("event: {path: x, values: {A: b}}", ENUM, "enum n.Color has no symbol `A`", "x"),
    ],
)
def test_a_mapping_that_does_not_fit_rejects_with_its_first_problem(
    body: str, type_: Any, message: str, path: str
) -> None:
    """The message and the field describe the mistake, without any value."""
    plan = fit(body, type_)

    assert of(plan, 1) == [MappingRejected("m", "schema_does_not_fit", message, path)]
    (mismatch,) = plan.mismatches
    assert (mismatch.mapping, mismatch.problem.message, mismatch.path) == ("m", message, path)
    assert mismatch.problem.place is not None
    assert plan.typed == ()


def test_a_filter_that_fits_still_selects_the_records() -> None:
    """Other records are not rejected, and only the filter's fields are read."""
    plan = fit("filter: {x: [1, 2]}\nproperties:\n  p: gone", "int")

    assert [uid_or_reason(one) for one in of(plan, 2)] == ["schema_does_not_fit"]
    assert of(plan, 3) == []
    assert plan.wanted.all == plan.wanted.filter == {("x",)}
    assert not plan.matches(record("t"), {"u": "u1", "x": 3})


@pytest.mark.parametrize(
    ("filter_", "path"),
    [
        ("{gone: [1]}", "gone"),
        ("{x: [text]}", "x"),
        ("{any: [{x: 1}, {gone.deep: [{above: 5}]}]}", "gone.deep"),
        ("{not: {gone: 1}, x: 1}", "gone"),
    ],
)
def test_a_filter_that_does_not_fit_rejects_every_record(filter_: str, path: str) -> None:
    """It is unknown which records the mapping is for, and none may be lost."""
    plan = fit(f"filter: {filter_}", "int")

    (rejected,) = of(plan, 3)
    assert (uid_or_reason(rejected), rejected.path) == ("schema_does_not_fit", path)
    assert plan.matches(record("t"), {"u": "u1", "x": 3})


def test_the_other_mappings_continue() -> None:
    """In the order of the file."""
    text = """
format: 1
mappings:
  - {name: a, topics: [t], uid: u, event: A}
  - {name: b, topics: [t], uid: u, event: B, properties: {p: gone}}
  - {name: c, topics: [t], uid: u, event: C, properties: {p: x}}
  - {name: d, topics: [other], uid: gone, event: D}
"""
    rules = load_rules([parse(text, "m.yaml")])
    plan = fit_plan(rules, "t", parse_schema(schema_text("int")))

    outcomes = of(plan, 1)
    assert [one.mapping for one in outcomes] == ["a", "b", "c"]
    assert [type(one) for one in outcomes] == [Event, MappingRejected, Event]
    assert [mismatch.mapping for mismatch in plan.mismatches] == ["b"]


def test_a_property_keeps_its_type_from_earlier_schemas() -> None:
    """FullStory would see another property; mappings that fit add their types."""
    types: Types = {}
    body = "filter: {u: [u1]}\nproperties:\n  p: x"
    first, second = fit(body, "int", types), fit(body, "string", types)
    third = fit(body, "long", types)

    assert first.mismatches == third.mismatches == ()
    assert {key: typed.type for key, typed in types.items()} == {("E", "p"): "int"}
    message = "`p` of the event `E` is `str` in one schema and `int` in another"
    assert of(second, "a") == [MappingRejected("m", "schema_does_not_fit", message, "x")]
    assert of(second, "a", user="u2") == []


def test_the_types_of_a_mapping_that_does_not_fit_are_discarded() -> None:
    """Its properties were never sent."""
    types: Types = {}
    fit("properties:\n  p: x\n  q: gone", "string", types)

    assert types == {}


def test_a_record_that_the_filter_cannot_read_has_its_own_reason() -> None:
    """A key that is not UTF-8 is an error of the record, not of the schema."""
    plan = fit("filter: {$key: [a]}\nproperties:\n  p: gone", "int")

    (rejected,) = plan.map(record("t", key=b"\xff"), {"u": "u1", "x": 1})
    assert uid_or_reason(rejected) == "not_utf8"


def test_in_a_union_only_the_records_that_do_not_fit_are_rejected() -> None:
    """The message names the record."""
    schema = parse_schema(
        json.dumps(
            [
                {"type": "record", "name": name, "fields": [{"name": field, "type": "string"}]}
                for name, field in (("n.A", "a"), ("n.B", "b"))
            ]
        )
    )
    rules = load_rules([document("uid: a")])
    plan = fit_plan(rules, "t", schema)

    (sent,) = plan.map(record("t", timestamp_ms=1), {"a": "u1"}, "n.A")
    (rejected,) = plan.map(record("t", timestamp_ms=1), {"b": "u1"}, "n.B")
    assert (uid_or_reason(sent), uid_or_reason(rejected)) == ("u1", "schema_does_not_fit")
    assert isinstance(rejected, MappingRejected)
    assert rejected.message == "the schema has no field `a` (in n.B)"


def test_a_tombstone_is_rejected_if_the_mapping_does_not_fit_it() -> None:
    """Every path into the value is missing."""
    body = "filter: {$value: [{exists: false}]}\nuid: $offset\nproperties:\n  p: x"
    plan = fit_plan(load_rules([document(body)]), "t", None)

    (rejected,) = plan.map(record("t"), None)
    assert (uid_or_reason(rejected), len(plan.mismatches)) == ("schema_does_not_fit", 1)


def test_a_schema_that_fits_gives_the_same_plan_as_at_startup() -> None:
    """Only the warnings are missing."""
    plan = fit("filter: {x: [{exists: true}]}\nproperties:\n  p: x", nullable("int"))
    raw = raw_value(schema_text(nullable("int")), {"u": "u1", "x": 5})

    (event,) = plan.map(record("t", timestamp_ms=1), raw)
    assert isinstance(event, Event)
    assert [found.value for found in event.properties] == [5]
    assert plan.mismatches == ()


def test_a_mapping_with_halt_halts_on_a_schema_that_does_not_fit() -> None:
    """It produces no dead letters; the filter still selects the records."""
    plan = fit("on_error: halt\nfilter: {x: 1}\nproperties:\n  p: gone", "int")

    (outcome,) = of(plan, 1)
    assert outcome == MappingRejected(
        "m", "schema_does_not_fit", "the schema has no field `gone`", "gone", halt=True
    )
    assert of(plan, 2) == []
