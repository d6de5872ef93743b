"""What is kept of records that were looked at: counts and looks."""

import pytest

from bridge.mapping.drafting.observed_values import EVERY, ObservedValues


def test_nulls_and_values_are_counted_by_place() -> None:
    """Below records and in lists too; a place that was never met has none."""
    observed = ObservedValues()
    observed.note({"a": {"b": None}, "l": ["x", None]})
    observed.note({"a": None, "l": []})

    assert (observed.at(["a"]).values, observed.at(["a"]).nulls) == (1, 1)
    assert (observed.at(["a", "b"]).values, observed.at(["a", "b"]).nulls) == (0, 1)
    assert (observed.at(["l", EVERY]).values, observed.at(["l", EVERY]).nulls) == (1, 1)
    assert (observed.missing(["a", "b"]), observed.missing(["a"])) == (2, 1)
    assert (observed.at(["never"]).values, observed.records) == (0, 2)


def test_one_value_with_a_personal_look_is_enough() -> None:
    """Where one e-mail address was, another will be."""
    observed = ObservedValues()
    for text in ("ref 1", "ref 2", "ask a@example.com"):
        observed.note({"text": text})

    assert observed.at(["text"]).personal == "email"


def test_every_text_must_look_like_a_time() -> None:
    """A time is taken for one only if nothing else was ever there."""
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
def test_numbers_tell_their_unit_by_their_size(numbers: list[int], unit: str | None) -> None:
    """All of them must be times of our days in the same unit."""
    observed = ObservedValues()
    for number in numbers:
        observed.note({"at": number})

    assert observed.at(["at"]).unit == unit


def test_keys_that_are_text_are_counted() -> None:
    """Avro's framing in a key is none, and neither is no key."""
    observed = ObservedValues()
    for key in (b"user-1", None, b"", b"\x00\x00\x00\x00\x07\x02", b"\xff"):
        observed.note({}, key)

    assert (observed.text_keys, observed.records) == (1, 5)


def test_no_value_is_kept() -> None:
    """The whole object, printed, has none of what was looked at."""
    observed = ObservedValues()
    observed.note({"email": "somebody@example.com", "n": 4711}, b"key-4711")

    assert "somebody" not in repr(observed)
    assert "4711" not in repr(observed)
