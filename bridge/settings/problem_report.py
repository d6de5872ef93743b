"""Collects mistakes from all sources of the settings, each with its position."""

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
    """Collects mistakes; a value that a source could not provide is reported only once."""

    def __init__(self, document: Document | None, environment: Environment) -> None:
        self._document = document
        self._environment = environment
        self._mistakes: list[Mistake] = []
        self._invalid = set(environment.invalid)

    def add_interpolation(self, from_file: Interpolated) -> None:
        """Add references that could not be expanded and that no variable or flag overrides."""
        for mistake in from_file.mistakes:
            if self._source(mistake.path) is None:
                self._mistakes.append(mistake)
                self._invalid.add(mistake.path)

    def add_mistakes(self, mistakes: list[Mistake]) -> None:
        """Add the model's mistakes; for an unavailable value, only that its key is unknown."""
        for mistake in mistakes:
            if _is_unknown(mistake) or not _within(mistake.path, self._invalid):
                self._mistakes.append(mistake)

    def problems(self) -> Iterator[Problem]:
        """All problems, each with its position."""
        yield from self._environment.problems
        unknown = [m for m in self._mistakes if _is_unknown(m)]
        hidden = [m.path for m in unknown if hides_value(*_name_and_fix(m))]
        shown = self._document.masked(hidden) if self._document is not None else None
        for mistake in self._mistakes:
            code = code_of(mistake.code, KINDS)
            source = self._source(mistake.path)
            fix = _fix(mistake)
            if source is not None:
                yield Problem(code, mistake.message, SourcePlace(source), fix)
            elif shown is None or not _has_place(shown, mistake.path):
                yield Problem(
                    code, mistake.message, SourcePlace(shown.file) if shown else None, fix
                )
            else:
                at = mistake.path
                yield shown.problem(code, mistake.message, at, key=mistake.key, fix=fix)

    def _source(self, path: DataPath) -> str | None:
        """The variable or flag that set the value at `path`, or a list around it."""
        for end in range(len(path), 0, -1):
            given = self._environment.given.get(path[:end])
            if given is not None:
                return given.name
        return None


def _within(path: DataPath, invalid: set[DataPath]) -> bool:
    return any(path[:end] in invalid for end in range(1, len(path) + 1))


def _is_unknown(mistake: Mistake) -> bool:
    return mistake.code in ("unknown_key", SettingsCode.UNKNOWN_KAFKA_KEY)


def _name_and_fix(mistake: Mistake) -> tuple[str, str | None]:
    return str(mistake.path[-1]), mistake.fix


def _has_place(document: Document, path: DataPath) -> bool:
    """Whether the file has its section; a mistake in a missing section has no line."""
    return not path or not isinstance(document.data, dict) or path[0] in document.data


def _fix(mistake: Mistake) -> str | None:
    """The mistake's own fix, or one that needs knowledge of all settings."""
    if mistake.code == "missing_key":
        if mistake.path == KEY_PATH:
            return f"set {KEY_VARIABLE} or {KEY_VARIABLE}_FILE, or write it in the settings file"
        return f"write it in the settings file, or set {variable_name(mistake.path)}"
    is_similar = (mistake.fix or "").startswith("did you mean")
    if mistake.code == "unknown_key" and not is_similar:
        settings = [*variables().values(), *(("kafka", key) for key in REQUIRED)]
        matches = [path for path in settings if path[-1] == mistake.path[-1]]
        return f"did you mean `{dotted(matches[0])}`?" if matches else mistake.fix
    return mistake.fix
