"""A mistake in what a person wrote: where it stands, what is wrong, and the cure.

Invariants: a message names paths, keys and types, never a value that may be a secret. Codes are
stable: `D0xx` are this room's, `M0xx` the mapping's, `S0xx` the settings'.
"""

import difflib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

LINE_CHARS_MAX = 120
"""A longer source line is cut to the neighbourhood of the caret: a report stays readable."""

_INDENT = "    "
_SPELLING = re.compile(r"[-_. ]")


@dataclass(frozen=True, slots=True)
class SourcePlace:
    """Where something stands: 1-based line and column, the column in characters.

    `line` 0 means that the place has no lines: an environment variable or a flag, which
    `file` names, or a file as a whole.
    """

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake, ready to be told; `source_line` is the line that `place` points into."""

    code: str
    message: str
    place: SourcePlace | None = None
    fix: str | None = None
    source_line: str | None = None
    severity: Literal["error", "warning"] = "error"


class Problems(Exception):
    """Everything that is wrong, told at once; the text of the exception is the report."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__(render(self.problems))


def render(problems: Iterable[Problem]) -> str:
    """The report, in the order of the places, files in the order of their first mention.

    Shape of one: `file:line:col: error M012: message`, the line, a caret, `cure: …`.
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
    """The candidate that is most like `word`, or None when none is near.

    Case and the choice of `-`, `_`, `.` or blank count for nothing.
    """
    by_spelling = {_plain(candidate): candidate for candidate in sorted(set(candidates))}
    near = difflib.get_close_matches(_plain(word), by_spelling, n=1, cutoff=0.65)
    return by_spelling[near[0]] if near else None


def suggest(word: str, candidates: Iterable[str], *, listed_max: int = 16) -> str | None:
    """The cure for an unknown word: the nearest candidate, else the list when it is short."""
    known = sorted(set(candidates))
    near = did_you_mean(word, known)
    if near is not None:
        return f"did you mean `{near}`?"
    if 0 < len(known) <= listed_max:
        return f"known here: {', '.join(f'`{name}`' for name in known)}"
    return None


def _plain(word: str) -> str:
    return _SPELLING.sub("", word).casefold()


def _render_one(problem: Problem) -> str:
    where = f"{problem.place}: " if problem.place else ""
    lines = [f"{where}{problem.severity} {problem.code}: {problem.message}"]
    source = problem.source_line or ""
    if source.strip() and problem.place is not None and problem.place.line:
        lines += [_INDENT + part for part in _pointed(source, problem.place.column)]
    if problem.fix is not None:
        lines.append(f"{_INDENT}cure: {problem.fix}")
    return "\n".join(lines)


def _pointed(line: str, column: int) -> Sequence[str]:
    """The line made fit to print, and the line of the caret below it."""
    start = 0
    if len(line) > LINE_CHARS_MAX:
        start = max(0, min(column - 1 - LINE_CHARS_MAX // 2, len(line) - LINE_CHARS_MAX))
    before = "…" if start else ""
    after = "…" if start + LINE_CHARS_MAX < len(line) else ""
    shown = before + "".join(_printable(c) for c in line[start : start + LINE_CHARS_MAX]) + after
    pad = "".join(_blank(c) for c in before + line[start : column - 1])
    return shown.rstrip(), f"{pad}^"


def _printable(character: str) -> str:
    """A character that cannot move the cursor or colour the terminal; a tab stays a tab."""
    return (
        character if character == "\t" or character.isprintable() else "\N{REPLACEMENT CHARACTER}"
    )


def _blank(character: str) -> str:
    """As much blank as the character is wide, so that the caret stands under its place."""
    if character == "\t":
        return "\t"
    if unicodedata.combining(character):
        return ""
    return "  " if unicodedata.east_asian_width(character) in "WF" else " "
