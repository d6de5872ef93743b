"""Patterns over topic names: google-re2, whose time is linear in the name whatever the pattern is.

Invariants: a pattern is compiled once, at load, and matches anywhere in a name unless it says `^`
and `$` itself. The only home of `re2`, which has no types of its own.
"""

from dataclasses import dataclass
from typing import Any, Final

import re2  # type: ignore[import-untyped]

from bridge.mapping.language.codes import Code
from bridge.mapping.language.diagnostics import MappingFault

_OPTIONS: Final[Any] = re2.Options()
_OPTIONS.log_errors = False  # the fault tells it, once and at its place


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled pattern; `text` is how the file writes it."""

    text: str
    _compiled: Any

    def matches(self, topic: str) -> bool:
        """Whether the pattern is found in a topic's name."""
        return self._compiled.search(topic) is not None

    @property
    def is_open(self) -> bool:
        """Whether it does not say where a name begins, so that more match than was thought of."""
        return not self.text.startswith(("^", r"\A"))


def compile_pattern(text: str) -> Pattern:
    """The pattern that `text` writes.

    Raises:
        Fault: it is none.
    """
    try:
        return Pattern(text, re2.compile(text, _OPTIONS))
    except re2.error as error:
        why = error.args[0]
        said = why.decode(errors="replace") if isinstance(why, bytes) else str(why)
        fix = "patterns are RE2's: no look-ahead, no back-references"
        raise MappingFault(Code.TOPIC_PATTERN, f"this is not a pattern: {said}", fix) from None
