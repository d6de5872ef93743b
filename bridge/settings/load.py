"""Loads the settings: flag, else environment, else file, else default.

Invariants: all mistakes are reported together, each at its position; the origin of each value is
known; no report has a secret.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import SecretStr, ValidationError

from bridge.documents.document import DataPath, Document
from bridge.documents.problems import Problems
from bridge.documents.validate import mistakes
from bridge.errors import SetupError
from bridge.settings.model import Settings
from bridge.settings.problem_report import ProblemReport
from bridge.settings.sections.value_types import ValidationContext, matching_files
from bridge.settings.sources.environment import (
    KEY_PATH,
    Environment,
    VariableValue,
    read_environment,
    read_key,
)
from bridge.settings.sources.external_text import ExternalText
from bridge.settings.sources.file import read_document
from bridge.settings.sources.interpolation import Interpolated, interpolate
from bridge.settings.sources.origins import origins_of
from bridge.settings.sources.secrets import KeySource

DEFAULT_FILE = Path("bridge.yaml")
"""Read by default, if it exists."""

SECTIONS = ("kafka", "avro", "fullstory", "privacy", "dead_letters", "delivery", "log")
"""Sections that may be missing from the file; their missing keys are then reported one by one."""


class Flag(NamedTuple):
    """A setting given on the command line; never a secret."""

    name: str
    path: DataPath
    value: object


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings and the origin of each value.

    `origins` has every value, defaults too, by its dotted name (`kafka.group.id`).
    `mapping_files` and relative paths are relative to `directory`.
    """

    settings: Settings
    origins: Mapping[str, str]
    fullstory_key: KeySource
    mapping_files: tuple[Path, ...]
    file: Path | None
    directory: Path


def load(
    file: Path | None,
    environ: Mapping[str, str],
    flags: Sequence[Flag] = (),
    *,
    known_kafka_keys: Collection[str] | None = None,
) -> Loaded:
    """Load the settings from all sources.

    `known_kafka_keys` are librdkafka's keys; without them, unknown keys are accepted.

    Raises:
        SetupError: the settings are invalid; the message is the whole report.
    """
    try:
        return read_settings(file, environ, flags, known_kafka_keys=known_kafka_keys)
    except Problems as problems:
        raise SetupError(str(problems)) from None


def read_settings(
    file: Path | None,
    environ: Mapping[str, str],
    flags: Sequence[Flag] = (),
    *,
    known_kafka_keys: Collection[str] | None = None,
) -> Loaded:
    """Like `load`, but raises the individual problems.

    Raises:
        Problems: all mistakes.
    """
    document = read_document(file) if file is not None else None
    environment = read_environment(environ)
    for flag in flags:
        value = ExternalText(flag.value) if isinstance(flag.value, str) else flag.value
        environment.given[flag.path] = VariableValue(value, flag.name)
    from_file = interpolate(document.data if document is not None else {}, environ)
    data = _merged(from_file.data, environment, environ)
    directory = file.parent.absolute() if file is not None else Path.cwd()
    keys = frozenset(known_kafka_keys) if known_kafka_keys is not None else None
    context = ValidationContext(directory, keys)
    settings = _validated(document, from_file, environment, data, context)
    origins = origins_of(settings, document, from_file, environment)
    key = data["fullstory"]["key"]
    key_file = key.file if isinstance(key, ExternalText) else None
    source = KeySource(SecretStr(key), origins["fullstory.key"], key_file)
    files = dict.fromkeys(f for p in settings.mappings for f in matching_files(p, directory))
    return Loaded(settings, origins, source, tuple(files), file, directory)


def _merged(data: Any, environment: Environment, environ: Mapping[str, str]) -> Any:
    """The file's data, overridden by variables and flags, with the default for the key."""
    if not isinstance(data, dict):
        return data
    for section in SECTIONS:
        if data.get(section) is None:
            data[section] = {}  # so that the missing keys are reported, not the section
    for path, given in environment.given.items():
        _set(data, path, given.value)
    fullstory = data["fullstory"]
    if isinstance(fullstory, dict) and fullstory.get("key") is None:
        fullstory.pop("key", None)
        if KEY_PATH not in environment.invalid:
            default = read_key(environ)
            for path, given in default.given.items():
                _set(data, path, given.value)
            environment.given |= default.given
            environment.problems += default.problems
            environment.invalid |= default.invalid
    return data


def _set(data: dict[Any, Any], path: DataPath, value: object) -> None:
    for step in path[:-1]:
        if data.get(step) is None:
            data[step] = {}
        data = data[step]
        if not isinstance(data, dict):
            return  # the validation of the file reports a section that is not an object
    data[path[-1]] = value


def _validated(
    document: Document | None,
    from_file: Interpolated,
    environment: Environment,
    data: Any,
    context: ValidationContext,
) -> Settings:
    """The model; raises Problems with the mistakes of all sources."""
    report = ProblemReport(document, environment)
    report.add_interpolation(from_file)
    settings: Settings | None = None
    try:
        settings = Settings.model_validate(data, context=context)
    except ValidationError as error:
        report.add_mistakes(mistakes(Settings, error, data))
    problems = tuple(report.problems())
    if problems or settings is None:
        raise Problems(problems)
    return settings
