"""Mappings checked against all versions of a schema."""

import json

from bridge.documents.document import parse
from bridge.mapping.checking.versions import check_topics, check_versions
from bridge.mapping.language.loader import load_rules
from bridge.mapping.language.options import NO_OPTIONS
from bridge.schema.parser import parse_schema
from bridge.schema.types import Schema

RULES = load_rules(
    [
        parse(
            "format: 1\nmappings:\n  - {name: m, topics: [t], uid: u, event: E,"
            " filter: {s: [A, B]}, properties: {x: x}}\n",
            "m.yaml",
        )
    ]
)


def schema(x: str, *symbols: str) -> Schema:
    """A record with a field named `x` as given, and an enum."""
    enum = {"type": "enum", "name": "S", "symbols": list(symbols)}
    fields = [{"name": "u", "type": "string"}, {"name": "s", "type": enum}]
    fields.append({"name": x, "type": "int"})
    return parse_schema(json.dumps({"type": "record", "name": "R", "fields": fields}))


def test_an_error_names_its_versions_unless_all_have_it() -> None:
    """Two of three versions, and two of two."""
    some = {"v1": schema("y", *"ABC"), "v2": schema("x", *"ABC"), "v3": schema("y", *"ABC")}
    plans, problems = check_versions(RULES, "t", some, NO_OPTIONS)
    assert [problem.message for problem in problems] == ["the schema has no field `x` (in v1, v3)"]
    assert len(plans) == 1

    every = {"v1": schema("y", *"ABC"), "v3": schema("y", *"ABC")}
    _, problems = check_versions(RULES, "t", every, NO_OPTIONS)
    assert [problem.message for problem in problems] == ["the schema has no field `x`"]


def test_a_warning_is_reported_only_if_every_version_has_it() -> None:
    """A filter that always matches with the old version may be needed for the new one."""
    _, problems = check_versions(
        RULES, "t", {"v1": schema("x", *"AB"), "v2": schema("x", *"ABC")}, NO_OPTIONS
    )
    assert problems == []

    _, problems = check_versions(RULES, "t", {"v1": schema("x", *"AB")}, NO_OPTIONS)
    assert [(problem.code, problem.severity) for problem in problems] == [("M037", "warning")]


def test_an_error_names_its_topics_unless_all_have_it() -> None:
    """A warning is reported only if all topics of the mapping have it."""
    text = "format: 1\nmappings: [{name: m, topics: [t, u], uid: u, event: E, %s}]\n"
    (rule,) = load_rules([parse(text % "filter: {s: [A, B]}, properties: {x: x}", "m.yaml")])
    fits, lacks = {"v1": schema("x", *"AB")}, {"v1": schema("y", *"ABC"), "v2": schema("y", *"AB")}

    _, some = check_topics([rule], {"t": fits, "u": lacks}, NO_OPTIONS)
    assert [problem.message for problem in some] == ["the schema has no field `x` (in u)"]
    _, every = check_topics([rule], {"t": lacks, "u": lacks, "v": fits}, NO_OPTIONS)
    assert [problem.message for problem in every] == ["the schema has no field `x`"]
