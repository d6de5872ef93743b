"""The YAML writer, read back by the parser."""

import pytest

from bridge.documents.document import parse
from bridge.documents.write import block, flow, scalar


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("customer.id", "customer.id"),
        ("$value.any", "$value.any"),
        ("Order Placed", "Order Placed"),
        ("somebody@example.com", "somebody@example.com"),
        ("items[*].sku", "'items[*].sku'"),
        ('meta["x.y"]', "'meta[\"x.y\"]'"),
        ("no", "'no'"),
        ("null", "'null'"),
        ("12:30:00", "'12:30:00'"),
        ("1e3", "'1e3'"),
        ("", "''"),
        ("it's", '"it\'s"'),
        ("a\nb", '"a\\nb"'),
        (True, "true"),
        (None, "null"),
        (0.01, "0.01"),
        (7, "7"),
    ],
)
def test_a_scalar_is_quoted_only_if_necessary(value: str | float | None, written: str) -> None:
    """Text that a YAML 1.1 parser reads as another type is quoted too."""
    assert scalar(value) == written


def test_an_object_that_fits_is_on_one_line() -> None:
    """Longer objects have one line per key."""
    data = {"short": {"a": 1}, "long": {"first": "x" * 20, "second": ["y" * 20]}}

    lines = block(data, 2, width_max=40)

    assert lines == [
        "  short: {a: 1}",
        "  long:",
        f"    first: {'x' * 20}",
        f"    second: [{'y' * 20}]",
    ]
    assert parse("\n".join(lines), "f").data == data


def test_an_empty_object_stays_empty() -> None:
    """In flow style and in block style."""
    assert flow({}) == "{}"
    assert block({"a": {}, "b": []}, 0, width_max=1) == ["a: {}", "b: []"]
