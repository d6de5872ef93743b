"""Which records a filter matches."""

from decimal import Decimal
from typing import Any, NamedTuple

import pytest

from tests.unit.mapping.project import (
    CARD,
    DATE,
    ENUM,
    ID,
    LOCAL,
    MAP,
    MICROS,
    MILLIS,
    MONEY,
    array,
    nullable,
    outcomes,
    plan_of,
)


class Row(NamedTuple):
    """A type, the filter on `x`, the values that match and those that do not."""

    type: Any
    filter: str
    passing: list[Any]
    failing: list[Any]


ROWS = [
    Row("string", "x: a", ["a"], ["A", "b", ""]),
    Row("string", 'x: "5"', ["5"], ["5.0"]),
    Row("string", "x: [a, b]", ["a", "b"], ["c"]),
    Row("int", "x: 5", [5], [6]),
    Row("int", "x: [5, 7]", [5, 7], [6]),
    Row("long", "x: 5.0", [5], [6]),
    Row("double", "x: 0.1", [0.1], [0.2]),
    Row("float", "x: 0.1", [0.1], [0.2]),
    Row("float", "x: [{above: 0.1}]", [0.2], [0.1]),
    Row("boolean", "x: true", [True], [False]),
    Row(["boolean", "long"], "x: 1", [1], [True, 2]),
    Row(["string", "long"], 'x: [1, "2"]', [1, "2"], ["1", 2]),
    Row(ENUM, "x: RED", ["RED"], ["BLUE"]),
    Row(ID, "x: 00000000-0000-0000-0000-000000000001", [bytes(15) + b"\1"], [bytes(16)]),
    Row(MONEY, "x: 19.99", [Decimal("19.99")], [Decimal("19.98")]),
    Row(MONEY, "x: [{above: 0}]", [Decimal("0.01")], [Decimal("0.00"), Decimal("-1.00")]),
    Row(MONEY, "x: [{at_least: 0.015}]", [Decimal("0.02")], [Decimal("0.01")]),
    Row(MONEY, "x: [{below: 0.015}]", [Decimal("0.01")], [Decimal("0.02")]),
    Row(MONEY, "x: [{at_most: -1}]", [Decimal("-1.00")], [Decimal("-0.99")]),
    Row("int", "x: [{above: 3}]", [4], [3]),
    Row("int", "x: [{above: 3.5}]", [4], [3]),
    Row("int", "x: [{at_least: 3, below: 5}]", [3, 4], [2, 5]),
    Row("int", "x: [{below: 0}, {above: 10}, 5]", [-1, 11, 5], [0, 10]),
    Row("double", "x: [{above: 1, at_most: 2}]", [1.5, 2.0], [1.0, 2.5, float("nan")]),
    Row(MILLIS, 'x: [{at_least: "1970-01-01T00:00:01Z"}]', [1000], [999]),
    Row(MILLIS, 'x: [{above: "1970-01-01T00:00:00.9999Z"}]', [1000], [999]),
    Row(MILLIS, 'x: "1970-01-01T01:00:00+01:00"', [0], [1]),
    Row(MICROS, 'x: [{below: "1970-01-01T00:00:00.001Z"}]', [999], [1000]),
    Row(DATE, 'x: "1970-01-02"', [1], [0, 2]),
    Row(DATE, 'x: [{above: "1970-01-02", below: "1970-01-05"}]', [2, 3], [1, 4]),
    Row("string", "x: [{prefix: ab}]", ["ab", "abc"], ["a", "cab"]),
    Row("string", "x: [{suffix: ab}]", ["ab", "cab"], ["abc"]),
    Row("string", "x: [{equals_ignore_case: EUR}]", ["eur", "EUR"], ["usd"]),
    Row("string", "x: [{anything_but: [a, b]}]", ["c"], ["a", "b"]),
    Row("int", "x: [{anything_but: [1]}]", [2], [1]),
    Row(nullable("string"), "x: [{anything_but: [a]}]", ["c"], ["a", None]),
    Row(nullable("string"), "x: [{exists: true}]", ["a", ""], [None]),
    Row(nullable("string"), "x: [{exists: false}]", [None], ["a"]),
    Row(nullable("string"), 'x: [{exists: false}, "false"]', [None, "false"], ["true"]),
    Row(nullable("string"), "not: {x: a}", [None, "b"], ["a"]),
    Row(nullable("string"), "x: a", ["a"], [None]),
    Row(nullable(CARD), "x.a: 1", [{"a": 1}], [{"a": 2}, None]),
    Row(nullable(CARD), "x: [{exists: true}]", [{"a": 1}], [None]),
    Row(array("string"), "x: a", [["a"], ["b", "a"]], [["b"], []]),
    Row(array("string"), "x: [{anything_but: [a]}]", [["b"], []], [["b", "a"]]),
    Row(array("int"), "x: [{above: 3}]", [[1, 4]], [[1], []]),
    Row(array(nullable("int")), "x: 3", [[None, 3]], [[None]]),
    Row(array(CARD), '"x[*].a": 1', [[{"a": 2}, {"a": 1}]], [[{"a": 2}], []]),
    Row(array(CARD), '"x[0].a": 1', [[{"a": 1}]], [[{"a": 2}, {"a": 1}], []]),
    Row(MAP, "x.k: v", [{"k": "v"}], [{"k": "w"}, {}]),
    Row(MAP, "'x[\"k.1\"]': [{exists: false}]", [{}], [{"k.1": ""}]),
    Row("int", "any: [{x: 1}, {x: 2, u: nobody}]", [1], [2, 3]),
    Row("int", "all: [{x: [1, 2]}, {not: {x: 2}}]", [1], [2]),
    Row("int", "{x: 1, u: u1}", [1], [2]),
    Row("int", "{x: [{above: 0}], u: u1, $partition: 0, $offset: 7}", [1], [0]),
    Row("int", "{x: 1, u: u2}", [], [1, 2]),
    Row("int", "{$topic: t, x: 1}", [1], [2]),
    Row("int", "{$record: n.Rec, x: 1}", [1], [2]),
    Row("int", "{$record: n.Other, nowhere: 1}", [], [1]),
    Row("int", "$headers.h: last", [1], []),
    Row("int", "$key: other", [], [1]),
    Row("int", "$value: [{exists: true}]", [1], []),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.filter} of {row.type}")
