"""The statistics of observed records: counts and value formats."""

import pytest

from bridge.mapping.drafting.observed_values import EVERY_ITEM, ObservedValues


def test_nulls_and_values_are_counted_by_field() -> None:
    """In nested records and lists too; an unseen field has none."""
    observed = ObservedValues()
    observed.note({"a": {"b": None}, "l": ["x", None]})
    observed.note({"a": None, "l": []})

    assert (observed.at(["a"]).values, observed.at(["a"]).nulls) == (1, 1)
    assert (observed.at(["a", "b"]).values, observed.at(["a", "b"]).nulls) == (0, 1)
    assert (observed.at(["l", EVERY_ITEM]).values, observed.at(["l", EVERY_ITEM]).nulls) == (1, 1)
    assert (observed.missing(["a", "b"]), observed.missing(["a"])) == (2, 1)
    assert (observed.at(["never"]).values, observed.records) == (0, 2)


def test_one_personal_value_makes_a_field_personal() -> None:
    """A field with one e-mail address will have others."""
    observed = ObservedValues()
    for text in ("ref 1", "ref 2", "ask a@example.com"):
        observed.note({"text": text})

    assert observed.at(["text"]).personal == "email"


def test_a_field_is_a_time_only_if_all_its_values_are() -> None:
    """One other text is enough to rule it out."""
    observed = ObservedValues()
    observed.note({"at": "2026-01-02T03:04:05Z"})
    assert observed.at(["at"]).all_are("time")

    observed.note({"at": "soon"})
    assert not observed.at(["at"]).all_are("time")
    assert not observed.at(["never"]).all_are("time")


@pytest.mark.parametrize(
    ("numbers", "unit"),
    [
        ([1_767_323_045], "unix"),
        ([1_767_323_045_000, 1_767_323_045_999], "unix_ms"),
        ([1_767_323_045_000_000], "unix_us"),
        ([1_767_323_045_000_000_000], "unix_ns"),
        ([7], None),
        ([1_767_323_045_000, 0], None),
        ([], None),
    ],
)
def test_the_unit_of_times_is_derived_from_their_size(numbers: list[int], unit: str | None) -> None:
    """All of them must be plausible times in the same unit."""
    observed = ObservedValues()
    for number in numbers:
        observed.note({"at": number})

    assert observed.at(["at"]).unit == unit


def test_text_keys_are_counted() -> None:
    """Missing, empty and binary keys, for example Avro's, do not count."""
    observed = ObservedValues()
    for key in (b"user-1", None, b"", b"\x00\x00\x00\x00\x07\x02", b"\xff"):
        observed.note({}, key)

    assert (observed.text_keys, observed.records) == (1, 5)


def test_no_value_is_kept() -> None:
    """The `repr` of the object contains none of the values."""
    observed = ObservedValues()
    observed.note({"email": "somebody@example.com", "n": 4711}, b"key-4711")

    assert "somebody" not in repr(observed)
    assert "4711" not in repr(observed)
