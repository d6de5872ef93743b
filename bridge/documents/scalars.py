"""Resolves plain YAML scalars by the core schema of YAML 1.2 only.

`NO`, `on`, `12:30:00` and `2024-01-01` are text. PyYAML follows YAML 1.1, which would make
booleans, a number and a date of them.
Source: https://yaml.org/spec/1.2.2/#103-core-schema.
"""

import math
import re

DIGITS_MAX = 400
"""More digits than any number needs; Python's conversion takes quadratic time."""

_WORDS: dict[str, bool | float | None] = {
    "": None,
    "~": None,
    **dict.fromkeys(("null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
}
_DECIMAL = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


def resolve(text: str) -> str | int | float | bool | None:
    """The value of an unquoted scalar.

    Raises:
        ValueError: the number has too many digits, or is too large for a double.
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789":
        return text
    number = _number(text)
    return text if number is None else number


def _number(text: str) -> int | float | None:
    for shape, base in ((_DECIMAL, 10), (_OCTAL, 8), (_HEXADECIMAL, 16)):
        if shape.fullmatch(text):
            _check_length(text)
            return int(text if base == 10 else text[2:], base)
    if _FLOAT.fullmatch(text) is None:
        return None
    _check_length(text)
    value = float(text)
    if math.isinf(value):
        raise ValueError("this number is too large for a double")
    return value


def _check_length(text: str) -> None:
    if len(text) > DIGITS_MAX:
        raise ValueError(f"this number has more than {DIGITS_MAX} digits")
