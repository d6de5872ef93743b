"""Shared by the dead-letters commands: the filter flags, and reading the dead letters."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import click

from bridge.app.config import is_dead_letter_topic
from bridge.delivery.dead_letter_reader import DeadLetterFilter, DeadLetterRecord, read_dead_letter
from bridge.kafka import admin, record_reader
from bridge.records import Record
from bridge.settings.load import Loaded

IDLE_TIMEOUT_S: Final = 15.0
"""If Kafka returns nothing for this long, it counts as unavailable."""

F = TypeVar("F", bound=Callable[..., None])


class TimeParam(click.ParamType[float]):
    """An RFC 3339 time, or a date (midnight UTC); converted to seconds since 1970."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The time in seconds; other text fails with a message."""
        if isinstance(value, float):
            return value
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            moment = None
        if moment is not None and moment.tzinfo is None and len(value) == len("2026-11-24"):
            moment = moment.replace(tzinfo=UTC)
        if moment is None or moment.tzinfo is None:
            self.fail(
                f"{value} is not a time: write 2026-11-24T10:15:00Z or 2026-11-24", param, ctx
            )
        return moment.timestamp()


@dataclass(frozen=True, slots=True)
class Selection:
    """The values of the filter flags, with topics as named in the mapping files."""

    reasons: tuple[str, ...]
    mappings: tuple[str, ...]
    topics: tuple[str, ...]
    since: float | None
    until: float | None

    def filter(self, loaded: Loaded) -> DeadLetterFilter:
        """The filter with Kafka's topic names, for the dead letters of the settings' group."""
        names = loaded.settings.topic_names
        return DeadLetterFilter(
            str(loaded.settings.kafka_config()["group.id"]),
            frozenset(self.reasons),
            frozenset(self.mappings),
            frozenset(names.get(topic, topic) for topic in self.topics),
            self.since,
            self.until,
        )


def filter_flags(command: F) -> F:
    """The flags that filter dead letters."""
    for flag in (
        click.option("--until", type=TimeParam(), help="Only those that failed before this time."),
        click.option(
            "--since", type=TimeParam(), help="Only those that failed at or after this time."
        ),
        click.option("--topic", "topics", multiple=True, help="Only this topic. Repeatable."),
        click.option(
            "--mapping", "mappings", multiple=True, help="Only those of this mapping. Repeatable."
        ),
        click.option("--reason", "reasons", multiple=True, help="Only this reason. Repeatable."),
    ):
        command = flag(command)
    return command


def dead_letter_topics(loaded: Loaded) -> Sequence[str]:
    """The existing dead-letter topics; raises Unavailable."""
    existing = admin.describe_cluster(loaded.settings.kafka_config()).topics
    return [topic for topic in sorted(existing) if is_dead_letter_topic(loaded.settings, topic)]


def read_records(loaded: Loaded, topics: Sequence[str]) -> Iterator[Record]:
    """All records now in the dead-letter topics; raises SetupError or Unavailable."""
    if not topics:
        return
    kafka: Mapping[str, Any] = loaded.settings.kafka_config()
    with closing(record_reader.read_all(kafka, topics, IDLE_TIMEOUT_S)) as found:
        yield from found


def read_dead_letters(loaded: Loaded, topics: Sequence[str]) -> Iterator[DeadLetterRecord]:
    """All dead letters now in the topics; raises SetupError or Unavailable."""
    for record in read_records(loaded, topics):
        dead_letter = read_dead_letter(record)
        if dead_letter is not None:
            yield dead_letter


def shown_time(moment_s: float) -> str:
    """The time in RFC 3339, UTC."""
    moment = datetime.fromtimestamp(moment_s, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
