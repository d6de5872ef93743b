"""Plans: defaults, errors, samples, tombstones, unions of records, and property types."""

from dataclasses import replace

import pytest

from bridge.documents.document import parse
from bridge.mapping.compiler.compiler import compile_plan
from bridge.mapping.compiler.type_conflicts import check_type_conflicts
from bridge.mapping.language.loader import load_rules
from bridge.mapping.language.privacy import share_of
from bridge.mapping.runtime.outcome import (
    Event,
    MappingRejected,
    MappingSkipped,
    NoSession,
    Recent,
)
from bridge.schema.parser import parse_schema
from bridge.schema.types import Primitive, Schema
from tests.cases.raw import raw_value, record
from tests.unit.mapping.project import (
    document,
    nullable,
    outcomes,
    plan_of,
    schema_text,
    uid_or_reason,
)


def test_on_error_decides_the_outcome_of_a_mapping_error() -> None:
    """A reject by default, a skip, or a reject that halts."""
    bodies = ["", "on_error: dead_letter", "on_error: skip", "on_error: halt"]
    found = [outcomes(body, "int", 1, user="..")[0] for body in bodies]

    message = "this uid cannot be sent to FullStory"
    rejected = MappingRejected("m", "invalid_uid", message, "u")
    assert found[0] == found[1] == rejected
    assert found[2] == MappingSkipped("m", "invalid_uid")
    assert found[3] == replace(rejected, halt=True)


def test_the_defaults_of_a_file_apply_unless_a_mapping_overrides_them() -> None:
    """For each of the keys in `defaults`."""
    text = """
format: 1
owner: the team
defaults: {session: none, on_error: skip, mode: shadow, late: skip, never_send: ["*x*"]}
mappings:
  - {name: a, topics: [t], uid: u, event: E}
  - {name: b, topics: [t], uid: u, event: E, session: recent, on_error: dead_letter, mode: live,
     late: send}
  - {name: c, topics: [t], uid: u, event: E, mode: off}
"""
    rules = load_rules([parse(text, "m.yaml")])
    plan = compile_plan(rules, "t", parse_schema(schema_text("int")))
    first, second = plan.map(record("t", timestamp_ms=1), {"u": "u1", "x": 1})

    assert {rule.owner for rule in rules} == {"the team"}
    assert [rule.on_error for rule in rules] == ["skip", "dead_letter", "skip"]
    assert isinstance(first, Event)
    assert isinstance(second, Event)
    assert (first.session, first.shadow, first.late) == (NoSession(), True, "skip")
    assert (second.session, second.shadow, second.late) == (Recent(), False, "send")


def test_a_sample_keeps_whole_users() -> None:
    """Always the same users, about as many as configured; the others are skipped."""
    users = [f"user-{number}" for number in range(400)]
    body = "sample: {keep: 0.25, by: uid}"
    plan = plan_of(body, "int")
    found = [plan.map(record("t", timestamp_ms=1), {"u": user, "x": 1})[0] for user in users]

    kept = [outcome.uid for outcome in found if isinstance(outcome, Event)]
    assert kept == [user for user in users if share_of(user) < 0.25]
    assert 70 < len(kept) < 130
    assert {uid_or_reason(outcome) for outcome in found if not isinstance(outcome, Event)} == {
        "not_sampled"
    }


def test_mappings_of_other_topics_are_ignored() -> None:
    """A plan is for one topic."""
    plan = plan_of("topics: [other]", "int")

    assert plan.map(record("t", timestamp_ms=1), {"u": "u1", "x": 1}) == []
    assert plan.wanted.all == frozenset()


def test_only_a_filter_on_the_whole_value_matches_tombstones() -> None:
    """`{exists: false}` on a field does not, and neither does a mapping without a filter."""
    bodies = ["", "filter: {x: [{exists: false}]}", "filter: {not: {x: 1}}"]

    for body in bodies:
        plan = plan_of(f"uid: {{first_of: [u, $key]}}\n{body}", nullable("int"))
        assert plan.map(record("t", key=b"k", timestamp_ms=1), None) == []
        assert not plan.matches(record("t", key=b"k"), None)


def test_a_path_into_a_tombstone_must_be_optional() -> None:
    """Every path into the value is missing."""
    rules = load_rules([document("filter: {$value: [{exists: false}]}\nuid: $offset")])
    assert compile_plan(rules, "t", None).matches(record("t"), None)

    body = "filter: {$value: [{exists: false}]}\nuid: $key\nproperties:\n  p: x"
    with pytest.raises(Exception, match="`\\$key` can be missing") as raised:
        compile_plan(load_rules([document(body)]), "t", None)
    assert "`x` can be missing" in str(raised.value)


