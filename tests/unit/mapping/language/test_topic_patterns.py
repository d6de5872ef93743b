"""Topics by pattern."""

import time

import pytest

from bridge.documents.document import parse
from bridge.documents.problems import Problems
from bridge.mapping.compiler.compiler import compile_plan
from bridge.mapping.language.diagnostics import MappingFault
from bridge.mapping.language.loader import load_rules
from bridge.mapping.language.topic_patterns import compile_pattern
from tests.cases.raw import record
from tests.unit.mapping.project import document, plan_of, uid_or_reason


@pytest.mark.parametrize(
    ("pattern", "read", "not_read"),
    [
        (r"^shop\.orders\.(eu|us)$", ["shop.orders.eu"], ["shop.orders.eu2", "shopXordersXeu", ""]),
        (r"orders", ["orders", "old-orders", "orders.retry"], ["order"]),
        (r"^a|^b", ["a", "bc"], ["ca"]),
        (r"(?i)^ORDERS$", ["orders"], ["orders2"]),
        (r"\Aorders\z", ["orders"], ["orders.x"]),
    ],
)
def test_a_pattern_matches_anywhere_unless_it_is_anchored(
    pattern: str, read: list[str], not_read: list[str]
) -> None:
    """`^` and `$` match the whole name."""
    (rule,) = load_rules([document(f"topics: {{pattern: '{pattern}'}}")])

    assert all(map(rule.reads, read))
    assert not any(map(rule.reads, not_read))
    assert rule.topics == ()


def test_a_pattern_without_start_anchor_is_a_warning() -> None:
    """It may be intended, so it does not stop the bridge from starting."""
    (warning,) = plan_of("topics: {pattern: t}", "int").warnings

    assert (warning.code, warning.severity) == ("M028", "warning")
    assert str(warning.place) == "m.yaml:6:23"
    for closed in ("^t", r"\At", "^t$"):
        assert plan_of(f"topics: {{pattern: '{closed}'}}", "int").warnings == ()


def test_a_mapping_by_pattern_uses_the_topic_of_each_record() -> None:
    """There is one plan for each topic, with the topic's name."""
    text = """
format: 1
mappings:
  - {name: a, topics: {pattern: "^shop\\\\."}, filter: {$value: [{exists: false}]}, uid: $topic,
     event: "Order {$topic}"}
"""
    rules = load_rules([parse(text, "m.yaml")])
    plans = {topic: compile_plan(rules, topic, None) for topic in ("shop.eu", "shop.us", "x")}

    found = {topic: plan.map(record(topic, timestamp_ms=1), None) for topic, plan in plans.items()}
    assert {topic: [uid_or_reason(one) for one in ones] for topic, ones in found.items()} == {
        "shop.eu": ["shop.eu"],
        "shop.us": ["shop.us"],
        "x": [],
    }


def test_no_pattern_takes_more_than_linear_time() -> None:
    """This pattern would keep a backtracking engine busy for years."""
    pattern = compile_pattern("^(a+)+$")
    started_s = time.perf_counter()

    assert not pattern.matches("a" * 249 + "!")
    assert time.perf_counter() - started_s < 1


def test_a_pattern_that_expands_too_far_is_refused() -> None:
    """Its automaton would exhaust the memory."""
    with pytest.raises(MappingFault, match="invalid pattern"):
        compile_pattern("^((((a{100}){100}){100}){100})$")


def test_a_mistake_in_the_defaults_is_reported_once() -> None:
    """At the defaults, not for every mapping of the file."""
    text = """
format: 1
defaults: {session: {url: a, id: b}}
mappings:
  - {name: a, topics: [t], uid: u, event: E}
  - {name: b, topics: [t], uid: u, event: E}
"""
    with pytest.raises(Problems) as raised:
        load_rules([parse(text, "m.yaml")])

    found = [(problem.code, str(problem.place)) for problem in raised.value.problems]
    assert found == [
        ("M013", "m.yaml:3:21"),
        ("M013", "m.yaml:3:30"),
    ]
