"""Converts values in parsed JSON, whose types no schema describes.

Invariants: exact, like `conversions.py`; an object or a list is refused.
"""

from typing import Any

from bridge.schema.conversions import (
    INT64_MAX,
    Exact,
    MappingError,
    exact_of_double,
    exact_of_text,
    text_of_bool,
)


def text_of_json(value: object) -> str:
    """A string, number or boolean in parsed JSON as text."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return text_of_bool(value)
    if isinstance(value, float) and abs(value) >= INT64_MAX:
        # A longer integer is parsed as a double: its last digits are already lost.
        raise MappingError("number_out_of_range", "the number in JSON has too many digits")
    return repr(_scalar(value))


def id_of_json(value: object) -> str:
    """A string or whole number in parsed JSON as the id of a user."""
    if isinstance(_scalar(value), float | bool):
        raise MappingError("invalid_uid", "the value in JSON is neither text nor a whole number")
    return text_of_json(value)


def exact_of_json(value: object) -> Exact:
    """A number in parsed JSON, or in a string there, as an exact number."""
    if isinstance(value, str):
        return exact_of_text(value)
    if isinstance(value, bool):
        raise MappingError("not_a_number", "the value in JSON is a boolean")
    scalar = _scalar(value)
    return (scalar, 0) if isinstance(scalar, int) else exact_of_double(scalar)


def _scalar(value: Any) -> Any:
    if isinstance(value, dict | list):
        message = "the JSON has an object or a list here, not a single value"
        raise MappingError("not_a_scalar", message)
    return value
