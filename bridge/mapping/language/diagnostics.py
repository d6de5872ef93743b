"""Mistakes in a mapping: `MappingFault` without a place, `Diagnostics` with one."""

from dataclasses import dataclass, field, replace
from typing import Any

from bridge.documents.document import Document
from bridge.documents.problems import Problem
from bridge.mapping.language.codes import Code

DocumentPath = tuple[str | int, ...]


class MappingFault(Exception):
    """A mistake without its whole place; whoever knows the place catches it.

    `at` is the part of the place that is known so far, `on_key` whether its key is meant.
    """

    def __init__(self, code: Code, message: str, fix: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.fix = fix
        self.at: DocumentPath = ()
        self.on_key = False


class Within:
    """A `with` block in which faults belong to what stands under some keys."""

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
    """Collects what is wrong with one mapping of one document, all of it before anybody is told.

    `wrong` are the paths, below `base`, of the errors.
    """

    document: Document
    base: DocumentPath = ()
    problems: list[Problem] = field(default_factory=list)
    wrong: list[DocumentPath] = field(default_factory=list)

    def add(
        self,
        fault: MappingFault,
        at: DocumentPath,
        *,
        key: bool = False,
        warning: bool = False,
    ) -> None:
        """Note a mistake at a path below `base`; `key` points at the key in place of the value.

        Where a value is written short there is no such path, and its whole value is meant.
        """
        place = _written(self.document.data, self.base + at + fault.at)
        problem = self.document.problem(
            fault.code.value,
            fault.message,
            place,
            key=fault.on_key if fault.at else key,
            fix=fault.fix,
        )
        self.problems.append(replace(problem, severity="warning") if warning else problem)
        if not warning:
            self.wrong.append(at + fault.at)

    def catch(self, *at: str | int, key: bool = False) -> "Catch":
        """Note the `MappingFault` that ends the `with` block, if one does, and go on after it."""
        return Catch(self, at, key)

    @property
    def errors(self) -> list[Problem]:
        """Without the warnings."""
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


def _written(data: Any, at: DocumentPath) -> DocumentPath:
    """As much of a path as is there."""
    for number, step in enumerate(at):
        if isinstance(data, list):
            below = dict(enumerate(data))
        else:
            below = data if isinstance(data, dict) else {}
        if step not in below:
            return at[:number]
        data = below[step]
    return at
