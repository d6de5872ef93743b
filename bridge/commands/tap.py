"""`fullstory-bridge tap`: live records and the requests they would produce."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import click

from bridge.commands.shared.command import (
    ExitCodes,
    config_flag,
    exit_on_errors,
    mapping_files_flag,
)
from bridge.commands.shared.explanation_text import explanation_lines
from bridge.commands.shared.output import counted, paint, show_problems
from bridge.commands.shared.project_files import ProjectFiles, read_project_files
from bridge.commands.shared.record_input import InputValue, decode
from bridge.commands.shared.schemas import SchemaFinder
from bridge.errors import PoisonRecord, SetupError
from bridge.kafka import admin, record_reader
from bridge.mapping.explaining.unmet_conditions import ExplainedRecord
from bridge.records import Record
from bridge.settings.load import Loaded


@click.command()
@click.option("--topic", help="Only this topic, as named in the mapping files.")
@config_flag
@mapping_files_flag
@click.option(
    "-n",
    "count",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="Stop after this many records. Ctrl-C stops earlier.",
)
def tap(
    *, topic: str | None, config_file: Path | None, files: tuple[Path, ...], count: int
) -> None:
    """Watch live records and the requests they would produce.

    Prints the requests with the records' values, but never the API key. Nothing is sent, no
    consumer group is joined and nothing is committed, so a running bridge is not affected.

    Example: fullstory-bridge tap --topic payments -n 3
    """
    with ExitCodes():
        try:
            project_files = read_project_files(config_file, files)
            show_problems(project_files.problems, err=True)
            exit_on_errors(project_files.problems)
            _tap(project_files, topic, count)
        except KeyboardInterrupt:
            click.echo("", err=True)


def _tap(project_files: ProjectFiles, topic: str | None, count: int) -> None:
    """Print records as they arrive.

    Raises:
        SetupError: there is no topic to watch.
        Unavailable: Kafka does not answer.
    """
    loaded = project_files.loaded
    if loaded is None:
        raise click.UsageError("no settings: use --config; they say where Kafka is")
    names = _topics(project_files, topic, loaded)
    topics = {project_files.kafka_name(name): name for name in names}
    click.echo(f"waiting for {counted(count, 'record')} of {', '.join(names)}", err=True)
    with (
        asyncio.Runner() as runner,
        closing(record_reader.follow(loaded.settings.kafka_config(), list(topics))) as records,
    ):
        finder = SchemaFinder(project_files, {})
        runner.run(finder.__aenter__())
        try:
            for record in islice(records, count):
                renamed = record._replace(topic=topics[record.topic])
                for line in _lines(record, renamed, project_files, finder, runner):
                    click.echo(line)
        finally:
            runner.run(finder.__aexit__())


def _topics(project_files: ProjectFiles, topic: str | None, loaded: Loaded) -> Sequence[str]:
    """The named topic, or all that the mappings read; patterns are resolved in Kafka."""
    if topic is not None:
        if topic not in project_files.topics([topic]):
            message = f"no mapping reads the topic {topic}; they read: {project_files.topics_text}"
            raise click.UsageError(message)
        return [topic]
    if not project_files.patterns:
        return project_files.topics()
    existing = admin.describe_cluster(loaded.settings.kafka_config()).topics
    found = project_files.topics(sorted(map(project_files.topic_alias, existing)))
    if not found:
        raise SetupError(
            f"Kafka has no topic that the mappings read; they read: {project_files.topics_text}"
        )
    return found


def _lines(
    record: Record,
    renamed: Record,
    project_files: ProjectFiles,
    finder: SchemaFinder,
    runner: asyncio.Runner,
) -> Iterator[str]:
    """One record: its position, and what each mapping does with it."""
    yield paint(f"{record.place}  {_time(record.timestamp_ms)}", "cyan")
    if record.value is None:
        yield from explanation_lines(
            project_files, ExplainedRecord(renamed, None, None), show_values=True
        )
        yield ""
        return
    try:
        record_input = runner.run(decode(InputValue(renamed, None, record.value), finder))
    except PoisonRecord as poison:
        yield f"{paint('dead letter', 'red')}: {poison.reason}: {poison}"
    else:
        yield from explanation_lines(project_files, record_input, show_values=True)
    yield ""


def _time(timestamp_ms: int) -> str:
    if timestamp_ms < 0:
        return "no timestamp"
    moment = datetime.fromtimestamp(timestamp_ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
