"""Any schema, any mapping over it, any record of it."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple
from unittest.mock import patch

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from bridge.documents.document import parse
from bridge.documents.problems import Problem, Problems
from bridge.mapping.compiler import properties as values_module
from bridge.mapping.compiler.compiler import compile_plan, fit_plan
from bridge.mapping.compiler.type_conflicts import check_type_conflicts
from bridge.mapping.language.loader import load_rules
from bridge.mapping.language.options import Options
from bridge.mapping.language.paths import Every, Index, MapKey, Name, Step, parse_path
from bridge.mapping.runtime.outcome import Event, MappingRejected
from bridge.mapping.runtime.plan import Plan
from bridge.schema.parser import parse_schema
from bridge.schema.types import Array, Map, Primitive, Record, Reference, Schema, Type, Union
from tests.cases.raw import record
from tests.properties.schema_ends import built
from tests.properties.schemas import KEYS, any_value, raw_values, schemas

RELAXED = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
OPTIONS = Options(hash_key=b"secret")
LITERALS: list[Any] = [
    *(0, 1, -5, 0.5, "a", "A", "", True, False, "2026-11-24", "2026-11-24T10:15:00Z"),
    "00000000-0000-0000-0000-000000000000",
]


def paths(schema: Schema) -> list[str]:
    """Paths to every place, in the syntax of mapping files; for lists and maps only some."""
    return [*_paths(schema, schema.root, "", 4), "$key", "$headers.h", "$offset", "$timestamp"]


def _paths(schema: Schema, type_: Type, prefix: str, depth: int) -> Iterator[str]:
    type_ = schema.resolve(type_)
    if isinstance(type_, Union):
        for branch in type_.branches:
            yield from _paths(schema, branch, prefix, depth)
        return
    if prefix:
        yield prefix
    for step, below in _steps(type_) if depth else ():
        yield from _paths(schema, below, f"{prefix}{step}".removeprefix("."), depth - 1)


def _steps(type_: Type) -> list[tuple[str, Type]]:
    match type_:
        case Record(_, fields):
            return [(f".{field.name}", field.type) for field in fields]
        case Map(inner):
            return [(f'["{key}"]', inner) for key in KEYS]
        case Array(inner):
            return [(step, inner) for step in ("[0]", "[1]", "[*]")]
        case _:
            return []


def values(where: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    """A property in short or long form: any source, converters and handling of missing values."""
    source = st.one_of(
        where.map(lambda path: {"path": path}),
        where.map(lambda path: {"path": path}),
        st.lists(where, min_size=1, max_size=3).map(lambda found: {"first_of": found}),
        where.map(lambda path: {"template": f"a {{{path}}} b"}),
    )
    missing: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
        [{"optional": True}, {"optional": True}, {}, {"default": "d"}, {"default": 0}]
    )
    converter: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
        [
            *({}, {}, {}, {"count": True}, {"max_items": 2}, {"case": "upper"}, {"scale": 0.01}),
            *({"type": word} for word in ("str", "int", "real", "bool", "date", "strs", "ints")),
            *({word: True} for word in ("sum", "min", "max")),
            *({"redact": word} for word in ("mask", "last4")),
            *({"hash": word} for word in ("sha256", "hmac-sha256")),
            *({"format": word} for word in ("unix_ms", "unix_us", "iso8601")),
            *({"values": {"A": "x", "a": "y"}}, {"values": {"0": 1}, "else": 2}, {"zone": "UTC"}),
        ]
    )
    return where | st.tuples(source, missing, converter, converter).map(
        lambda parts: {key: value for part in parts for key, value in part.items()}
    )


def filters(where: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, Any]]:
    """A filter over a path or two."""
    matcher = st.one_of(
        st.sampled_from(LITERALS),
        st.sampled_from([{"exists": True}, {"exists": False}, {"prefix": "a"}, {"suffix": "b"}]),
        st.sampled_from([{"anything_but": ["a"]}, {"anything_but": [0]}]),
        st.sampled_from(LITERALS).map(lambda value: {"at_least": value}),
        st.sampled_from(LITERALS).map(lambda value: {"below": value}),
    )
    flat = st.dictionaries(where, st.lists(matcher, min_size=1, max_size=2), max_size=2)
    return st.one_of(
        st.just({}),
        flat,
        flat.map(lambda part: {"not": part}),
        st.lists(flat, min_size=1, max_size=2).map(lambda parts: {"any": parts}),
    )


@st.composite
def mappings(draw: st.DrawFn, schema: Schema) -> dict[str, Any]:
    """A mapping most of whose parts are valid."""
    where = st.sampled_from(paths(schema))
    found: dict[str, Any] = {"name": "m", "topics": ["t"], "event": "E", "filter": {}}
    found["filter"] = draw(filters(where))
    found["uid"] = draw(
        st.sampled_from(["u", "$offset"])
        | where
        | where.map(lambda p: {"path": p, "optional": True})
    )
    stamp = where.map(lambda path: {"path": path, "format": "unix_ms", "optional": True})
    found["timestamp"] = draw(st.just("$timestamp") | where | stamp)
    session = where.map(lambda path: {"url": path, "optional": True})
    found["session"] = draw(st.sampled_from(["recent", "none"]) | session)
    names = draw(st.lists(st.sampled_from(["p", "q", "o.p", "o.q.p"]), min_size=1, max_size=6))
    found["properties"] = {f"{name}{n}": draw(values(where)) for n, name in enumerate(names)}
    return found


class AcceptedMapping(NamedTuple):
    """A schema, a mapping that fits it, and its plan."""

    schema: Schema
    mapping: dict[str, Any]
    plan: Plan


def compiled(mapping: dict[str, Any], schema: Schema) -> Plan:
    """The plan of one mapping; raises Problems."""
    text = json.dumps({"format": 1, "mappings": [mapping]})
    return compile_plan(load_rules([parse(text, "m.yaml")], OPTIONS), "t", schema, OPTIONS)


def accepted(mapping: dict[str, Any], schema: Schema) -> AcceptedMapping | None:
    """The mapping without the parts that `check` refuses; None if nothing is left."""
    for _ in range(8):
        try:
            return AcceptedMapping(schema, mapping, compiled(mapping, schema))
        except Problems as problems:
            mapping = _without(mapping, problems.problems)
    return None


def _without(mapping: dict[str, Any], problems: tuple[Problem, ...]) -> dict[str, Any]:
    """The mapping without the parts that have a problem; the file is one line of JSON."""
    text = json.dumps({"format": 1, "mappings": [mapping]})
    columns = [problem.place.column - 1 for problem in problems if problem.place]
    assert len(columns) == len(problems)
    kept = {"name": "m", "topics": ["t"], "event": "E", "uid": "u", "properties": {}}
    for name, value in mapping["properties"].items():
        start = text.index(f'"{name}": ', text.index('"properties": '))
        end = start + len(f'"{name}": {json.dumps(value)}')
        if not any(start <= column < end for column in columns):
            kept["properties"][name] = value  # type: ignore[index]
    for key in ("filter", "uid", "timestamp", "session"):
        if key in mapping:
            start = text.index(f'"{key}": ')
            end = start + len(f'"{key}": {json.dumps(mapping[key])}')
            if not any(start <= column < end for column in columns):
                kept[key] = mapping[key]
    return kept


POLLED = st.builds(
    record,
    st.just("t"),
    key=st.none() | st.sampled_from([b"k", b"\xff"]),
    headers=st.sampled_from([(), (("h", b"u"),), (("h", b"\xff"),)]),
    timestamp_ms=st.integers(0, 2**42),
    offset=st.integers(0, 2**60),
)


@RELAXED
@given(data=st.data())
def test_a_mapping_that_check_accepts_works_for_any_record(data: st.DataObject) -> None:
    """No exception, deterministic bytes, one type per name, no unhandled missing value."""
    schema = parse_schema(json.dumps(data.draw(schemas())))
    fitting = accepted(data.draw(mappings(schema)), schema)
    assume(fitting is not None)
    assert fitting is not None
    again = compiled(fitting.mapping, schema)
    types = {typed.property: typed.type for typed in again.typed}

    assert check_type_conflicts([fitting.plan, again]) == ()
    for _ in range(3):
        value = data.draw(raw_values(schema, schema.root))
        polled = data.draw(POLLED)
        outcomes = fitting.plan.map(polled, value)
        assert [built(one) for one in outcomes] == [built(one) for one in again.map(polled, value)]
        assert bool(outcomes) == fitting.plan.matches(polled, value)
        required = fitting.plan.members()
        assert required is None or not outcomes or required.read(polled, value) in required.values
        for outcome in outcomes:
            if isinstance(outcome, MappingRejected):
                assert outcome.reason not in ("missing_value", "missing_timestamp")
            for found in outcome.properties if isinstance(outcome, Event) else ():
                assert types[found.name] == found.type


@RELAXED
@given(data=st.data())
def test_fit_plan_equals_the_strict_plan_or_rejects(data: st.DataObject) -> None:
    """A schema at run time raises no exception, and gives no event that `check` refuses."""
    schema = parse_schema(json.dumps(data.draw(schemas())))
    mapping = data.draw(mappings(schema))
    text = json.dumps({"format": 1, "mappings": [mapping]})
    try:
        rules = load_rules([parse(text, "m.yaml")], OPTIONS)
    except Problems:
        assume(False)
        return
    try:
        strict: Plan | None = compile_plan(rules, "t", schema, OPTIONS)
    except Problems:
        strict = None
    plan = fit_plan(rules, "t", schema, OPTIONS)
    polled = data.draw(POLLED)
    value = data.draw(raw_values(schema, schema.root))

    found = [built(outcome) for outcome in plan.map(polled, value)]
    if strict is not None:
        assert found == [built(outcome) for outcome in strict.map(polled, value)]
        assert plan.mismatches == ()
    else:
        assert plan.mismatches
        assert set(found) <= {"schema_does_not_fit", "not_utf8"}


@RELAXED
@given(data=st.data())
def test_a_path_that_check_reports_as_missing_fails_on_some_record(data: st.DataObject) -> None:
    """The record is generated from the path; the check is disabled to show that it fails."""
    schema = parse_schema(json.dumps(data.draw(schemas())))
    path = data.draw(st.sampled_from(list(_paths(schema, schema.root, "", 4))))
    bare = {"name": "m", "topics": ["t"], "event": "E", "uid": "$offset"}
    mapping = {**bare, "properties": {"p": {"path": path, "redact": "mask"}}}
    codes = _codes(mapping, schema)
    incomplete = _value_without(schema, schema.root, parse_path(path).steps)

    if codes == {"M032"}:
        assert incomplete is not None
        with patch.object(values_module, "refuse_unhandled_missing"):
            plan = compiled(mapping, schema)
        (outcome,) = plan.map(record("t", timestamp_ms=1, offset=7), incomplete[0])
        assert isinstance(outcome, MappingRejected)
        assert (outcome.reason, outcome.path) == ("missing_value", path)
    elif not codes:
        assert incomplete is None


def _codes(mapping: dict[str, Any], schema: Schema) -> set[str]:
    try:
        compiled(mapping, schema)
    except Problems as problems:
        return {problem.code for problem in problems.problems}
    return set()


def _value_without(schema: Schema, type_: Type, steps: tuple[Step, ...]) -> tuple[Any] | None:
    """A value in which a path is missing; None if no such value exists."""
    type_ = schema.resolve(type_)
    match type_, steps:
        case Union(branches), _:
            found = (_value_without(schema, branch, steps) for branch in branches)
            return next((one for one in found if one is not None), None)
        case Primitive("null"), _:
            return (None,)
        case _, ():
            return None
        case Record(_, fields), (Name(name) | MapKey(name), *rest):
            below = next((field.type for field in fields if field.name == name), None)
            whole = any_value(schema, type_)
            if below is None:
                return (whole,)
            incomplete = _value_without(schema, below, tuple(rest))
            return None if incomplete is None else ({**whole, name: incomplete[0]},)
        case Map(), (Name() | MapKey(), *_):
            return ({},)
        case Array(), (Index(), *_):
            return ([],)
        case Array(), (Every(), *_):
            return None
        case Reference(), _:
            raise AssertionError(type_)
        case _:
            return (any_value(schema, type_),)
