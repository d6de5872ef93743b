"""Drafted files: valid, and small enough to read for any schema."""

import json
from typing import Any

import pytest

from bridge.avro.schema_store import WriterSchema
from bridge.commands.draft_file import DRAFT_BYTES_MAX, draft_file
from bridge.documents.document import parse
from bridge.errors import SetupError
from bridge.mapping.compiler.compiler import compile_plan
from bridge.mapping.drafting.draft import MAPPINGS_MAX, PROPERTIES_MAX
from bridge.mapping.drafting.observed_values import ObservedValues
from bridge.mapping.language.loader import load_rules
from bridge.mapping.language.options import NO_OPTIONS
from bridge.mapping.testing.tests import mapping_tests_of, untested
from bridge.schema.parser import parse_schema


def record(name: str, **types: Any) -> dict[str, Any]:
    """A record type with these fields."""
    fields = [{"name": field, "type": type_} for field, type_ in types.items()]
    return {"type": "record", "name": name, "fields": fields}


def doubling(levels: int) -> Any:
    """Records of which each has two required fields of the next one."""
    inner: Any = record("R0", x="int")
    for level in range(1, levels):
        inner = record(f"R{level}", a=inner, b=f"R{level - 1}", **{f"y{level}": "int"})
    return inner


def drafted(schema: Any) -> str:
    """The text of the draft."""
    text = json.dumps(schema)
    writer = WriterSchema("it.avsc", parse_schema(text), texts=(text,))
    return draft_file("t", writer, ObservedValues(), NO_OPTIONS)


LARGE: list[tuple[str, Any, int, str]] = [
    ("nested records that double", doubling(25), 1, "too deeply"),
    (
        "many fields",
        record("R", **{f"field_number_{n}": "int" for n in range(3000)}),
        1,
        "2850 more fields",
    ),
    (
        "long names",
        record("R", **{f"f{n}_{'x' * 1500}": "int" for n in range(300)}),
        1,
        "more fields that",
    ),
    (
        "fields to leave out",
        record("R", **{f"secret{n}": "bytes" for n in range(3000)}),
        1,
        "2850 more fields",
    ),
    (
        "many record types",
        [record(f"a.R{n}", **{f"f{m}": "int" for m in range(40)}) for n in range(60)],
        MAPPINGS_MAX,
        "# 45 more record types of the topic have no mapping yet.",
    ),
]


@pytest.mark.parametrize(
    ("_", "schema", "mappings", "told"), LARGE, ids=[case[0] for case in LARGE]
)
def test_a_draft_of_a_large_schema_is_bounded_and_valid(
    _: str, schema: Any, mappings: int, told: str
) -> None:
    """It says how much it does not list."""
    text = drafted(schema)

    document = parse(text, "it.yaml")
    rules = load_rules([document], NO_OPTIONS)
    plan = compile_plan(rules, "t", parse_schema(json.dumps(schema)), NO_OPTIONS)
    assert plan.warnings == ()
    assert untested(rules, mapping_tests_of(document)) == ()
    assert len(rules) == mappings
    assert sum(len(rule.form.properties) for rule in rules) <= PROPERTIES_MAX
    assert len(text.encode()) <= DRAFT_BYTES_MAX
    assert told in text


def test_a_sample_that_is_too_large_is_left_out_with_a_comment() -> None:
    """Its required fields alone would need millions of values; a tombstone needs none."""
    assert "a tombstone sends nothing" in drafted(doubling(25))
    assert "a tombstone sends nothing" not in drafted(doubling(3))


def test_names_too_long_for_any_draft_are_refused() -> None:
    """Instead of a file that `check` refuses."""
    with pytest.raises(SetupError, match="write the mapping by hand"):
        drafted(record("R", **{"x" * DRAFT_BYTES_MAX: "int"}))
