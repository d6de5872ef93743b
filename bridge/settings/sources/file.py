"""The settings file: read, parsed, and its lines made fit to be shown."""

import re
from dataclasses import replace
from pathlib import Path

from bridge.documents.document import SIZE_BYTES_MAX, Document, parse
from bridge.documents.problems import Problem, Problems, SourcePlace
from bridge.settings.codes import SettingsCode
from bridge.settings.sources.secrets import secret_paths

_MAY_BE_SECRET = re.compile(r"pas|secr|tok|cred|user.?info|key|auth|hash|@", re.IGNORECASE)
"""Wider than the names of secrets: here a name may be misspelt or cut off."""


def read_document(file: Path) -> Document:
    """The parsed file, with asterisks in place of secrets in the lines that problems show.

    Raises:
        Problems: it cannot be read, or is not one YAML document.
    """
    text = _read_text(file)
    try:
        document = parse(text, str(file))
    except Problems as problems:
        raise Problems(_discreet(problem, text) for problem in problems.problems) from None
    return document.masked(secret_paths(document.data))


def _read_text(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            raw = stream.read(SIZE_BYTES_MAX + 4)
    except FileNotFoundError:
        fix = "name it with --config, or set everything by BRIDGE_… variables"
        raise _unreadable(file, "there is no such file", fix) from None
    except IsADirectoryError:
        raise _unreadable(file, "this is a directory", "name the file in it") from None
    except OSError as error:
        raise _unreadable(file, (error.strerror or "it cannot be read").lower()) from None
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = len(raw[: error.start].rpartition(b"\n")[2].decode(errors="replace")) + 1
        place = SourcePlace(str(file), line, column)
        fix = "save the file as UTF-8"
        raise Problems(
            [Problem(SettingsCode.UNREADABLE, "this is not UTF-8 text", place, fix)]
        ) from None


def _unreadable(file: Path, why: str, fix: str | None = None) -> Problems:
    return Problems([Problem(SettingsCode.UNREADABLE, why, SourcePlace(str(file)), fix)])


def _discreet(problem: Problem, text: str) -> Problem:
    """Without its line when that may hold a secret: text that does not parse cannot be masked."""
    if problem.place is None:
        return problem
    line = problem.place.line
    near = [*text.splitlines()[max(0, line - 2) : line], problem.source_line or ""]
    hidden = any(_MAY_BE_SECRET.search(part) for part in near)
    return replace(problem, source_line=None) if hidden else problem
