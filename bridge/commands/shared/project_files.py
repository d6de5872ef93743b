"""What the commands that run nothing look at: settings, mapping files and schemas.

Invariants: reading only, and everything that is wrong is kept, to be told at once. Without settings
the mapping files stand alone: a key for `hmac-sha256` is made up then.
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

_MADE_UP = "made-up"
_UNSET = re.compile(r"`(\w+)` is not set")


@dataclass(frozen=True, slots=True)
class ProjectFiles:
    """What could be read, and what is wrong with the rest. `loaded` None: no settings.

    Rules that `mappings_off` names are `off`.
    """

    loaded: Loaded | None
    documents: tuple[Document, ...]
    rules: tuple[Rule, ...]
    options: Options
    problems: tuple[Problem, ...]

    def topics(self, known: Sequence[str] = ()) -> list[str]:
        """The topics that mappings name, and those of `known` that a pattern of theirs takes."""
        named = [topic for rule in self.rules for topic in rule.topics]
        met = [topic for topic in known if self._by_pattern(topic)]
        return list(dict.fromkeys([*named, *met]))

    @property
    def patterns(self) -> list[str]:
        """The patterns of mappings that are not off, as they are written."""
        on = [rule for rule in self.rules if rule.mode != "off"]
        return list(dict.fromkeys(rule.pattern.text for rule in on if rule.pattern is not None))

    @property
    def read(self) -> str:
        """What the mappings read, for a sentence: names of topics, and patterns."""
        patterns = [f"those that match {pattern}" for pattern in self.patterns]
        return ", ".join([*self.topics(), *patterns]) or "none"

    def own_name(self, topic: str) -> str:
        """Our name of a topic of Kafka's."""
        return topic if self.loaded is None else topic_alias(self.loaded.settings, topic)

    def kafkas_name(self, topic: str) -> str:
        """Kafka's name of a topic of ours."""
        return topic if self.loaded is None else self.loaded.settings.topic_names.get(topic, topic)

    def _by_pattern(self, topic: str) -> bool:
        if self.loaded is not None:
            kafkas = self.kafkas_name(topic)
            if not may_match_patterns(self.loaded.settings, kafkas):
                return False
        return any(rule.pattern is not None and rule.reads(topic) for rule in self.rules)


def read_project_files(
    config: Path | None, files: Sequence[Path], *, stand_ins: bool = False
) -> ProjectFiles:
    """Settings (if there are any) and mapping files: those that are named, else the settings'.

    `stand_ins` lets made-up values stand for variables that are not set: for who looks at
    mappings needs no password.

    Raises:
        click.UsageError: there is nothing to look at.
    """
    config = config or (DEFAULT_FILE if DEFAULT_FILE.exists() else None)
    if config is None and not files:
        message = "no mapping files: name them, or --config with a settings file"
        raise click.UsageError(message)
    loaded, problems = _settings(config, stand_ins=stand_ins)
    paths = tuple(files)
    if config is not None and not paths:
        paths = _written(config) if loaded is None else loaded.mapping_files
    documents, unreadable = _documents(paths)
    options = _options(loaded)
    rules, wrong = read_rules(documents, options)
    off = () if loaded is None else loaded.settings.mappings_off
    rules = tuple(replace(rule, mode="off") if rule.name in off else rule for rule in rules)
    return ProjectFiles(loaded, documents, rules, options, (*problems, *unreadable, *wrong))


def _settings(config: Path | None, *, stand_ins: bool) -> tuple[Loaded | None, list[Problem]]:
    """The settings, and what is wrong with them; with made-up values where none are set."""
    if config is None:
        return None, []
    environ = dict(os.environ)
    try:
        return read_settings(config, environ, known_kafka_keys=KNOWN_KEYS), []
    except Problems as problems:
        told = list(problems.problems)
    names = [name for problem in told for name in _UNSET.findall(problem.message)]
    missing = dict.fromkeys([*names, "FULLSTORY_API_KEY"], _MADE_UP)
    try:
        loaded = read_settings(config, missing | environ, known_kafka_keys=KNOWN_KEYS)
    except Problems as problems:
        return None, list(problems.problems) if stand_ins else told
    return loaded, [] if stand_ins else told


def _written(config: Path) -> tuple[Path, ...]:
    """The mapping files of settings that are wrong otherwise: their mistakes are told too."""
    try:
        data = read_document(config).data
    except Problems:
        return ()
    patterns = data.get("mappings") if isinstance(data, dict) else None
    texts = patterns if isinstance(patterns, list) else []
    written = [text for text in texts if isinstance(text, str)]
    directory = config.parent.absolute()
    return tuple(dict.fromkeys(f for text in written for f in matching_files(text, directory)))


def _options(loaded: Loaded | None) -> Options:
    if loaded is None:
        return Options(hash_key=_MADE_UP.encode())
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
    """The path as a person would type it here."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
