"""Ids that stand for nobody, so that no event is sent under them.

Why: programs write them if they do not know the user. FullStory would take each for one user, who
gets the events of everybody. Product-analytics services refuse the same ids.
"""

from typing import Any, Final

from bridge.mapping.runtime.readers import Reader
from bridge.records import Record

PLACEHOLDER_IDS: Final = frozenset(
    {
        *("", "anonymous", "guest", "unknown"),
        *("null", "(null)", "<null>", "nil", "none", "undefined", "n/a", "(not set)"),
        # Values of other types as text: 0 is an unset number, -1 one that was not found.
        *("0", "-1", "nan", "true", "false", "[object object]"),
        # The nil UUID (RFC 9562, section 5.9).
        *("00000000-0000-0000-0000-000000000000", "00000000000000000000000000000000"),
    }
)
"""In lowercase and without white space around them."""


def is_placeholder(text: str) -> bool:
    """Whether an id stands for nobody, whatever its case and the white space around it."""
    return text.strip().casefold() in PLACEHOLDER_IDS


def unless_placeholder(read: Reader) -> Reader:
    """A reader of text for which an id that stands for nobody is missing."""

    def find(record: Record, value: Any) -> str | None:
        text: str | None = read(record, value)
        return None if text is None or is_placeholder(text) else text

    return find
