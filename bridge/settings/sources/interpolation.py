"""Expands `${NAME}` in the settings file, after parsing, so a value can never break the YAML.

`${NAME}`, `${NAME:-default}`, `${NAME:?message}`; `$$` is a dollar sign. If a variable is
not set, its value is read from the file that `NAME_FILE` names.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bridge.documents.document import DataPath
from bridge.documents.validation_messages import Mistake
from bridge.settings.codes import SettingsCode
from bridge.settings.sources.external_text import ExternalText
from bridge.settings.sources.secrets import read_secret_file

_REFERENCE = re.compile(
    r"\$\$|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::(?P<how>[-?])(?P<rest>[^}]*))?\}"
)
_OPENING = re.compile(r"\$\{")


class Unset(ValueError):
    """A variable without a value; the text gives the reason, with a code and a fix."""

    def __init__(self, code: SettingsCode, message: str, fix: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.fix = fix


@dataclass(slots=True)
class Interpolated:
    """The data of a file with expanded references, the mistakes, and the variables used."""

    data: Any = None
    mistakes: list[Mistake] = field(default_factory=list)
    used: dict[DataPath, tuple[str, ...]] = field(default_factory=dict)
    """The variables and secret files in each value."""


def look_up(name: str, environ: Mapping[str, str]) -> ExternalText | None:
    """The text of a variable, else of the file that `NAME_FILE` names; None if neither is set.

    An empty variable counts as set only if there is no `NAME_FILE`.

    Raises:
        Unset: both are set, or the file cannot be read.
    """
    text, file = environ.get(name), environ.get(f"{name}_FILE")
    if not file:
        return None if text is None else ExternalText(text)
    if text:
        message = f"`{name}` and `{name}_FILE` are both set"
        raise Unset(SettingsCode.SET_TWICE, message, "unset one of them")
    try:
        return ExternalText(read_secret_file(Path(file)), Path(file))
    except ValueError as error:
        message = f"cannot read the file {file} in `{name}_FILE`: {error}"
        raise Unset(SettingsCode.SECRET_FILE, message) from None


def interpolate(data: Any, environ: Mapping[str, str]) -> Interpolated:
    """A copy of `data` with all values expanded; keys are never expanded."""
    result = Interpolated()
    result.data = _expanded(data, (), environ, result)
    return result


def _expanded(data: Any, path: DataPath, environ: Mapping[str, str], result: Interpolated) -> Any:
    if isinstance(data, dict):
        return {k: _expanded(v, (*path, k), environ, result) for k, v in data.items()}
    if isinstance(data, list):
        return [_expanded(v, (*path, i), environ, result) for i, v in enumerate(data)]
    if not isinstance(data, str) or "$" not in data:
        return data
    try:
        return _text(data, path, environ, result)
    except Unset as unset:
        result.mistakes.append(Mistake(unset.code, str(unset), path, fix=unset.fix))
        return data


def _text(text: str, path: DataPath, environ: Mapping[str, str], result: Interpolated) -> str:
    """The text with its references expanded; `ExternalText` if it is a single reference."""
    parts: list[str] = []
    used: list[str] = []
    end = 0
    for match in _REFERENCE.finditer(text):
        parts.append(_literal(text[end : match.start()]))
        end = match.end()
        if match["name"] is None:
            parts.append("$")
            continue
        value = _value(match, environ)
        used.append(str(value.file) if value.file is not None else match["name"])
        result.used[path] = tuple(used)
        if match[0] == text:
            return value
        parts.append(value)
    parts.append(_literal(text[end:]))
    return "".join(parts)


def _literal(text: str) -> str:
    if _OPENING.search(text) is not None:
        fix = "write `${NAME}`, `${NAME:-default}` or `${NAME:?message}`; `$$` is a dollar sign"
        raise Unset(SettingsCode.REFERENCE_FORM, "`${` does not begin a valid reference", fix)
    return text


def _value(match: re.Match[str], environ: Mapping[str, str]) -> ExternalText:
    name, how, rest = match["name"], match["how"], match["rest"]
    value = look_up(name, environ)
    if value is not None and (value or how is None):
        return value
    if how == "-":
        return ExternalText(rest)
    state = "empty" if value is not None else "not set"
    message = f"`{name}` is {state}"
    if rest:
        message += f": {rest}"
    fix = f"set it or `{name}_FILE`"
    if how is None:
        fix += f", or give a default: `${{{name}:-…}}`"
    raise Unset(SettingsCode.UNSET_VARIABLE, message, fix)
