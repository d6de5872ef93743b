"""`fullstory-bridge explain`: what each mapping does with one record, and why."""

import asyncio
import sys
from pathlib import Path

import click

from bridge.avro.schema_store import WriterSchema
from bridge.commands.shared.command import (
    ExitCodes,
    config_flag,
    exit_on_errors,
    mapping_files_flag,
    schemas_flag,
)
from bridge.commands.shared.explanation_text import explanation_lines
from bridge.commands.shared.mapping_tests import RealTestEnvironment
from bridge.commands.shared.output import show_problems
from bridge.commands.shared.project_files import ProjectFiles, read_project_files
from bridge.commands.shared.record_input import (
    InputValue,
    decode,
    parse_position,
    read_input,
    read_position,
)
from bridge.commands.shared.schemas import SchemaFinder, schema_flags
from bridge.errors import PoisonRecord
from bridge.mapping.explaining.unmet_conditions import ExplainedRecord
from bridge.mapping.testing.tests import CannotRun


@click.command()
@click.argument("record", default="-")
@click.option("--topic", help="The topic, as named in the mapping files.")
@config_flag
@mapping_files_flag
@schemas_flag
@click.option("--show-values", is_flag=True, help="Show the record's values, not only types.")
def explain(
    *,
    record: str,
    topic: str | None,
    config_file: Path | None,
    files: tuple[Path, ...],
    schemas: tuple[str, ...],
    show_values: bool,
) -> None:
    """Explain what each mapping does with one record, and why.

    RECORD is a file, - for standard input, or topic/partition/offset of a record in Kafka. A
    file holds JSON (the value alone, or an object with topic, key, headers, timestamp and value)
    or the bytes of an Avro value as Kafka stores it. For each mapping it prints the filter
    condition that failed, the reason for a skip or rejection, or the request it would send.

    Example: fullstory-bridge explain --topic payments declined.json
    """
    with ExitCodes():
        try:
            position = parse_position(record)
            project_files = read_project_files(config_file, files, placeholders=position is None)
            show_problems(project_files.problems, err=True)
            exit_on_errors(project_files.problems)
            if position is not None:
                given = read_position(position, project_files.loaded)
            else:
                given = read_input(record, topic, project_files)
            record_input = asyncio.run(_record_input(project_files, schema_flags(schemas), given))
        except CannotRun as error:
            click.echo(str(error), err=True)
            sys.exit(1)
        except PoisonRecord as poison:
            click.echo(f"the record cannot be decoded: {poison.reason}: {poison}")
            sys.exit(1)
    for line in explanation_lines(project_files, record_input, show_values=show_values):
        click.echo(line)


async def _record_input(
    project_files: ProjectFiles, flags: dict[str, WriterSchema], given: InputValue
) -> ExplainedRecord:
    async with SchemaFinder(project_files, flags) as finder:
        if given.data is not None:
            return await decode(given, finder)
        topic = given.record.topic
        writer = await finder.latest(topic)
        show_problems(finder.problems, err=True)
        environment = RealTestEnvironment(
            {} if writer is None else {topic: writer}, project_files.options
        )
        return environment.record_input(given.record, given.value)
