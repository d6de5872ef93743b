"""A 32-bit float is sent with the digits of a 32-bit float."""

import struct
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bridge.schema.conversions import MappingError, shortest_of_float

FLOAT = struct.Struct("<f")


def as_float(value: float) -> float:
    """The nearest 32-bit float."""
    return float(FLOAT.unpack(FLOAT.pack(value))[0])


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
@example(-0.0)
@example(2.0**-149)
@example(2.0**-126)
@example(as_float(3.4028234663852886e38))
@example(16777216.0)
def test_the_shortest_number_reads_back_as_the_same_float(value: float) -> None:
    """With at most nine digits, and never more than a double of the same value has."""
    shortest = shortest_of_float(value)
    assert FLOAT.pack(shortest) == FLOAT.pack(value)
    digits = Decimal(repr(shortest)).normalize().as_tuple().digits
    assert len(digits) <= 9
    assert len(repr(shortest)) <= len(repr(value))


@given(st.decimals(min_value="-99999", max_value="99999", places=1))
def test_a_short_decimal_is_sent_as_it_was_written(written: Decimal) -> None:
    """Up to six digits survive a float: 0.1 stays 0.1."""
    assert shortest_of_float(as_float(float(written))) == float(written)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_refused(value: float) -> None:
    """As for a double."""
    with pytest.raises(MappingError):
        shortest_of_float(value)
