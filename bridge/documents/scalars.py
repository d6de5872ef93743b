"""What a plain YAML scalar means: the core schema of YAML 1.2 and nothing else.

`NO`, `on` and `12:30:00` are text, `2024-01-01` is text: PyYAML's own rules are those of
YAML 1.1 and would make a boolean, a number and a date of them.
Source: https://yaml.org/spec/1.2.2/#103-core-schema.
"""

import math
import re

DIGITS_MAX = 400
"""More digits than any number needs; Python's own conversion is quadratic in them."""

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
        ValueError: it is a number that cannot be held: too many digits, or past a double.
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
            _refuse_length(text)
            return int(text if base == 10 else text[2:], base)
    if _FLOAT.fullmatch(text) is None:
        return None
    _refuse_length(text)
    value = float(text)
    if math.isinf(value):
        raise ValueError("this number is larger than a double can hold")
    return value


def _refuse_length(text: str) -> None:
    if len(text) > DIGITS_MAX:
        raise ValueError(f"this number has more than {DIGITS_MAX} digits")
