"""What the YAML parser complains about, in words that say what to do."""

from typing import NamedTuple

import yaml

from bridge.documents.tree import DEPTH_MAX, Mark, YamlFault


class _Saying(NamedTuple):
    """Words of libyaml or PyYAML, what they mean for the reader, and the cure."""

    theirs: str
    message: str
    fix: str | None
    code: str = "D003"


_INDENT = "check the indent; quote text that begins with `{`, `[` or a quote"
_SAYINGS = (
    _Saying(
        "mapping values are not allowed",
        "a `:` cannot stand here",
        "quote text that contains `: `; check the indent",
    ),
    _Saying("maximum nesting depth", f"nested deeper than {DEPTH_MAX} levels", None, "D004"),
    _Saying("could not find expected ':'", "a key without its `:`", "write `key: value`"),
    _Saying("unexpected end of stream", "this quote is never closed", "close it"),
    _Saying(
        "cannot start any token",
        "this character cannot begin a value",
        "quote the text; indent with blanks, not with tabs",
    ),
    _Saying("tab character", "a tab cannot indent", "indent with blanks"),
    _Saying("unknown escape", "an unknown escape in double quotes", "use single quotes"),
    _Saying("expected ',' or ']'", "this list is not closed", "a `,` or `]` is missing before"),
    _Saying(
        "expected ',' or '}'",
        "this object is not closed",
        "a `,` or `}` is missing before; quote text that has braces",
    ),
    _Saying("expected '-' indicator", "a list item (`- …`) is expected here", "check the indent"),
    _Saying("did not find expected key", "a key is expected here", _INDENT),
    _Saying("expected <block end>", "a key is expected here", _INDENT),
    _Saying(
        "expected alphabetic or numeric",
        "a name is expected here",
        "quote text that begins with `*` or `&`",
    ),
)
_MARKED_AT_THE_END = ("could not find expected ':'", "unexpected end of stream")
"""Here the parser's mark is where it gave up; the mistake is where its context began."""


def syntax_fault(error: yaml.YAMLError) -> YamlFault:
    """The parser's complaint at its mark; words that are not known are passed on."""
    said = str(getattr(error, "problem", None) or "this is not YAML")
    mark = getattr(error, "problem_mark", None)
    if any(words in said for words in _MARKED_AT_THE_END):
        mark = getattr(error, "context_mark", None) or mark
    spot = Mark(mark.index, mark.line, mark.column) if mark is not None else Mark(0, 0, 0)
    for saying in _SAYINGS:
        if saying.theirs in said:
            return YamlFault(saying.code, saying.message, spot, saying.fix)
    return YamlFault("D003", said, spot)
