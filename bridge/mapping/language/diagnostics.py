"""Mistakes in a mapping: `MappingFault` has no full place, `Diagnostics` adds it."""

from dataclasses import dataclass, field, replace
from typing import Any

from bridge.documents.document import Document
from bridge.documents.problems import Problem
from bridge.mapping.language.codes import Code

DocumentPath = tuple[str | int, ...]


class MappingFault(Exception):
    """A mistake whose place is only partly known; `Diagnostics.catch` adds the rest.

    `at` is the part of the place that is known so far; `on_key` points at its key, not its value.
    """

    def __init__(self, code: Code, message: str, fix: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.fix = fix
        self.at: DocumentPath = ()
        self.on_key = False


class Within:
    """A `with` block that prefixes the place of its faults with some keys."""

    __slots__ = ("_at", "_key")

    def __init__(self, *at: str | int, key: bool = False) -> None:
        self._at = at
        self._key = key

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: object
    ) -> None:
        if isinstance(error, MappingFault):
            error.on_key = error.on_key if error.at else self._key
            error.at = self._at + error.at


@dataclass(slots=True)
class Diagnostics:
    """Collects all problems of one mapping of one document, to report them together.

    `error_paths` are the paths of the errors, relative to `base`.
    """

    document: Document
    base: DocumentPath = ()
    problems: list[Problem] = field(default_factory=list)
    error_paths: list[DocumentPath] = field(default_factory=list)

    def add(
        self,
        fault: MappingFault,
        at: DocumentPath,
        *,
        key: bool = False,
        warning: bool = False,
    ) -> None:
        """Add a mistake at a path below `base`; `key` points at the key instead of the value.

        If a value is written in its short form, the path does not exist: the whole value is marked.
        """
        place = _existing(self.document.data, self.base + at + fault.at)
        problem = self.document.problem(
            fault.code.value,
            fault.message,
            place,
            key=fault.on_key if fault.at else key,
            fix=fault.fix,
        )
        self.problems.append(replace(problem, severity="warning") if warning else problem)
        if not warning:
            self.error_paths.append(at + fault.at)

    def catch(self, *at: str | int, key: bool = False) -> "Catch":
        """Add the `MappingFault` that ends the `with` block, if any, and continue after it."""
        return Catch(self, at, key)

    @property
    def errors(self) -> list[Problem]:
        """The problems without the warnings."""
        return [problem for problem in self.problems if problem.severity == "error"]


@dataclass(frozen=True, slots=True)
class Catch:
    """The `with` block of `Diagnostics.catch`."""

    diagnostics: Diagnostics
    at: DocumentPath
    key: bool

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: object
    ) -> bool:
        if isinstance(error, MappingFault):
            self.diagnostics.add(error, self.at, key=self.key)
        return isinstance(error, MappingFault)


def _existing(data: Any, at: DocumentPath) -> DocumentPath:
    """The longest prefix of a path that exists in the data."""
    for number, step in enumerate(at):
        if isinstance(data, list):
            below = dict(enumerate(data))
        else:
            below = data if isinstance(data, dict) else {}
        if step not in below:
            return at[:number]
        data = below[step]
    return at
