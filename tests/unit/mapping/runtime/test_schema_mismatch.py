"""A schema that is met while running: what fits goes on, what does not is rejected."""

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
from tests.unit.mapping.project import ENUM, document, nullable, schema_text, told


def fit(body: str, type_: Any, types: Types | None = None) -> Plan:
    """The plan of one mapping for a new schema with a field `x` of this type."""
    return fit_plan(
        load_rules([document(body)]), "t", parse_schema(schema_text(type_)), types=types
    )


def of(plan: Plan, x: Any, user: str = "u1") -> list[Any]:
    """What becomes of a record."""
    return list(plan.map(record("t", timestamp_ms=1), {"u": user, "x": x}))


@pytest.mark.parametrize(
    ("body", "type_", "message", "path"),
    [
        ("properties:\n  p: y", "int", "the schema has no field `y`", "y"),
        ("uid: a\nproperties:\n  p: y", "int", "the schema has no field `a`", "a"),
        (
            "properties:\n  p: {path: x, scale: 2}",
            "string",
            "`scale` multiplies numbers, and `x` is string",
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
        ("uid: x", "double", "`x` is double: a uid is text or a whole number", "x"),
        ("timestamp: x", "boolean", "`x` is boolean: it cannot become `date`", "x"),
        ("session: {url: x}", "int", "`x` is int: a session is named by text", "x"),
        ("event: 'E {x}'", "string", "`x` is string: a name can be made of enums only", "E {x}"),
        ("event: {path: x, values: {A: b}}", ENUM, "enum n.Color has no symbol `A`", "x"),
    ],
)
def test_a_mapping_that_does_not_fit_rejects_with_its_first_problem(
    body: str, type_: Any, message: str, path: str
) -> None:
    """Message and field say what is wrong; no value is needed for that."""
    plan = fit(body, type_)

    assert of(plan, 1) == [MappingRejected("m", "schema_does_not_fit", message, path)]
    (mismatch,) = plan.mismatches
    assert (mismatch.mapping, mismatch.problem.message, mismatch.path) == ("m", message, path)
    assert mismatch.problem.place is not None
    assert plan.typed == ()


def test_the_filter_still_chooses_where_it_fits_itself() -> None:
    """Records that were never meant are no dead letters, and only the filter's fields are read."""
    plan = fit("filter: {x: [1, 2]}\nproperties:\n  p: gone", "int")

    assert [told(one) for one in of(plan, 2)] == ["schema_does_not_fit"]
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
    """Nobody can tell which of them were meant, and none may be lost."""
    plan = fit(f"filter: {filter_}", "int")

    (rejected,) = of(plan, 3)
    assert (told(rejected), rejected.path) == ("schema_does_not_fit", path)
    assert plan.matches(record("t"), {"u": "u1", "x": 3})


def test_the_other_mappings_go_on() -> None:
    """In the order of the file, as if nothing were wrong."""
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


def test_a_property_keeps_the_type_that_it_had_in_the_schemas_before() -> None:
    """Another type would be another property for FullStory; what fits adds what it knows."""
    types: Types = {}
    body = "filter: {u: [u1]}\nproperties:\n  p: x"
    first, second = fit(body, "int", types), fit(body, "string", types)
    third = fit(body, "long", types)

    assert first.mismatches == third.mismatches == ()
    assert {key: typed.type for key, typed in types.items()} == {("E", "p"): "int"}
    message = "`p` of the event `E` is `str` in one schema and `int` in another"
    assert of(second, "a") == [MappingRejected("m", "schema_does_not_fit", message, "x")]
    assert of(second, "a", user="u2") == []


def test_the_types_of_a_mapping_that_does_not_fit_are_not_kept() -> None:
    """They were never sent."""
    types: Types = {}
    fit("properties:\n  p: x\n  q: gone", "string", types)

    assert types == {}


def test_a_record_that_the_filter_cannot_read_is_rejected_for_that() -> None:
    """A key that is no text is the record's own fault."""
    plan = fit("filter: {$key: [a]}\nproperties:\n  p: gone", "int")

    (rejected,) = plan.map(record("t", key=b"\xff"), {"u": "u1", "x": 1})
    assert told(rejected) == "not_utf8"


def test_of_several_records_in_one_topic_only_those_that_do_not_fit_are_rejected() -> None:
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
    assert (told(sent), told(rejected)) == ("u1", "schema_does_not_fit")
    assert isinstance(rejected, MappingRejected)
    assert rejected.message == "the schema has no field `a` (in n.B)"


def test_a_tombstone_is_rejected_where_the_mapping_does_not_fit_it() -> None:
    """Every path into the value is missing there."""
    body = "filter: {$value: [{exists: false}]}\nuid: $offset\nproperties:\n  p: x"
    plan = fit_plan(load_rules([document(body)]), "t", None)

    (rejected,) = plan.map(record("t"), None)
    assert (told(rejected), len(plan.mismatches)) == ("schema_does_not_fit", 1)


def test_a_schema_that_fits_gives_the_plan_that_it_gives_at_the_start() -> None:
    """No difference but the warnings, which nobody reads then."""
    plan = fit("filter: {x: [{exists: true}]}\nproperties:\n  p: x", nullable("int"))
    raw = raw_value(schema_text(nullable("int")), {"u": "u1", "x": 5})

    (event,) = plan.map(record("t", timestamp_ms=1), raw)
    assert isinstance(event, Event)
    assert [found.value for found in event.properties] == [5]
    assert plan.mismatches == ()


def test_a_mapping_that_says_halt_makes_no_dead_letters_of_a_schema_that_it_does_not_fit() -> None:
    """It asked for a person; the filter still chooses."""
    plan = fit("on_error: halt\nfilter: {x: 1}\nproperties:\n  p: gone", "int")

    (outcome,) = of(plan, 1)
    assert outcome == MappingRejected(
        "m", "schema_does_not_fit", "the schema has no field `gone`", "gone", halt=True
    )
    assert of(plan, 2) == []
