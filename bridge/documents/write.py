"""Writes plain data as YAML text that `parse` reads back unchanged.

Invariants: text that YAML 1.1 reads as another type (`no`, `12:30`) is quoted, although our parser
does not need it. Characters that are not text are escaped.
"""

import math
import re
from collections.abc import Mapping
from typing import Any, Final

from bridge.documents.scalars import resolve

_PLAIN = re.compile(r"[A-Za-z_$][A-Za-z0-9_.$/@-]*(?: [A-Za-z0-9_.$/@-]+)*")
_AMBIGUOUS: Final = frozenset(("y", "n", "yes", "no", "on", "off", "null", "true", "false"))
_ESCAPED = re.compile(
    "[^ !#-\\[\\]-~"  # quotes, backslashes, line breaks and what is not text
    "\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}


def scalar(value: str | float | bool | None) -> str:
    """One scalar, quoted if necessary; valid in block style, in flow style, and as a key."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _number(value)
    if _PLAIN.fullmatch(value) and value.casefold() not in _AMBIGUOUS and resolve(value) == value:
        return value
    if "'" not in value and not _ESCAPED.search(value.replace('"', "").replace("\\", "")):
        return f"'{value}'"
    return '"' + _ESCAPED.sub(_escaped, value) + '"'


def flow(value: Any) -> str:
    """Data on one line: `{a: 1, b: [x, y]}`."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(key)}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    return scalar(value)


def block(data: Mapping[str, Any], indent: int, width_max: int = 100) -> list[str]:
    """An object as lines indented by `indent` spaces; a value that fits is on one line."""
    lines = []
    pad = " " * indent
    for key, value in data.items():
        line = f"{pad}{scalar(key)}: {flow(value)}"
        if isinstance(value, Mapping) and value and len(line) > width_max:
            lines += [f"{pad}{scalar(key)}:", *block(value, indent + 2, width_max)]
        else:
            lines.append(line)
    return lines


def _number(value: float) -> str:
    if math.isfinite(value):
        return repr(value)
    return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"


def _escaped(match: re.Match[str]) -> str:
    character = match[0]
    number = ord(character)
    if character in _ESCAPES:
        return _ESCAPES[character]
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"
