"""Data against a pydantic model: every mistake at once, each at the place where it was written."""

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
"""From a `wording.Kind` to a room's code; what it does not know (a KeyError) stays as it is."""


def validate(
    model: type[M],
    document: Document,
    path: DataPath = (),
    *,
    codes: Codes,
    context: Any = None,
) -> M:
    """The model made of what stands at `path` in the document.

    `context` is handed to the model's validators.

    Raises:
        Problems: all mistakes, in the order of the file.
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
    """The room's code for a kind of mistake; a mistake's own code stands."""
    if callable(codes):
        return codes(kind)
    return codes.get(kind, kind)


def mistakes(
    model: type[BaseModel], error: ValidationError, data: Any, path: DataPath = ()
) -> list[Mistake]:
    """The mistakes in `error`, with paths into `data` (below `path`).

    Several branches of a union that refuse the same value are one mistake.
    """
    found: dict[DataPath, list[_Finding]] = {}
    for details in error.errors(include_url=False):
        finding = _finding(model, details, data, path)
        found.setdefault(finding.path, []).append(finding)
    return [mistake for place, group in found.items() for mistake in _merged(place, group, found)]


@dataclass(frozen=True, slots=True)
class _Finding:
    """One pydantic error at its path; `branch` when a union's branch reported it."""

    path: DataPath
    mistakes: list[Mistake]
    branch: bool
    input: Any


def _finding(model: type[BaseModel], error: ErrorDetails, data: Any, path: DataPath) -> _Finding:
    loc = error["loc"]
    tail: DataPath = ()
    if error["type"] == "missing":
        loc, tail = loc[:-1], loc[-1:]
    own = max(_ways(data, loc), key=lambda way: _likeness(way, error, loc))
    place = own.path + tail
    known = field_names(model, place[:-1])
    of_key = error["loc"][-1:] == ("[key]",)
    told = [replace(m, key=m.key or of_key) for m in worded(error, path + place, known)]
    branch = len(own.path) < len(loc)
    return _Finding(path + place, told, branch, error["input"])


@dataclass(frozen=True, slots=True)
class _Way:
    """One reading of pydantic's `loc`: the steps that lead through the data, and what is there."""

    path: DataPath
    value: Any
    whole: bool


def _ways(value: Any, loc: tuple[int | str, ...]) -> Iterator[_Way]:
    """All readings: a step into the data, or a name of a union's branch that is not in the data."""
    if not loc:
        yield _Way((), value, whole=True)
        return
    step, rest = loc[0], loc[1:]
    below = _step(value, step)
    if below is not None:
        for way in _ways(below[0], rest):
            yield _Way((step, *way.path), way.value, way.whole)
    for way in _ways(value, rest):
        yield _Way(way.path, way.value, whole=way.whole and bool(rest))


def _step(value: Any, step: int | str) -> tuple[Any] | None:
    if isinstance(value, dict) and step in value:
        return (value[step],)
    if isinstance(value, list) and isinstance(step, int) and step < len(value):
        return (value[step],)
    return None


def _likeness(way: _Way, error: ErrorDetails, loc: tuple[int | str, ...]) -> tuple[int, ...]:
    """How well a reading fits: it ends at pydantic's own input, at the last step, and is long."""
    given = error["input"]
    same = way.value is given or (type(way.value) is type(given) and way.value == given)
    return same, way.whole, len(way.path)


def _merged(
    place: DataPath, group: list[_Finding], found: Mapping[DataPath, list[_Finding]]
) -> Iterator[Mistake]:
    """The mistakes at one path, with the type errors of a union's branches made one."""
    told = [mistake for finding in group for mistake in finding.mistakes]
    typed = [mistake for mistake in told if mistake.wanted is not None]
    if typed and not _branch_went_deeper(place, group, found):
        wanted = [mistake.wanted or "" for mistake in typed]
        yield typed[0] if len(typed) == 1 else type_mistake(place, wanted, group[0].input)
    yield from (mistake for mistake in told if mistake.wanted is None)


def _branch_went_deeper(
    place: DataPath, group: list[_Finding], found: Mapping[DataPath, list[_Finding]]
) -> bool:
    """Whether another branch of the same union took the value and found the mistake inside."""
    return any(finding.branch for finding in group) and any(
        len(other) > len(place) and other[: len(place)] == place and any(f.branch for f in below)
        for other, below in found.items()
    )
