"""YAML that is written by hand, read back by the same parser as every file."""

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
def test_a_scalar_is_quoted_only_where_it_must_be(value: str | float | None, written: str) -> None:
    """What another reader would take for something else than text is quoted as well."""
    assert scalar(value) == written


def test_what_fits_into_a_line_stands_in_one() -> None:
    """Longer objects go on below, each key on a line of its own."""
    data = {"short": {"a": 1}, "long": {"first": "x" * 20, "second": ["y" * 20]}}

    lines = block(data, 2, width_max=40)

    assert lines == [
        "  short: {a: 1}",
        "  long:",
        f"    first: {'x' * 20}",
        f"    second: [{'y' * 20}]",
    ]
    assert parse("\n".join(lines), "f").data == data


def test_an_empty_object_stays_one() -> None:
    """In a line as in a block."""
    assert flow({}) == "{}"
    assert block({"a": {}, "b": []}, 0, width_max=1) == ["a: {}", "b: []"]
