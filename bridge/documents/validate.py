"""Validates data with a pydantic model and reports all mistakes at their positions."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bridge.documents.document import DataPath, Document
from bridge.documents.model_fields import field_names
from bridge.documents.problems import Problems
from bridge.documents.validation_messages import Mistake, type_mistake, worded

M = TypeVar("M", bound=BaseModel)
Codes = Mapping[str, str] | Callable[[str], str]
"""Maps a `validation_messages.Kind` to a package's code; other codes are kept."""


def validate(
    model: type[M],
    document: Document,
    path: DataPath = (),
    *,
    codes: Codes,
    context: Any = None,
) -> M:
    """Build the model from the data at `path` in the document.

    `context` is passed to the model's validators.

    Raises:
        Problems: all mistakes, in file order.
    """
    data = document.data
    for step in path:
        data = data[step]
    try:
        return model.model_validate(data, context=context)
    except ValidationError as error:
        raise Problems(
            document.problem(
                code_of(mistake.code, codes),
                mistake.message,
                mistake.path,
                key=mistake.key,
                fix=mistake.fix,
            )
            for mistake in mistakes(model, error, data, path)
        ) from None


def code_of(kind: str, codes: Codes) -> str:
    """The package's code for a kind of mistake; a mistake's own code is kept."""
    if callable(codes):
        return codes(kind)
    return codes.get(kind, kind)


def mistakes(
    model: type[BaseModel], error: ValidationError, data: Any, path: DataPath = ()
) -> list[Mistake]:
    """The mistakes in `error`, with paths into `data` (below `path`).

    If several branches of a union reject the same value, that is one mistake.
    """
    found: dict[DataPath, list[_Finding]] = {}
    for details in error.errors(include_url=False):
        finding = _finding(model, details, data, path)
        found.setdefault(finding.path, []).append(finding)
    return [mistake for place, group in found.items() for mistake in _merged(place, group, found)]


@dataclass(frozen=True, slots=True)
class _Finding:
    """One pydantic error at its path; `branch` if a branch of a union reported it."""

    path: DataPath
    mistakes: list[Mistake]
    branch: bool
    input: Any


def _finding(model: type[BaseModel], error: ErrorDetails, data: Any, path: DataPath) -> _Finding:
    loc = error["loc"]
    tail: DataPath = ()
    if error["type"] == "missing":
        loc, tail = loc[:-1], loc[-1:]
    best = max(_readings(data, loc), key=lambda reading: _score(reading, error, loc))
    place = best.path + tail
    known = field_names(model, place[:-1])
    at_key = error["loc"][-1:] == ("[key]",)
    found = [replace(m, key=m.key or at_key) for m in worded(error, path + place, known)]
    branch = len(best.path) < len(loc)
    return _Finding(path + place, found, branch, error["input"])


@dataclass(frozen=True, slots=True)
class _Reading:
    """One reading of pydantic's `loc`: the steps through the data, and the value there."""

    path: DataPath
    value: Any
    whole: bool


def _readings(value: Any, loc: tuple[int | str, ...]) -> Iterator[_Reading]:
    """All readings: each step leads into the data or is the name of a union's branch."""
    if not loc:
        yield _Reading((), value, whole=True)
        return
    step, rest = loc[0], loc[1:]
    below = _step(value, step)
    if below is not None:
        for reading in _readings(below[0], rest):
            yield _Reading((step, *reading.path), reading.value, reading.whole)
    for reading in _readings(value, rest):
        yield _Reading(reading.path, reading.value, whole=reading.whole and bool(rest))


def _step(value: Any, step: int | str) -> tuple[Any] | None:
    if isinstance(value, dict) and step in value:
        return (value[step],)
    if isinstance(value, list) and isinstance(step, int) and step < len(value):
        return (value[step],)
    return None


def _score(reading: _Reading, error: ErrorDetails, loc: tuple[int | str, ...]) -> tuple[int, ...]:
    """Prefers readings that end at pydantic's input, use the last step, and are long."""
    given = error["input"]
    same = reading.value is given or (type(reading.value) is type(given) and reading.value == given)
    return same, reading.whole, len(reading.path)


def _merged(
    place: DataPath, group: list[_Finding], found: Mapping[DataPath, list[_Finding]]
) -> Iterator[Mistake]:
    """The mistakes at one path; type errors of a union's branches are merged into one."""
    all_mistakes = [mistake for finding in group for mistake in finding.mistakes]
    typed = [mistake for mistake in all_mistakes if mistake.expected is not None]
    if typed and not _branch_matched(place, group, found):
        expected = [mistake.expected or "" for mistake in typed]
        yield typed[0] if len(typed) == 1 else type_mistake(place, expected, group[0].input)
    yield from (mistake for mistake in all_mistakes if mistake.expected is None)


def _branch_matched(
    place: DataPath, group: list[_Finding], found: Mapping[DataPath, list[_Finding]]
) -> bool:
    """Whether another branch of the union accepted the value and reports a mistake inside it."""
    return any(finding.branch for finding in group) and any(
        len(other) > len(place) and other[: len(place)] == place and any(f.branch for f in below)
        for other, below in found.items()
    )
