"""Mistakes from every source of the settings, brought to the place where each was made."""

from collections.abc import Iterator

from bridge.documents.document import DataPath, Document, dotted
from bridge.documents.problems import Problem, SourcePlace
from bridge.documents.validate import code_of
from bridge.documents.validation_messages import Mistake
from bridge.settings.codes import KINDS, SettingsCode
from bridge.settings.sections.kafka import REQUIRED
from bridge.settings.sources.environment import (
    KEY_PATH,
    KEY_VARIABLE,
    Environment,
    variable_name,
    variables,
)
from bridge.settings.sources.interpolation import Interpolated
from bridge.settings.sources.secrets import hides_value


class ProblemReport:
    """Collects mistakes; a value that a source failed to give is not refused a second time."""

    def __init__(self, document: Document | None, environment: Environment) -> None:
        self._document = document
        self._environment = environment
        self._mistakes: list[Mistake] = []
        self._spoiled = set(environment.spoiled)

    def add_interpolation(self, from_file: Interpolated) -> None:
        """References that could not be expanded, unless a variable or a flag overrides them."""
        for mistake in from_file.mistakes:
            if self._giver(mistake.path) is None:
                self._mistakes.append(mistake)
                self._spoiled.add(mistake.path)

    def add_mistakes(self, mistakes: list[Mistake]) -> None:
        """What the model refuses; of a value that could not be had only that its key is unknown."""
        for mistake in mistakes:
            if _is_unknown(mistake) or not _within(mistake.path, self._spoiled):
                self._mistakes.append(mistake)

    def problems(self) -> Iterator[Problem]:
        """All that was found, each at its place."""
        yield from self._environment.problems
        unknown = [m.path for m in self._mistakes if _is_unknown(m) and hides_value(*_named(m))]
        shown = self._document.masked(unknown) if self._document is not None else None
        for mistake in self._mistakes:
            code = code_of(mistake.code, KINDS)
            giver = self._giver(mistake.path)
            fix = _fix(mistake)
            if giver is not None:
                yield Problem(code, mistake.message, SourcePlace(giver), fix)
            elif shown is None or not _has_place(shown, mistake.path):
                yield Problem(
                    code, mistake.message, SourcePlace(shown.file) if shown else None, fix
                )
            else:
                at = mistake.path
                yield shown.problem(code, mistake.message, at, key=mistake.key, fix=fix)

    def _giver(self, path: DataPath) -> str | None:
        """The variable or flag that gave the value at `path` (or a list around it)."""
        for end in range(len(path), 0, -1):
            given = self._environment.given.get(path[:end])
            if given is not None:
                return given.name
        return None


def _within(path: DataPath, spoiled: set[DataPath]) -> bool:
    return any(path[:end] in spoiled for end in range(1, len(path) + 1))


def _is_unknown(mistake: Mistake) -> bool:
    return mistake.code in ("unknown_key", SettingsCode.UNKNOWN_KAFKA_KEY)


def _named(mistake: Mistake) -> tuple[str, str | None]:
    return str(mistake.path[-1]), mistake.fix


def _has_place(document: Document, path: DataPath) -> bool:
    """Whether anything of it is written: what is missing with its whole section has no line."""
    return not path or not isinstance(document.data, dict) or path[0] in document.data


def _fix(mistake: Mistake) -> str | None:
    """The mistake's own cure, or what only the whole of the settings can tell."""
    if mistake.code == "missing_key":
        if mistake.path == KEY_PATH:
            return f"set {KEY_VARIABLE} or {KEY_VARIABLE}_FILE, or write it in the settings file"
        return f"write it in the settings file, or set {variable_name(mistake.path)}"
    near = (mistake.fix or "").startswith("did you mean")
    if mistake.code == "unknown_key" and not near:
        settings = [*variables().values(), *(("kafka", key) for key in REQUIRED)]
        homes = [path for path in settings if path[-1] == mistake.path[-1]]
        return f"did you mean `{dotted(homes[0])}`?" if homes else mistake.fix
    return mistake.fix