def test_a_union_of_records_has_mappings_for_each_record() -> None:
    """`$record` distinguishes them; fields that only the other record has are no mistake."""
    records = [
        {"type": "record", "name": f"n.{name}", "fields": [{"name": field, "type": "string"}]}
        for name, field in (("A", "a"), ("B", "b"))
    ]
    schema = parse_schema(str(records).replace("'", '"'))
    text = """
format: 1
mappings:
  - {name: a, topics: [t], filter: {$record: n.A}, uid: a, event: A, properties: {r: $record}}
  - {name: b, topics: [t], filter: {$record: [n.B]}, uid: b, event: B}
"""
    plan = compile_plan(load_rules([parse(text, "m.yaml")]), "t", schema)
    polled = record("t", timestamp_ms=1)

    (of_a,) = plan.map(polled, {"a": "u1"}, "n.A")
    (of_b,) = plan.map(polled, {"b": "u2"}, "n.B")
    assert (of_a.mapping, uid_or_reason(of_a), of_b.mapping, uid_or_reason(of_b)) == (
        "a",
        "u1",
        "b",
        "u2",
    )
    assert plan.wanted.all == {("a",), ("b",)}
    assert plan.map(polled, "text", None) == []


def test_a_value_that_is_not_a_record_is_mapped_with_value() -> None:
    """`$value` is the whole value."""
    schema = Schema(Primitive("string"), {})
    plan = compile_plan(load_rules([document("uid: $value")]), "t", schema)

    (outcome,) = plan.map(record("t", timestamp_ms=1), "u9")
    assert uid_or_reason(outcome) == "u9"
    assert plan.wanted.all == {()}


def test_one_property_of_one_event_has_one_type() -> None:
    """Across mappings and schema versions; otherwise FullStory would see two properties."""
    body = "properties:\n  p: x"
    as_int, as_text = plan_of(body, "int"), plan_of(body, "string")
    other_event = plan_of(f"event: F\n{body}", "string")

    assert check_type_conflicts([as_int, as_int, other_event]) == ()
    (problem,) = check_type_conflicts([as_int, as_text])
    assert problem.code == "M043"
    assert problem.message == "`p` of the event `E` is `str` in one schema and `int` in another"
    assert str(problem.place) == "m.yaml:8:7"


def test_an_object_of_one_mapping_is_no_value_of_another() -> None:
    """FullStory would see one name with two types."""
    value, inner = plan_of("properties:\n  p: x", "int"), plan_of("properties:\n  p.q: x", "int")
    other = plan_of("event: F\nproperties:\n  p.q.r: x", "int")

    assert check_type_conflicts([inner, inner, other]) == ()
    for plans, types in [([value, inner], ("object", "int")), ([inner, value], ("int", "object"))]:
        (problem,) = check_type_conflicts(plans)
        assert (problem.code, problem.fix) == ("M043", "rename one of them")
        assert "`p` of the event `E` is `{}` in one schema and `{}`".format(*types) in str(problem)


def test_a_path_that_the_filter_proves_present_needs_no_default() -> None:
    """Such a default could never be sent."""
    proving = ["{x: [1, 2]}", "{any: [{x: 1}, {x: [{above: 5}], u: a}]}", "{x: [{exists: true}]}"]
    for filter_ in proving:
        body = f"filter: {filter_}\nproperties:\n  p: x"
        assert plan_of(body, nullable("int")).warnings == ()

    for filter_ in ["{any: [{x: 1}, {u: a}]}", "{not: {x: 1}}", "{x: [{exists: false}, 1]}"]:
        with pytest.raises(Exception, match="`x` can be missing"):
            plan_of(f"filter: {filter_}\nproperties:\n  p: x", nullable("int"))


def test_the_same_record_always_has_equal_outcomes() -> None:
    """A plan keeps no state between records."""
    body = "properties:\n  p: {path: x, optional: true}"
    plan = plan_of(body, nullable("string"))
    raw = raw_value(schema_text(nullable("string")), {"u": "u1", "x": "a"})
    polled = record("t", timestamp_ms=1)

    first = plan.map(polled, raw)
    plan.map(polled, {"u": "u2", "x": None})
    assert plan.map(polled, raw) == first
