"""Patterns over topic names: google-re2, whose run time is linear in the name for any pattern.

Invariants: a pattern is compiled once, at load, and matches anywhere in a name unless it contains
`^` and `$`. The only module that imports `re2`, which has no type annotations.
"""

from dataclasses import dataclass
from typing import Any, Final

import re2  # type: ignore[import-untyped]

from bridge.mapping.language.codes import Code
from bridge.mapping.language.diagnostics import MappingFault

_OPTIONS: Final[Any] = re2.Options()
_OPTIONS.log_errors = False  # the MappingFault reports it, with its place


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled pattern; `text` is the pattern as written."""

    text: str
    _compiled: Any

    def matches(self, topic: str) -> bool:
        """Whether the pattern matches anywhere in a topic's name."""
        return self._compiled.search(topic) is not None

    @property
    def is_open(self) -> bool:
        """Whether it is not anchored at the start, and so may match more names than intended."""
        return not self.text.startswith(("^", r"\A"))


def compile_pattern(text: str) -> Pattern:
    """Compile a pattern.

    Raises:
        MappingFault: RE2 rejects it.
    """
    try:
        return Pattern(text, re2.compile(text, _OPTIONS))
    except re2.error as error:
        raw = error.args[0]
        reason = raw.decode(errors="replace") if isinstance(raw, bytes) else str(raw)
        fix = "patterns use RE2: no look-ahead, no back-references"
        raise MappingFault(Code.TOPIC_PATTERN, f"invalid pattern: {reason}", fix) from None
