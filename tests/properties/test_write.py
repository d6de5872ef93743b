"""Data written as YAML is read back unchanged."""

import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bridge.documents.document import parse
from bridge.documents.write import block, flow

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63),
    st.floats(allow_nan=False),
    st.text(),
    st.from_regex(r"[-+.0-9eEx_:# ]{1,8}", fullmatch=True),
    st.sampled_from(["yes", "NO", "~", "null", "<<", "=", "- a", "a: b", "a #b", "&a", "*a", "!t"]),
)
DATA = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(DATA)
def test_data_in_flow_style_is_read_back_unchanged(data: Any) -> None:
    """Strings, numbers and YAML's special words, as values and as keys."""
    assert parse(f"it: {flow(data)}\n", "f").data == {"it": data}


@given(st.dictionaries(st.text(), DATA, min_size=1, max_size=4), st.sampled_from([1, 40, 100]))
def test_an_object_in_block_style_is_read_back_unchanged(data: dict[str, Any], width: int) -> None:
    """With any line width."""
    text = "\n".join(["it:", *block(data, 2, width)])
    assert parse(text, "f").data == {"it": data}


def test_nan_and_infinity_are_read_back_unchanged() -> None:
    """NaN does not equal itself, so it has its own test."""
    assert math.isnan(parse(f"it: {flow(math.nan)}", "f").data["it"])
    assert parse(f"it: {flow(-math.inf)}", "f").data == {"it": -math.inf}
