"""What the commands about dead letters share: the filter's flags, and the letters themselves."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from bridge.app.config import is_dead_letter_topic
from bridge.delivery.dead_letter_reader import DeadLetterFilter, DeadLetterRecord, read_dead_letter
from bridge.kafka import admin, record_reader
from bridge.kafka.client_keys import KNOWN_KEYS
from bridge.records import Record
from bridge.settings.load import DEFAULT_FILE, Loaded, load

SILENCE_S: Final = 15.0
"""Kafka may hand over nothing for so long before it counts as away."""

F = TypeVar("F", bound=Callable[..., None])


class TimeParam(click.ParamType[float]):
    """A time in RFC 3339, or a day, which begins at midnight UTC; in seconds since 1970."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The time; with a message for who wrote it otherwise."""
        if isinstance(value, float):
            return value
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            moment = None
        if moment is not None and moment.tzinfo is None and len(value) == len("2026-11-24"):
            moment = moment.replace(tzinfo=UTC)
        if moment is None or moment.tzinfo is None:
            self.fail(f"{value} is no time: write 2026-11-24T10:15:00Z, or 2026-11-24", param, ctx)
        return moment.timestamp()


@dataclass(frozen=True, slots=True)
class Selection:
    """What the flags of a command choose, in the words of the mapping files."""

    reasons: tuple[str, ...]
    mappings: tuple[str, ...]
    topics: tuple[str, ...]
    since: float | None
    until: float | None

    def filter(self, loaded: Loaded) -> DeadLetterFilter:
        """The filter, with Kafka's names of topics, over the letters of the settings' group."""
        names = loaded.settings.topic_names
        return DeadLetterFilter(
            str(loaded.settings.kafka_config()["group.id"]),
            frozenset(self.reasons),
            frozenset(self.mappings),
            frozenset(names.get(topic, topic) for topic in self.topics),
            self.since,
            self.until,
        )


def config_flag(command: F) -> F:
    """The flag `--config`."""
    return click.option(
        "--config",
        "file",
        type=click.Path(path_type=Path),
        help="The settings file; bridge.yaml here, if there is one. Else: the environment.",
    )(command)


def filter_flags(command: F) -> F:
    """The flags that choose letters."""
    for flag in (
        click.option("--until", type=TimeParam(), help="Only those that failed before this time."),
        click.option("--since", type=TimeParam(), help="Only those that failed from this time on."),
        click.option("--topic", "topics", multiple=True, help="Only records of this topic."),
        click.option(
            "--mapping", "mappings", multiple=True, help="Only those that this mapping rejected."
        ),
        click.option("--reason", "reasons", multiple=True, help="Only those of this reason."),
    ):
        command = flag(command)
    return command


def settings_of(file: Path | None) -> Loaded:
    """The settings; raises SetupError."""
    if file is None and DEFAULT_FILE.exists():
        file = DEFAULT_FILE
    return load(file, os.environ, known_kafka_keys=KNOWN_KEYS)


def dead_letter_topics(loaded: Loaded) -> Sequence[str]:
    """The dead-letter topics that there are; raises Unavailable."""
    existing = admin.describe_cluster(loaded.settings.kafka_config()).topics
    return [topic for topic in sorted(existing) if is_dead_letter_topic(loaded.settings, topic)]


def read_records(loaded: Loaded, topics: Sequence[str]) -> Iterator[Record]:
    """All that the dead-letter topics hold now; raises SetupError or Unavailable."""
    if not topics:
        return
    kafka: Mapping[str, Any] = loaded.settings.kafka_config()
    with closing(record_reader.read_all(kafka, topics, SILENCE_S)) as found:
        yield from found


def read_dead_letters(loaded: Loaded, topics: Sequence[str]) -> Iterator[DeadLetterRecord]:
    """The letters among them."""
    for record in read_records(loaded, topics):
        letter = read_dead_letter(record)
        if letter is not None:
            yield letter


def shown_time(moment_s: float) -> str:
    """A time for a person and for a machine: RFC 3339, UTC."""
    moment = datetime.fromtimestamp(moment_s, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
