"""`fullstory-bridge explain`: what becomes of one record, mapping by mapping, and why."""

import asyncio
import sys
from pathlib import Path

import click

from bridge.avro.store import WriterSchema
from bridge.commands.bench import RealBench
from bridge.commands.materials import Materials, read_materials
from bridge.commands.output import show_problems
from bridge.commands.schemas import SchemaFinder, schema_flags
from bridge.commands.specimens import Given, decode, read_given, read_spot, spot_of
from bridge.commands.telling import told
from bridge.errors import PoisonRecord, SetupError, Unavailable
from bridge.mapping.examples import CannotRun
from bridge.mapping.explain import Specimen


@click.command()
@click.argument("record", default="-")
@click.option("--topic", help="The topic, as the mapping files call it.")
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
    "--schema",
    "schemas",
    multiple=True,
    metavar="TOPIC=FILE",
    help="The schema of a topic; else the settings', else the registry's newest.",
)
@click.option("--show-values", is_flag=True, help="Say what stands in the record, not only types.")
def explain(
    *,
    record: str,
    topic: str | None,
    config: Path | None,
    files: tuple[Path, ...],
    schemas: tuple[str, ...],
    show_values: bool,
) -> None:
    """Tell what becomes of one record, and why.

    RECORD is a file, or - for standard input: JSON (the value alone, or an object with topic,
    key, headers, timestamp and value), or the bytes of an Avro value as Kafka holds it. Or it is
    topic/partition/offset, a record in Kafka itself. For each mapping: the clause of its filter
    that does not hold, why it is skipped or rejected, or the request that would be sent.

    Example: fullstory-bridge explain --topic payments declined.json
    """
    try:
        spot = spot_of(record)
        materials = read_materials(config, files, stand_ins=spot is None)
        show_problems(materials.problems, err=True)
        if any(problem.severity == "error" for problem in materials.problems):
            sys.exit(1)
        if spot is not None:
            given = read_spot(spot, materials.loaded)
        else:
            given = read_given(record, topic, materials)
        specimen = asyncio.run(_specimen(materials, schema_flags(schemas), given))
    except (SetupError, Unavailable) as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    except CannotRun as cannot:
        click.echo(str(cannot), err=True)
        sys.exit(1)
    except PoisonRecord as poison:
        click.echo(f"the record cannot be decoded: {poison.reason}: {poison}")
        sys.exit(1)
    for line in told(materials, specimen, show_values=show_values):
        click.echo(line)


async def _specimen(materials: Materials, flags: dict[str, WriterSchema], given: Given) -> Specimen:
    async with SchemaFinder(materials, flags) as finder:
        if given.data is not None:
            return await decode(given, finder)
        topic = given.record.topic
        writer = await finder.newest(topic)
        show_problems(finder.problems, err=True)
        bench = RealBench({} if writer is None else {topic: writer}, materials.options)
        return bench.specimen(given.record, given.value)
