"""The core schema of YAML 1.2."""

import math

import pytest

from bridge.documents.scalars import DIGITS_MAX, resolve


@pytest.mark.parametrize(
    "text",
    [
        "NO", "no", "on", "off", "yes", "y", "N", "nULL", "tRUE", "12:30:00", "1:30", "2024-01-01",
        "2024-01-01T00:00:00Z", "1_000", "0b101", "0o8", "0x", "1.2.3", "1e", "e5", "+", "-", ".",
        "..", "-.", "+.e1", "0xg", "inf", "nan", "+.nan", "1,5", "$topic", "=", "<<", "1 ", "٣",
    ],
)  # fmt: skip
def test_other_scalars_are_text(text: str) -> None:
    """Including what YAML 1.1 resolves to a number, a date or a boolean."""
    assert resolve(text) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None), ("~", None), ("null", None), ("Null", None), ("NULL", None),
        ("true", True), ("True", True), ("TRUE", True), ("false", False), ("False", False),
        ("0", 0), ("-0", 0), ("+12", 12), ("-5", -5), ("007", 7), ("0o17", 15), ("0xfF", 255),
        ("1.5", 1.5), ("1.", 1.0), (".5", 0.5), ("-.5", -0.5), ("1e3", 1000.0), ("+1.5E-3", 0.0015),
        (".inf", math.inf), ("+.Inf", math.inf), ("-.INF", -math.inf),
        ("123456789012345678901234567890", 123456789012345678901234567890),
    ],
)  # fmt: skip
def test_core_schema_scalars_are_resolved(text: str, value: object) -> None:
    """With the exact type, so that 1 is not true."""
    resolved = resolve(text)
    assert resolved == value
    assert type(resolved) is type(value)


@pytest.mark.parametrize("text", [".nan", ".NaN", ".NAN"])
def test_nan_is_a_float(text: str) -> None:
    """As the schema says; settings that cannot use it refuse it."""
    value = resolve(text)
    assert isinstance(value, float)
    assert math.isnan(value)


@pytest.mark.parametrize(
    "text", ["1e999", "-1e999", "1" * (DIGITS_MAX + 1), "0x" + "f" * DIGITS_MAX, "9" * 10_000]
)
def test_a_number_out_of_range_is_refused(text: str) -> None:
    """Instead of infinity, or a very slow conversion."""
    with pytest.raises(ValueError, match=r"^this number "):
        resolve(text)
