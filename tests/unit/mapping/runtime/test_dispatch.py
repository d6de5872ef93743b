"""Which of many mappings are tried on a record."""

import json

import pytest

from bridge.documents.document import parse
from bridge.mapping.compiler.compiler import compile_plan
from bridge.mapping.language.loader import load_rules
from bridge.mapping.language.options import NO_OPTIONS
from bridge.mapping.runtime.dispatch import MAPPINGS_MIN
from bridge.mapping.runtime.outcome import MappingRejected
from bridge.mapping.runtime.plan import Plan
from tests.cases.raw import record
from tests.unit.avro.samples import tree

SCHEMA = {
    "type": "record",
    "name": "n.Order",
    "fields": [
        {"name": "u", "type": "string"},
        {"name": "kind", "type": ["null", "string"]},
        {"name": "n", "type": "int"},
        {"name": "tags", "type": {"type": "array", "items": "string"}},
        {"name": "more", "type": {"type": "map", "values": "string"}},
    ],
}
FILTERS = {
    "placed": {"kind": "placed"},
    "placed-large": {"kind": "placed", "n": [{"at_least": 100}]},
    "gone": {"kind": ["cancelled", "returned"]},
    "every": None,
    "numbered": {"n": [7, 8]},
    "without": {"kind": [{"exists": False}]},
    "either": {"any": [{"kind": "placed"}, {"n": 7}]},
    "not-placed": {"not": {"kind": "placed"}},
    "tagged": {"tags": "placed", "kind": ["placed", "cancelled"]},
    "by-place": {"kind": "placed", "$partition": 0},
    "mapped": {"more.kind": "placed"},
    "keyed": {"$key": [{"exists": True}]},
}


def _plan(names: list[str]) -> Plan:
    mappings = [
        {"name": name, "topics": ["t"], "uid": "u", "event": name}
        | ({} if FILTERS[name] is None else {"filter": FILTERS[name]})
        for name in names
    ]
    document = parse(json.dumps({"format": 1, "mappings": mappings}), "m.yaml")
    return compile_plan(load_rules([document], NO_OPTIONS), "t", tree(SCHEMA))


@pytest.mark.parametrize("kind", ["placed", "cancelled", "returned", "other", None])
@pytest.mark.parametrize("n", [7, 100, 5])
@pytest.mark.parametrize("tags", [[], ["placed"]])
def test_dispatch_keeps_every_mapping_that_matches_in_order(
    kind: str | None, n: int, tags: list[str]
) -> None:
    """Only mappings that cannot match are left out."""
    value: dict[str, object] = {"u": "1", "kind": kind, "n": n, "tags": tags, "more": {}}
    alone = [name for name in FILTERS if _plan([name]).map(record("t"), value)]
    plan = _plan(list(FILTERS))
    assert len(FILTERS) >= MAPPINGS_MIN

    found = plan.map(record("t"), value)

    assert [one.mapping for one in found] == alone
    assert plan.matches(record("t"), value)
    others = [name for name in FILTERS if name != "every"]
    assert _plan(others).matches(record("t"), value) == bool(set(alone) - {"every"})


@pytest.mark.parametrize(
    ("names", "members"),
    [
        (["placed"], {"placed"}),
        (["placed", "gone"], {"placed", "cancelled", "returned"}),
        (["numbered"], {7, 8}),
        (["placed-large"], {"placed"}),
        (["placed", "by-place"], {"placed"}),
        (["tagged", "placed"], {"placed", "cancelled"}),
        (["mapped"], None),
        (["without"], None),
        (["placed", "every"], None),
        (["placed", "numbered"], None),
        (["not-placed"], None),
        (["either"], None),
    ],
)
def test_the_values_that_any_match_requires(names: list[str], members: set[object] | None) -> None:
    """Known if all filters compare one field for equality, and its path has no list or map."""
    required = _plan(names).members()
    assert (None if required is None else required.values) == members


def test_a_filter_error_counts_as_a_match_for_one_mapping_and_for_many() -> None:
    """Only `map` reports the error."""
    broken = record("t", key=b"\xff")
    value: dict[str, object] = {"u": "1", "kind": None, "n": 0, "tags": [], "more": {}}
    for names in (["keyed"], ["keyed", "placed", "gone"]):
        plan = _plan(names)
        assert plan.matches(broken, value)
        assert [type(one) for one in plan.map(broken, value)] == [MappingRejected]
