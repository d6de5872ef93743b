"""Which of many mappings are tried on a record."""

import json

import pytest

from bridge.documents.document import parse
from bridge.mapping.compiler.compiler import compile_plan
from bridge.mapping.language.loader import load_rules
from bridge.mapping.language.options import NO_OPTIONS
from bridge.mapping.runtime.dispatch import STEPS_MIN
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
def test_of_many_mappings_those_fire_that_would_fire_alone_in_their_order(
    kind: str | None, n: int, tags: list[str]
) -> None:
    """The choice leaves out only what cannot match."""
    value: dict[str, object] = {"u": "1", "kind": kind, "n": n, "tags": tags, "more": {}}
    alone = [name for name in FILTERS if _plan([name]).map(record("t"), value)]
    plan = _plan(list(FILTERS))
    assert len(FILTERS) >= STEPS_MIN

    found = plan.map(record("t"), value)

    assert [one.mapping for one in found] == alone
    assert plan.matches(record("t"), value)
    chosen = [name for name in FILTERS if name != "every"]
    assert _plan(chosen).matches(record("t"), value) == bool(set(alone) - {"every"})


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
def test_the_values_without_which_nobody_wants_a_record(
    names: list[str], members: set[object] | None
) -> None:
    """Known where all filters ask the same field for equality, and no list or map leads there."""
    asked = _plan(names).members()
    assert (None if asked is None else asked.values) == members


def test_a_record_whose_filter_fails_is_wanted_by_one_mapping_as_by_many() -> None:
    """Only `map` says what is wrong with it."""
    broken = record("t", key=b"\xff")
    value: dict[str, object] = {"u": "1", "kind": None, "n": 0, "tags": [], "more": {}}
    for names in (["keyed"], ["keyed", "placed", "gone"]):
        plan = _plan(names)
        assert plan.matches(broken, value)
        assert [type(one) for one in plan.map(broken, value)] == [MappingRejected]
