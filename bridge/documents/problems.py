"""A mistake in a file: its position, what is wrong, and the fix.

Invariants: a message names paths, keys and types, never a value that may be a secret. Codes are
stable: `D0xx` belong to this package, `M0xx` to the mapping, `S0xx` to the settings.
"""

import difflib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

LINE_CHARS_MAX = 120
"""A longer source line is cut around the caret, so that a report stays readable."""

_INDENT = "    "
_SEPARATORS = re.compile(r"[-_. ]")


@dataclass(frozen=True, slots=True)
class SourcePlace:
    """A position in a source: 1-based line and column, the column in characters.

    `line` 0 means that there is no line: `file` names an environment variable, a flag, or
    a file as a whole.
    """

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake, ready to be reported; `source_line` is the text of the line at `place`."""

    code: str
    message: str
    place: SourcePlace | None = None
    fix: str | None = None
    source_line: str | None = None
    severity: Literal["error", "warning"] = "error"


class Problems(Exception):
    """All mistakes together; the text of the exception is the report."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__(render(self.problems))


def render(problems: Iterable[Problem]) -> str:
    """The report, ordered by position; files are in the order in which they appear first.

    The form of each problem: `file:line:col: error M012: message`, the line, a caret, `fix: …`.
    """
    found = list(problems)
    files: dict[str, int] = {}
    for problem in found:
        files.setdefault(problem.place.file if problem.place else "", len(files))

    def order(problem: Problem) -> tuple[int, int, int]:
        place = problem.place or SourcePlace("")
        return files[place.file], place.line, place.column

    return "\n".join(_render_one(problem) for problem in sorted(found, key=order))


def did_you_mean(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate that is most similar to `word`, or None if none is similar.

    Case and the separators `-`, `_`, `.` and space are ignored.
    """
    by_plain_name = {_plain(candidate): candidate for candidate in sorted(set(candidates))}
    matches = difflib.get_close_matches(_plain(word), by_plain_name, n=1, cutoff=0.65)
    return by_plain_name[matches[0]] if matches else None


def suggest(word: str, candidates: Iterable[str], *, listed_max: int = 16) -> str | None:
    """The fix for an unknown word: the most similar candidate, else the list if it is short."""
    known = sorted(set(candidates))
    similar = did_you_mean(word, known)
    if similar is not None:
        return f"did you mean `{similar}`?"
    if 0 < len(known) <= listed_max:
        return f"expected one of {', '.join(f'`{name}`' for name in known)}"
    return None


def _plain(word: str) -> str:
    return _SEPARATORS.sub("", word).casefold()


def _render_one(problem: Problem) -> str:
    where = f"{problem.place}: " if problem.place else ""
    lines = [f"{where}{problem.severity} {problem.code}: {problem.message}"]
    source = problem.source_line or ""
    if source.strip() and problem.place is not None and problem.place.line:
        lines += [_INDENT + part for part in _pointed(source, problem.place.column)]
    if problem.fix is not None:
        lines.append(f"{_INDENT}fix: {problem.fix}")
    return "\n".join(lines)


def _pointed(line: str, column: int) -> Sequence[str]:
    """The printable line, and the line with the caret below it."""
    start = 0
    if len(line) > LINE_CHARS_MAX:
        start = max(0, min(column - 1 - LINE_CHARS_MAX // 2, len(line) - LINE_CHARS_MAX))
    before = "…" if start else ""
    after = "…" if start + LINE_CHARS_MAX < len(line) else ""
    shown = before + "".join(_printable(c) for c in line[start : start + LINE_CHARS_MAX]) + after
    pad = "".join(_padding(c) for c in before + line[start : column - 1])
    return shown.rstrip(), f"{pad}^"


def _printable(character: str) -> str:
    """The character, or a replacement if it could control the terminal; a tab stays a tab."""
    return (
        character if character == "\t" or character.isprintable() else "\N{REPLACEMENT CHARACTER}"
    )


def _padding(character: str) -> str:
    """Spaces as wide as the character, so that the caret is at the right column."""
    if character == "\t":
        return "\t"
    if unicodedata.combining(character):
        return ""
    return "  " if unicodedata.east_asian_width(character) in "WF" else " "