def test_a_filter_matches_the_values_of_its_row(row: Row) -> None:
    """Every passing value produces one event, every failing value none."""
    headers = (("h", b"first"), ("h", b"last"))
    for value in row.passing:
        body = f"filter: {{{row.filter}}}" if row.filter[0] != "{" else f"filter: {row.filter}"
        assert len(outcomes(body, row.type, value, key=b"k", headers=headers)) == 1, value
    for value in row.failing:
        body = f"filter: {{{row.filter}}}" if row.filter[0] != "{" else f"filter: {row.filter}"
        assert outcomes(body, row.type, value, key=b"k", headers=headers) == [], value


def test_a_filter_needs_only_its_own_fields() -> None:
    """The first pass of the decoder reads these fields only."""
    plan = plan_of("filter: {x.a: [1]}\nproperties:\n  p: u", nullable(CARD))

    assert plan.wanted.filter == {("x", "a")}
    assert plan.wanted.all == {("x", "a"), ("u",)}


def test_a_key_that_is_not_utf8_is_a_mapping_error() -> None:
    """It is not a silent mismatch, because the filter might have matched."""
    (outcome,) = outcomes("filter: {$key: k}", "int", 1, key=b"\xff")

    assert getattr(outcome, "reason", "") == "not_utf8"


def test_a_local_time_can_only_be_tested_for_existence() -> None:
    """Without a zone it cannot be compared with a time."""
    assert len(outcomes("filter: {x: [{exists: true}]}", nullable(LOCAL), 5)) == 1
