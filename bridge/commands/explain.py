"""`fullstory-bridge explain`: what becomes of one record, mapping by mapping, and why."""

import asyncio
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import orjson

from bridge.avro.store import WriterSchema
from bridge.commands.bench import RealBench, built
from bridge.commands.materials import Materials, read_materials
from bridge.commands.output import paint, show_problems
from bridge.commands.schemas import SchemaFinder, schema_flags
from bridge.commands.specimens import Given, decode, read_given, read_spot, spot_of
from bridge.documents.problems import Problems
from bridge.errors import PoisonRecord, SetupError, Unavailable
from bridge.fullstory.request import Request, build_v1
from bridge.mapping.compiler import compile_plan
from bridge.mapping.examples import CannotRun
from bridge.mapping.explain import Specimen, failed_clauses
from bridge.mapping.load import Rule
from bridge.mapping.outcome import Event, Outcome, Rejected, Skipped

_INDENT = "  "


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
            given = read_given(record, topic, materials.topics())
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
    for line in _told(materials, specimen, show_values):
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


def _told(materials: Materials, specimen: Specimen, show_values: bool) -> Iterator[str]:
    topic = specimen.record.topic
    mine = [rule for rule in materials.rules if rule.reads(topic)]
    if not mine:
        topics = ", ".join(materials.topics()) or "none"
        yield f"no mapping reads the topic {topic}; they read: {topics}"
    for number, rule in enumerate(mine):
        if number:
            yield ""
        yield from _of_rule(rule, materials, specimen, show_values)


def _of_rule(
    rule: Rule, materials: Materials, specimen: Specimen, show_values: bool
) -> Iterator[str]:
    if rule.mode == "off":
        yield f"{rule.name}: {paint('off', 'yellow')}: by `mode`, or by `mappings_off`"
        return
    topic = specimen.record.topic
    try:
        plan = compile_plan([rule], topic, specimen.schema, materials.options)
    except Problems as problems:
        yield f"{rule.name}: {paint('dead letter', 'red')}: it does not fit the record's schema"
        yield from (f"{_INDENT}{line}" for line in str(problems).splitlines())
        return
    outcomes = plan.map(specimen.record, specimen.value, specimen.record_name)
    if outcomes:
        yield from _of_outcome(rule, built(outcomes[0]), materials)
        return
    yield f"{rule.name}: {paint('no event', 'yellow')}: its filter does not match"
    for line in failed_clauses(rule, specimen, materials.options, show_values=show_values):
        yield f"{_INDENT}{line}"


def _of_outcome(rule: Rule, outcome: Outcome, materials: Materials) -> Iterator[str]:
    match outcome:
        case Event():
            what = "would be sent"
            if outcome.shadow:
                what = "would be counted and not sent: the mapping says `mode: shadow`"
            yield f"{rule.name}: {paint(what, 'green')}"
            yield from (
                f"{_INDENT}{line}".rstrip() for line in _request(build_v1(outcome), materials)
            )
        case Skipped(why=why):
            yield f"{rule.name}: {paint('skipped', 'yellow')}: {why}"
        case Rejected(reason=reason, message=message):
            end = "the partition would halt" if outcome.halt else "dead letter"
            yield f"{rule.name}: {paint(end, 'red')}: {reason}: {message}"


def _request(request: Request, materials: Materials) -> Sequence[str]:
    """The request as it would go out, with the key hidden."""
    loaded = materials.loaded
    host = "" if loaded is None else loaded.settings.fullstory.endpoint
    body = json.dumps(orjson.loads(request.body), indent=2, ensure_ascii=False)
    return [
        f"{request.method} {host}{request.path}",
        "Authorization: Basic ***",
        "Content-Type: application/json",
        "",
        *body.splitlines(),
    ]
