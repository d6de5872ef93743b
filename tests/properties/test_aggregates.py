"""`sum`, `min` and `max` are exact for any numbers."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.mapping.runtime.outcome import Event
from tests.unit.mapping.project import array, logical, outcomes

MONEY = logical("bytes", "decimal", precision=30, scale=4)
AMOUNTS = st.lists(st.decimals(-(10**20), 10**20, places=4), max_size=8)
DOUBLES = st.lists(st.floats(allow_nan=False, allow_infinity=False, width=64), max_size=8)


def sent(word: str, type_: Any, values: list[Any]) -> str | None:
    """The aggregate as text, with every digit; None if it is missing."""
    body = f"properties:\n  p: {{path: x, {word}: true, type: str, optional: true}}"
    (event,) = outcomes(body, array(type_), values)
    assert isinstance(event, Event)
    return next((str(found.value) for found in event.properties), None)


@given(values=AMOUNTS)
def test_the_sum_of_decimals_has_all_their_digits(values: list[Decimal]) -> None:
    """Also where a double would round."""
    assert Fraction(str(sent("sum", MONEY, values))) == sum(map(Fraction, values))


@given(values=DOUBLES)
def test_the_sum_of_doubles_is_that_of_their_shortest_texts(values: list[float]) -> None:
    """Whatever their sizes and their order."""
    assert Fraction(str(sent("sum", "double", values))) == sum(Fraction(repr(v)) for v in values)


@pytest.mark.parametrize("word", ["min", "max"])
@given(values=AMOUNTS)
def test_an_extreme_is_one_of_the_decimals(word: str, values: list[Decimal]) -> None:
    """Of an empty list there is none."""
    found = sent(word, MONEY, values)
    expected = (min if word == "min" else max)(values, default=None)
    assert (None if found is None else Decimal(found)) == expected
