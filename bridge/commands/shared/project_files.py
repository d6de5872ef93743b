"""The files that the offline commands read: settings, mapping files and schemas.

Invariants: files are only read, and all problems are collected and reported together. Without a
settings file, the environment's settings apply. Without any, the mapping files are read alone, with
a placeholder key for `hmac-sha256`.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click

from bridge.app.components import age_limits
from bridge.app.config import mapping_options, may_match_patterns, topic_alias
from bridge.commands.shared.environment_settings import (
    PLACEHOLDER,
    placeholders_for,
    settings_in_environment,
)
from bridge.documents.document import Document, parse
from bridge.documents.problems import Problem, Problems, SourcePlace
from bridge.kafka.client_keys import KNOWN_KEYS
from bridge.mapping.language.loader import Rule, read_rules
from bridge.mapping.language.options import Options
from bridge.mapping.runtime.event_age import AgeLimits
from bridge.settings.load import DEFAULT_FILE, Loaded, read_settings
from bridge.settings.model import Settings
from bridge.settings.sections.value_types import matching_files
from bridge.settings.sources.environment import KEY_VARIABLE
from bridge.settings.sources.file import read_document

UNREADABLE = "C001"


@dataclass(frozen=True, slots=True)
class ProjectFiles:
    """The files that could be read, and the problems of the rest.

    `loaded` is None if the settings are missing or incomplete; `settings` has what is set, and
    placeholders for the rest. Rules that `mappings_off` names are `off`.
    """

    loaded: Loaded | None
    settings: Settings | None
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
    def ages(self) -> AgeLimits:
        """The age limits of events: the settings' or the default ones."""
        return age_limits(self.settings)

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
        return topic if self.settings is None else topic_alias(self.settings, topic)

    def kafka_name(self, topic: str) -> str:
        """The Kafka name of a topic in the mapping files."""
        return topic if self.settings is None else self.settings.topic_names.get(topic, topic)

    def _matches_pattern(self, topic: str) -> bool:
        if self.settings is not None:
            kafka_name = self.kafka_name(topic)
            if not may_match_patterns(self.settings, kafka_name):
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
    if config is None:
        loaded, settings, problems = _environment()
    else:
        loaded, problems = _settings(config, placeholders=placeholders)
        settings = None if loaded is None else loaded.settings
    paths = tuple(files) or _configured_files(config, loaded)
    if config is None and not paths and not problems:
        message = "no mapping files: name them, or use --config"
        raise click.UsageError(message)
    documents, unreadable = _documents(paths)
    options = _options(settings, is_complete=loaded is not None)
    rules, invalid = read_rules(documents, options)
    off = () if settings is None else settings.mappings_off
    rules = tuple(replace(rule, mode="off") if rule.name in off else rule for rule in rules)
    all_problems = (*problems, *unreadable, *invalid)
    return ProjectFiles(loaded, settings, documents, rules, options, all_problems)


def _environment() -> tuple[Loaded | None, Settings | None, list[Problem]]:
    try:
        return *settings_in_environment(os.environ), []
    except Problems as problems:
        return None, None, list(problems.problems)


def _settings(config: Path, *, placeholders: bool) -> tuple[Loaded | None, list[Problem]]:
    """The settings and their problems, with placeholder values for unset variables."""
    environ = dict(os.environ)
    try:
        return read_settings(config, environ, known_kafka_keys=KNOWN_KEYS), []
    except Problems as problems:
        found = list(problems.problems)
    missing = {KEY_VARIABLE: PLACEHOLDER, **placeholders_for(found)}
    try:
        loaded = read_settings(config, missing | environ, known_kafka_keys=KNOWN_KEYS)
    except Problems as problems:
        return None, list(problems.problems) if placeholders else found
    return loaded, [] if placeholders else found


def _configured_files(config: Path | None, loaded: Loaded | None) -> tuple[Path, ...]:
    """The settings' mapping files; those of invalid settings too, to report their problems."""
    if config is None or loaded is not None:
        return () if loaded is None else loaded.mapping_files
    try:
        data = read_document(config).data
    except Problems:
        return ()
    patterns = data.get("mappings") if isinstance(data, dict) else None
    texts = patterns if isinstance(patterns, list) else []
    globs = [text for text in texts if isinstance(text, str)]
    directory = config.parent.absolute()
    return tuple(dict.fromkeys(f for glob in globs for f in matching_files(glob, directory)))


def _options(settings: Settings | None, *, is_complete: bool) -> Options:
    """The mapping options; with incomplete settings, `hmac-sha256` may have a placeholder key."""
    options = Options() if settings is None else mapping_options(settings)
    if is_complete or options.hash_key is not None:
        return options
    return replace(options, hash_key=PLACEHOLDER.encode())


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
