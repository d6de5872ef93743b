"""`fullstory-bridge fields`: every field that is sent, for a privacy review."""

import asyncio
import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import click

from bridge.avro.schema_store import WriterSchema
from bridge.commands.shared.command import (
    ExitCodes,
    config_flag,
    exit_on_errors,
    files_argument,
    schemas_flag,
)
from bridge.commands.shared.output import show_problems, table
from bridge.commands.shared.project_files import ProjectFiles, read_project_files
from bridge.commands.shared.schemas import SchemaFinder, schema_flags
from bridge.documents.problems import Problems
from bridge.mapping.checking.privacy_report import COLUMNS, PrivacyRow, privacy_rows
from bridge.mapping.compiler.compiler import compile_plan
from bridge.mapping.runtime.plan import Plan


@click.command()
@files_argument
@config_flag
@schemas_flag
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "csv"]),
    default="text",
    show_default=True,
    help="An aligned table, or CSV for a spreadsheet.",
)
def fields(
    files: tuple[Path, ...],
    config_file: Path | None,
    schemas: tuple[str, ...],
    form: Literal["text", "csv"],
) -> None:
    """List every field that is sent to FullStory, for a privacy review.

    Shows the source, the name it is sent as, hashing or redaction, and the owner. Fields that
    only a filter reads are not sent, so they are not listed; nor are mappings that are off.

    Example: fullstory-bridge fields --format csv > fields.csv
    """
    with ExitCodes():
        project_files = read_project_files(config_file, files, placeholders=True)
        plans = asyncio.run(_plans(project_files, schema_flags(schemas)))
    show_problems(project_files.problems, err=True)
    exit_on_errors(project_files.problems)
    on = [rule for rule in project_files.rules if rule.mode != "off"]
    click.echo(_shown(privacy_rows(on, plans), form))


async def _plans(project_files: ProjectFiles, given: dict[str, WriterSchema]) -> dict[str, Plan]:
    """The plans of the topics whose schema fits the mappings; used for types only."""
    plans: dict[str, Plan] = {}
    async with SchemaFinder(project_files, given) as finder:
        for topic in await finder.topics():
            writer = await finder.latest(topic)
            if writer is None:
                continue
            try:
                plan = compile_plan(
                    project_files.rules, topic, writer.schema, project_files.options
                )
            except Problems as misfit:
                show_problems(misfit.problems, err=True)
            else:
                plans[topic] = plan
        show_problems(finder.problems, err=True)
    return plans


def _shown(found: Sequence[PrivacyRow], form: str) -> str:
    if form == "text":
        header = [column.upper() for column in COLUMNS]
        return "\n".join(table([header, *found]))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(found)
    return text.getvalue().rstrip("\n")
