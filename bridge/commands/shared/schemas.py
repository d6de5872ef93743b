"""Finds the schemas of topics: from a flag, a file in the settings, or the registry."""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import Self

import click

from bridge.app.components import registry_options
from bridge.app.start_check import UNUSABLE_SCHEMA
from bridge.avro.registry.client import RegistryClient
from bridge.avro.schema_store import WriterSchema, read_schema_file
from bridge.avro.wire_formats import SchemaKey, in_context
from bridge.commands.shared.project_files import ProjectFiles, shown_path
from bridge.documents.problems import Problem
from bridge.errors import SetupError, Unavailable
from bridge.settings.load import Loaded
from bridge.settings.sections.avro import TopicCodec

REGISTRY_UNAVAILABLE = "C002"
NOT_REGISTERED = "C003"


def schema_flags(values: Sequence[str]) -> dict[str, WriterSchema]:
    """The schemas given by `--schema topic=file.avsc`.

    Raises:
        click.UsageError: a value does not have this form.
        SetupError: a file is not a schema.
    """
    found = {}
    for value in values:
        topic, equals, file = value.partition("=")
        if not topic or not equals or not file:
            raise click.UsageError(f"--schema expects topic=file.avsc, not {value}")
        found[topic] = read_schema_file(file)
    return found


@dataclass(slots=True)
class SchemaFinder:
    """Finds the schemas of topics: from a flag, a file in the settings, or the registry.

    Use as an async context manager. `problems` collects the problems found on the way.
    """

    project_files: ProjectFiles
    given: Mapping[str, WriterSchema]
    problems: list[Problem] = field(default_factory=list)
    _registry: RegistryClient | None = None
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def __aenter__(self) -> Self:
        loaded = self.project_files.loaded
        options = registry_options(loaded.settings) if loaded is not None else None
        if options is not None:
            self._registry = await self._stack.enter_async_context(RegistryClient(options))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def registry(self) -> RegistryClient | None:
        """The registry in the settings; None if there is none, or it does not respond."""
        return self._registry

    def known(self) -> list[str]:
        """The topics that flags or settings name, in addition to those of the mappings."""
        loaded = self.project_files.loaded
        named = (
            [] if loaded is None else [*loaded.settings.avro.topics, *loaded.settings.topic_names]
        )
        return [*self.given, *named]

    async def topics(self, more: Sequence[str] = ()) -> list[str]:
        """The topics that mappings name, and those that their patterns match.

        Patterns are matched against `more`, the topics in flags and settings, and the topics
        that have a subject in the registry.
        """
        registered = await self._topics_registered() if self.project_files.patterns else []
        return self.project_files.topics([*self.known(), *more, *registered])

    async def latest(self, topic: str) -> WriterSchema | None:
        """The schema to test with; None if there is none."""
        found = self.local(topic)
        if found is not None:
            return found
        registered = await self._registered(topic, latest_only=True)
        return registered[-1] if registered else None

    async def versions(self, topic: str) -> list[WriterSchema]:
        """All schemas that the records of a topic can have, oldest first."""
        if topic in self.given:
            return [self.given[topic]]
        registered = [] if self.framing(topic) != "confluent" else await self._registered(topic)
        return [*self.locals(topic), *registered]

    def local(self, topic: str) -> WriterSchema | None:
        """The schema of a flag, or the latest of the files in the settings."""
        found = self.locals(topic)
        return found[-1] if found else None

    def locals(self, topic: str) -> list[WriterSchema]:
        """The schema of a flag, or those of the files in the settings, latest last."""
        if topic in self.given:
            return [self.given[topic]]
        codec = self._codec(topic)
        try:
            return [
                replace(read_schema_file(str(file)), label=shown_path(file))
                for file in (() if codec is None else codec.schema_files)
            ]
        except SetupError as error:
            self._report(Problem(UNUSABLE_SCHEMA, str(error)))
            return []

    def framing(self, topic: str) -> str:
        """The `wire_format` of the topic in the settings."""
        codec = self._codec(topic)
        return "confluent" if codec is None else codec.wire_format

    async def fetch(self, key: SchemaKey, topic: str) -> WriterSchema:
        """The schema that wrote a record of a topic, from the registry.

        Raises:
            SetupError: there is no registry to query.
            PoisonRecord: the registry has no such schema, or it is not usable.
            Unavailable: the registry does not answer.
        """
        loaded = self.project_files.loaded
        if self._registry is None or loaded is None:
            message = "framed Avro has a schema id that only a registry can resolve"
            raise SetupError(f"{message}: set `avro.registry.url`")
        return await self._registry.fetch(in_context(key, self._subject(topic, loaded)))

    def _subject(self, topic: str, loaded: Loaded) -> str:
        return loaded.settings.avro.subject_of(self.project_files.kafka_name(topic))

    def _codec(self, topic: str) -> TopicCodec | None:
        loaded = self.project_files.loaded
        return None if loaded is None else loaded.settings.avro.topics.get(topic)

    async def _topics_registered(self) -> list[str]:
        """The topics that have a subject, by mapping-file name; none if subjects name no topic."""
        loaded = self.project_files.loaded
        if self._registry is None or loaded is None:
            return []
        before, placeholder, after = loaded.settings.avro.subject.partition("{topic}")
        if not placeholder or "{topic}" in after:
            return []
        try:
            subjects = await self._registry.subjects()
        except Unavailable as error:
            self._unavailable(error)
            return []
        found = [subject for subject in subjects if len(subject) > len(before) + len(after)]
        return [
            self.project_files.topic_alias(subject[len(before) : len(subject) - len(after)])
            for subject in found
            if subject.startswith(before) and subject.endswith(after)
        ]

    async def _registered(self, topic: str, *, latest_only: bool = False) -> list[WriterSchema]:
        loaded = self.project_files.loaded
        if self._registry is None or loaded is None:
            return []
        subject = self._subject(topic, loaded)
        try:
            if latest_only:
                latest = await self._registry.latest(subject)
                found = [] if latest is None else [latest]
            else:
                found = await self._registry.versions(subject)
        except Unavailable as error:
            self._unavailable(error)
            return []
        except SetupError as error:
            self._report(Problem(UNUSABLE_SCHEMA, str(error)))
            return []
        if not found:
            message = f"the registry has no subject {subject}"
            fix = "register its schema, or set `avro.subject`"
            self._report(Problem(NOT_REGISTERED, message, None, fix, severity="warning"))
        return found

    def _unavailable(self, error: Unavailable) -> None:
        """Report that the registry does not respond, and stop querying it."""
        fix = "the mappings are not checked against it; use --schema to name schemas"
        self._report(Problem(REGISTRY_UNAVAILABLE, str(error), None, fix, severity="warning"))
        self._registry = None

    def _report(self, problem: Problem) -> None:
        if problem not in self.problems:
            self.problems.append(problem)
