"""Translates the YAML parser's errors into messages with a fix."""

from typing import NamedTuple

import yaml

from bridge.documents.tree import DEPTH_MAX, Mark, YamlFault


class _Translation(NamedTuple):
    """A text of libyaml or PyYAML, our message, and the fix."""

    parser_text: str
    message: str
    fix: str | None
    code: str = "D003"


_INDENT = "check the indentation; quote text that begins with `{`, `[` or a quote"
_TRANSLATIONS = (
    _Translation(
        "mapping values are not allowed",
        "a `:` is not allowed here",
        "quote text that contains `: `; check the indentation",
    ),
    _Translation("maximum nesting depth", f"nested deeper than {DEPTH_MAX} levels", None, "D004"),
    _Translation(
        "could not find expected ':'", "the `:` after this key is missing", "write `key: value`"
    ),
    _Translation("unexpected end of stream", "this quote is not closed", "close it"),
    _Translation(
        "cannot start any token",
        "this character cannot begin a value",
        "quote the text; indent with spaces, not tabs",
    ),
    _Translation("tab character", "a tab is not allowed for indentation", "indent with spaces"),
    _Translation("unknown escape", "unknown escape sequence in double quotes", "use single quotes"),
    _Translation(
        "expected ',' or ']'", "this list is not closed", "add the missing `,` or `]` before this"
    ),
    _Translation(
        "expected ',' or '}'",
        "this object is not closed",
        "add the missing `,` or `}` before this; quote text that has brackets or braces,"
        " such as 'items[0].sku'",
    ),
    _Translation(
        "expected '-' indicator", "a list item (`- …`) is expected here", "check the indentation"
    ),
    _Translation("did not find expected key", "a key is expected here", _INDENT),
    _Translation("expected <block end>", "a key is expected here", _INDENT),
    _Translation(
        "expected alphabetic or numeric",
        "a name is expected here",
        "quote text that has brackets or begins with `*` or `&`, such as 'items[*].sku'",
    ),
)
_MARKED_AT_END = ("could not find expected ':'", "unexpected end of stream")
"""For these, the parser marks where it stopped; the mistake is where its context began."""


def syntax_fault(error: yaml.YAMLError) -> YamlFault:
    """The parser's error at its mark; a text without translation is passed on."""
    text = str(getattr(error, "problem", None) or "this is not YAML")
    mark = getattr(error, "problem_mark", None)
    if any(marked in text for marked in _MARKED_AT_END):
        mark = getattr(error, "context_mark", None) or mark
    position = Mark(mark.index, mark.line, mark.column) if mark is not None else Mark(0, 0, 0)
    for translation in _TRANSLATIONS:
        if translation.parser_text in text:
            return YamlFault(translation.code, translation.message, position, translation.fix)
    return YamlFault("D003", text, position)
