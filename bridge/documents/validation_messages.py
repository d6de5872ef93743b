"""Translates pydantic's errors into messages for the author of the file.

Invariants: messages have no pydantic jargon and no value (it may be a secret); the report shows
the source line. An unknown kind of error still gets a readable message.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic_core import ErrorDetails, PydanticCustomError

from bridge.documents.document import DataPath, dotted
from bridge.documents.problems import suggest

Kind = Literal["unknown_key", "missing_key", "wrong_type", "wrong_value"]
"""The kinds that each package maps to its codes; a mistake raised by `refuse` has its own code."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake before its position is known.

    `code` is a `Kind` or a package's own code (`M012`); `path` is relative to the validated data;
    `key` points at the key instead of the value; `expected` is the type that was expected.
    """

    code: str
    message: str
    path: DataPath = ()
    key: bool = False
    fix: str | None = None
    expected: str | None = None


_TYPES = {
    "string": "text",
    "int": "a whole number",
    "float": "a number",
    "decimal": "a number",
    "bool": "true or false",
    "list": "a list",
    "tuple": "a list",
    "set": "a list",
    "frozen_set": "a list",
    "iterable": "a list",
    "dict": "an object (`key: value`)",
    "mapping": "an object (`key: value`)",
    "model": "an object (`key: value`)",
    "model_attributes": "an object (`key: value`)",
    "datetime": "a time",
    "path": "the path of a file",
    "none": "nothing",
}
_TYPE_ERROR = re.compile(r"(\w+?)_(?:type|parsing|parsing_size|from_float|required)")
_LIMITS = {
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "multiple_of": "must be a multiple of {multiple_of}",
    "finite_number": "must be a finite number",
    "string_pattern_mismatch": "must match the pattern `{pattern}`",
}
_CHOICES = {"literal_error": "expected", "enum": "expected", "union_tag_invalid": "expected_tags"}
_COUNTS = {
    "too_short": ("min_length", "at least", "item"),
    "too_long": ("max_length", "at most", "item"),
    "string_too_short": ("min_length", "at least", "character"),
    "string_too_long": ("max_length", "at most", "character"),
}


def refuse(*mistakes: Mistake) -> PydanticCustomError:
    """The error that a model's validator raises: mistakes with their own codes, fixes and paths.

    The paths are relative to the value that the validator checks.
    """
    text = "; ".join(mistake.message for mistake in mistakes)
    context = {"text": text, "mistakes": mistakes}
    return PydanticCustomError("refused", "{text}", context)


def worded(error: ErrorDetails, path: DataPath, known: Iterable[str]) -> list[Mistake]:
    """The mistakes in one pydantic error at `path`; `known` are the valid keys of its parent."""
    kind = error["type"]
    context: Mapping[str, Any] = error.get("ctx", {})
    if kind == "refused":
        return [_below(path, mistake) for mistake in context["mistakes"]]
    expected = _expected(kind)
    if expected is not None:
        return [type_mistake(path, [expected], error["input"])]
    if kind == "missing":
        fix = f"add `{path[-1]}:`"
        return [Mistake("missing_key", f"`{dotted(path)}` is missing", path, key=True, fix=fix)]
    if kind == "extra_forbidden":
        return [_unknown_key(path, known)]
    if kind in _CHOICES:
        return [_not_listed(error, path, context)]
    return [Mistake("wrong_value", _wrong_value(kind, context, error["msg"], path), path)]


def type_mistake(path: DataPath, expected: list[str], found: object) -> Mistake:
    """A value of the wrong type: the expected types and the found type, never the value."""
    names = list(dict.fromkeys(expected))
    *head, last = names
    type_names = f"{', '.join(head)} or {last}" if head else last
    message = f"`{dotted(path)}` must be {type_names}" if path else f"the file must be {type_names}"
    if not any(name.startswith("`") for name in names):
        message += f", not {_found(found)}"
    return Mistake("wrong_type", message, path, expected=last)


def _below(path: DataPath, mistake: Mistake) -> Mistake:
    return Mistake(mistake.code, mistake.message, path + mistake.path, mistake.key, mistake.fix)


def _unknown_key(path: DataPath, known: Iterable[str]) -> Mistake:
    name = str(path[-1])
    where = f" in `{dotted(path[:-1])}`" if len(path) > 1 else ""
    message = f"unknown key `{name}`{where}"
    return Mistake("unknown_key", message, path, key=True, fix=suggest(name, known))


def _not_listed(error: ErrorDetails, path: DataPath, context: Mapping[str, Any]) -> Mistake:
    choices = str(context[_CHOICES[error["type"]]])
    names = re.findall(r"'([^']*)'", choices)
    shown = ", ".join(f"`{name}`" for name in names) or choices
    found = error["input"]
    fix = suggest(found, names, listed_max=0) if isinstance(found, str) else None
    one_of = "one of " if len(names) > 1 else ""
    message = f"`{dotted(path)}` must be {one_of}{shown}"
    return Mistake("wrong_value", message, path, fix=fix, expected=shown)


def _expected(kind: str) -> str | None:
    match = _TYPE_ERROR.fullmatch(kind)
    return _TYPES.get(match[1]) if match else None


def _wrong_value(kind: str, context: Mapping[str, Any], text: str, path: DataPath) -> str:
    if kind in ("value_error", "assertion_error"):
        return str(context.get("error", text))
    name = f"`{dotted(path)}`"
    if kind == "union_tag_not_found":
        return f"{name} has none of the expected forms"
    if kind in _LIMITS:
        return f"{name} {_LIMITS[kind].format_map({k: _short(v) for k, v in context.items()})}"
    if kind in _COUNTS:
        limit, bound, unit = _COUNTS[kind]
        number = context[limit]
        return f"{name} must have {bound} {number} {unit}{'' if number == 1 else 's'}"
    return f"{name}: {text.replace('Input should be', 'must be')}"


def _short(limit: object) -> str:
    """A limit without a trailing `.0`: 5, not 5.0."""
    return str(limit).removesuffix(".0")


def _found(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true or false"
    names = ((str, "text"), (int, "a whole number"), (float, "a number"), (list, "a list"))
    return next((name for type_, name in names if isinstance(value, type_)), "an object")
