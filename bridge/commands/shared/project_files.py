"""The files that the offline commands read: settings, mapping files and schemas.

Invariants: files are only read, and all problems are collected and reported together. Without
settings, the mapping files are read alone, with a placeholder key for `hmac-sha256`.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click

from bridge.app.config import mapping_options, may_match_patterns, topic_alias
from bridge.documents.document import Document, parse
from bridge.documents.problems import Problem, Problems, SourcePlace
from bridge.kafka.client_keys import KNOWN_KEYS
from bridge.mapping.language.loader import Rule, read_rules
from bridge.mapping.language.options import Options
from bridge.settings.load import DEFAULT_FILE, Loaded, read_settings
from bridge.settings.sections.value_types import matching_files
from bridge.settings.sources.file import read_document

UNREADABLE = "C001"

_PLACEHOLDER = "made-up"
_UNSET = re.compile(r"`(\w+)` is not set")


@dataclass(frozen=True, slots=True)
class ProjectFiles:
    """The files that could be read, and the problems of the rest.

    `loaded` is None if there are no settings. Rules that `mappings_off` names are `off`.
    """

    loaded: Loaded | None
    documents: tuple[Document, ...]
    rules: tuple[Rule, ...]
    options: Options
    problems: tuple[Problem, ...]

    def topics(self, known: Sequence[str] = ()) -> list[str]:
        """The topics that mappings name, and those of `known` that their patterns match."""
        named = [topic for rule in self.rules for topic in rule.topics]
        matched = [topic for topic in known if self._matches_pattern(topic)]
        return list(dict.fromkeys([*named, *matched]))

    @property
    def patterns(self) -> list[str]:
        """The patterns of the mappings that are not off, as written."""
        active = [rule for rule in self.rules if rule.mode != "off"]
        return list(dict.fromkeys(rule.pattern.text for rule in active if rule.pattern is not None))

    @property
    def topics_text(self) -> str:
        """What the mappings read, for a message: topic names and patterns."""
        patterns = [f"topics that match {pattern}" for pattern in self.patterns]
        return ", ".join([*self.topics(), *patterns]) or "none"

    def topic_alias(self, topic: str) -> str:
        """The name that mapping files use for a Kafka topic."""
        return topic if self.loaded is None else topic_alias(self.loaded.settings, topic)

    def kafka_name(self, topic: str) -> str:
        """The Kafka name of a topic in the mapping files."""
        return topic if self.loaded is None else self.loaded.settings.topic_names.get(topic, topic)

    def _matches_pattern(self, topic: str) -> bool:
        if self.loaded is not None:
            kafka_name = self.kafka_name(topic)
            if not may_match_patterns(self.loaded.settings, kafka_name):
                return False
        return any(rule.pattern is not None and rule.reads(topic) for rule in self.rules)


def read_project_files(
    config: Path | None, files: Sequence[Path], *, placeholders: bool = False
) -> ProjectFiles:
    """The settings, if there are any, and the mapping files: `files`, else the settings' files.

    `placeholders` allows placeholder values for unset variables: reading mappings needs no
    password.

    Raises:
        click.UsageError: there are neither settings nor files.
    """
    config = config or (DEFAULT_FILE if DEFAULT_FILE.exists() else None)
    if config is None and not files:
        message = "no mapping files: name them, or use --config"
        raise click.UsageError(message)
    loaded, problems = _settings(config, placeholders=placeholders)
    paths = tuple(files)
    if config is not None and not paths:
        paths = _configured_files(config) if loaded is None else loaded.mapping_files
    documents, unreadable = _documents(paths)
    options = _options(loaded)
    rules, invalid = read_rules(documents, options)
    off = () if loaded is None else loaded.settings.mappings_off
    rules = tuple(replace(rule, mode="off") if rule.name in off else rule for rule in rules)
    return ProjectFiles(loaded, documents, rules, options, (*problems, *unreadable, *invalid))


def _settings(config: Path | None, *, placeholders: bool) -> tuple[Loaded | None, list[Problem]]:
    """The settings and their problems, with placeholder values for unset variables."""
    if config is None:
        return None, []
    environ = dict(os.environ)
    try:
        return read_settings(config, environ, known_kafka_keys=KNOWN_KEYS), []
    except Problems as problems:
        found = list(problems.problems)
    names = [name for problem in found for name in _UNSET.findall(problem.message)]
    missing = dict.fromkeys([*names, "FULLSTORY_API_KEY"], _PLACEHOLDER)
    try:
        loaded = read_settings(config, missing | environ, known_kafka_keys=KNOWN_KEYS)
    except Problems as problems:
        return None, list(problems.problems) if placeholders else found
    return loaded, [] if placeholders else found


def _configured_files(config: Path) -> tuple[Path, ...]:
    """The mapping files of invalid settings, so that their problems are reported too."""
    try:
        data = read_document(config).data
    except Problems:
        return ()
    patterns = data.get("mappings") if isinstance(data, dict) else None
    texts = patterns if isinstance(patterns, list) else []
    globs = [text for text in texts if isinstance(text, str)]
    directory = config.parent.absolute()
    return tuple(dict.fromkeys(f for glob in globs for f in matching_files(glob, directory)))


def _options(loaded: Loaded | None) -> Options:
    if loaded is None:
        return Options(hash_key=_PLACEHOLDER.encode())
    return mapping_options(loaded.settings)


def _documents(paths: Sequence[Path]) -> tuple[tuple[Document, ...], list[Problem]]:
    documents: list[Document] = []
    problems: list[Problem] = []
    for path in paths:
        shown = shown_path(path)
        try:
            documents.append(parse(path.read_text(encoding="utf-8"), shown))
        except Problems as found:
            problems += found.problems
        except UnicodeDecodeError:
            message = "this is not UTF-8 text"
            problems.append(
                Problem(UNREADABLE, message, SourcePlace(shown), "save the file as UTF-8")
            )
        except OSError as error:
            why = (error.strerror or "it cannot be read").lower()
            problems.append(Problem(UNREADABLE, why, SourcePlace(shown)))
    return tuple(documents), problems


def shown_path(path: Path) -> str:
    """The path relative to the working directory, if it is below it."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
