"""`fullstory-bridge tap`: live records and what they would become."""

import asyncio
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import click

from bridge.commands.shared.explanation_text import explanation_lines
from bridge.commands.shared.output import counted, paint, show_problems
from bridge.commands.shared.project_files import ProjectFiles, read_project_files
from bridge.commands.shared.record_input import InputValue, decode
from bridge.commands.shared.schemas import SchemaFinder
from bridge.errors import PoisonRecord, SetupError, Unavailable
from bridge.kafka import admin, record_reader
from bridge.mapping.explaining.unmet_conditions import ExplainedRecord
from bridge.records import Record
from bridge.settings.load import Loaded


@click.command()
@click.option("--topic", help="This topic only, as the mapping files call it.")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="The settings file; bridge.yaml here, if there is one.",
)
@click.option(
    "--mapping",
    "files",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A mapping file, in place of those of the settings; may be given several times.",
)
@click.option(
    "-n",
    "count",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="End after so many records; Ctrl-C ends sooner.",
)
def tap(*, topic: str | None, config: Path | None, files: tuple[Path, ...], count: int) -> None:
    """Watch live records, and what each of them would become.

    Shows the requests as they would be sent, so also the values in them, but never the key.
    Nothing is sent, no group is joined and nothing is committed: a running bridge does not
    notice.

    Example: fullstory-bridge tap --topic payments -n 3
    """
    try:
        project_files = read_project_files(config, files)
        show_problems(project_files.problems, err=True)
        if any(problem.severity == "error" for problem in project_files.problems):
            sys.exit(1)
        _tap(project_files, topic, count)
    except (SetupError, Unavailable) as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        click.echo("", err=True)


def _tap(project_files: ProjectFiles, topic: str | None, count: int) -> None:
    """Show records as they come.

    Raises:
        SetupError: there is nothing to watch.
        Unavailable: Kafka does not answer.
    """
    loaded = project_files.loaded
    if loaded is None:
        raise click.UsageError("no settings: --config with a settings file, to say where Kafka is")
    ours = _topics(project_files, topic, loaded)
    topics = {project_files.kafkas_name(name): name for name in ours}
    click.echo(f"waiting for {counted(count, 'record')} of {', '.join(ours)}", err=True)
    with (
        asyncio.Runner() as runner,
        closing(record_reader.follow(loaded.settings.kafka_config(), list(topics))) as records,
    ):
        finder = SchemaFinder(project_files, {})
        runner.run(finder.__aenter__())
        try:
            for record in islice(records, count):
                mine = record._replace(topic=topics[record.topic])
                for line in _shown(record, mine, project_files, finder, runner):
                    click.echo(line)
        finally:
            runner.run(finder.__aexit__())


def _topics(project_files: ProjectFiles, topic: str | None, loaded: Loaded) -> Sequence[str]:
    """The one that is named, or all that the mappings read; a pattern's are asked for in Kafka."""
    if topic is not None:
        if topic not in project_files.topics([topic]):
            what = f"no mapping reads the topic {topic}; they read: {project_files.read}"
            raise click.UsageError(what)
        return [topic]
    if not project_files.patterns:
        return project_files.topics()
    there = admin.describe_cluster(loaded.settings.kafka_config()).topics
    found = project_files.topics(sorted(map(project_files.own_name, there)))
    if not found:
        raise SetupError(f"Kafka has no topic for the mappings; they read: {project_files.read}")
    return found


def _shown(
    record: Record,
    mine: Record,
    project_files: ProjectFiles,
    finder: SchemaFinder,
    runner: asyncio.Runner,
) -> Iterator[str]:
    """One record: where it stands, and what each mapping makes of it."""
    yield paint(f"{record.place}  {_time(record.timestamp_ms)}", "cyan")
    if record.value is None:
        yield from explanation_lines(
            project_files, ExplainedRecord(mine, None, None), show_values=True
        )
        yield ""
        return
    try:
        record_input = runner.run(decode(InputValue(mine, None, record.value), finder))
    except PoisonRecord as poison:
        yield f"{paint('dead letter', 'red')}: {poison.reason}: {poison}"
    else:
        yield from explanation_lines(project_files, record_input, show_values=True)
    yield ""


def _time(timestamp_ms: int) -> str:
    if timestamp_ms < 0:
        return "without a time"
    moment = datetime.fromtimestamp(timestamp_ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
