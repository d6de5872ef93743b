"""`fullstory-bridge fields`: what leaves, for a privacy review."""

import asyncio
import csv
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import click

from bridge.avro.store import WriterSchema
from bridge.commands.materials import Materials, read_materials
from bridge.commands.output import show_problems, table
from bridge.commands.schemas import SchemaFinder, schema_flags
from bridge.documents.problems import Problems
from bridge.errors import SetupError
from bridge.mapping.compiler import compile_plan
from bridge.mapping.page import COLUMNS, Row, rows
from bridge.mapping.plan import Plan


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="The settings file; bridge.yaml here, if there is one.",
)
@click.option(
    "--schema",
    "schemas",
    multiple=True,
    metavar="TOPIC=FILE",
    help="The schema of a topic, which tells the types; else the settings', else the registry's.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "csv"]),
    default="text",
    show_default=True,
    help="A table to look at, or one for a spreadsheet.",
)
def fields(
    files: tuple[Path, ...],
    config: Path | None,
    schemas: tuple[str, ...],
    form: Literal["text", "csv"],
) -> None:
    """List every field that leaves, for a privacy review.

    From where, as what, hashed or redacted, whose. What only a filter reads does not leave and is
    not listed; nor is a mapping that is off.

    Example: fullstory-bridge fields --format csv > fields.csv
    """
    try:
        materials = read_materials(config, files, stand_ins=True)
        plans = asyncio.run(_plans(materials, schema_flags(schemas)))
    except SetupError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    show_problems(materials.problems, err=True)
    if any(problem.severity == "error" for problem in materials.problems):
        sys.exit(1)
    on = [rule for rule in materials.rules if rule.mode != "off"]
    click.echo(_shown(rows(on, plans), form))


async def _plans(materials: Materials, given: dict[str, WriterSchema]) -> dict[str, Plan]:
    """The plans of the topics that have a schema which fits; it only tells types here."""
    plans: dict[str, Plan] = {}
    async with SchemaFinder(materials, given) as finder:
        for topic in await finder.topics():
            writer = await finder.newest(topic)
            if writer is None:
                continue
            try:
                plan = compile_plan(materials.rules, topic, writer.schema, materials.options)
            except Problems as wrong:
                show_problems(wrong.problems, err=True)
            else:
                plans[topic] = plan
        show_problems(finder.problems, err=True)
    return plans


def _shown(found: Sequence[Row], form: str) -> str:
    if form == "text":
        heads = [column.upper() for column in COLUMNS]
        return "\n".join(table([heads, *found]))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(found)
    return text.getvalue().rstrip("\n")
