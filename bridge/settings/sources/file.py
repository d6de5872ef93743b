"""Reads and parses the settings file, and masks secrets in its lines."""

import re
from dataclasses import replace
from pathlib import Path

from bridge.documents.document import SIZE_BYTES_MAX, Document, parse
from bridge.documents.problems import Problem, Problems, SourcePlace
from bridge.settings.codes import SettingsCode
from bridge.settings.sources.secrets import secret_paths

_MAY_BE_SECRET = re.compile(r"pas|secr|tok|cred|user.?info|key|auth|hash|@", re.IGNORECASE)
"""Broader than the names of secrets, because a name can be misspelled or cut off here."""


def read_document(file: Path) -> Document:
    """Parse the file; problem reports show asterisks in place of secrets.

    Raises:
        Problems: the file cannot be read, or is not one YAML document.
    """
    text = _read_text(file)
    try:
        document = parse(text, str(file))
    except Problems as problems:
        masked = [_without_secret_line(problem, text) for problem in problems.problems]
        raise Problems(masked) from None
    return document.masked(secret_paths(document.data))


def _read_text(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            raw = stream.read(SIZE_BYTES_MAX + 4)
    except FileNotFoundError:
        fix = "name it with --config, or set everything with BRIDGE_… variables"
        raise _unreadable(file, "the file does not exist", fix) from None
    except IsADirectoryError:
        raise _unreadable(file, "this is a directory", "name a file in it") from None
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


def _without_secret_line(problem: Problem, text: str) -> Problem:
    """Drop the source line if it may have a secret: text that does not parse cannot be masked."""
    if problem.place is None:
        return problem
    line = problem.place.line
    near = [*text.splitlines()[max(0, line - 2) : line], problem.source_line or ""]
    hidden = any(_MAY_BE_SECRET.search(part) for part in near)
    return replace(problem, source_line=None) if hidden else problem
