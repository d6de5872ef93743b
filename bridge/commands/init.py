"""`fullstory-bridge init`: a first mapping for a topic, from its schema and some records."""

import asyncio
import glob
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from bridge.app.config import mapping_options
from bridge.avro.schema_store import WriterSchema, read_schema_file
from bridge.commands.draft_file import draft_file
from bridge.commands.shared.output import counted, show_problems
from bridge.commands.shared.project_files import ProjectFiles
from bridge.commands.shared.record_input import InputValue, decode
from bridge.commands.shared.schemas import SchemaFinder
from bridge.documents.problems import Problems
from bridge.errors import PoisonRecord, SetupError, Unavailable
from bridge.kafka import record_reader
from bridge.kafka.client_keys import KNOWN_KEYS
from bridge.mapping.drafting.observed_values import ObservedValues
from bridge.mapping.language.options import Options
from bridge.records import Record
from bridge.settings.load import DEFAULT_FILE, Flag, Loaded, read_settings

RECORDS: int = 50
"""Looked at where nothing else is said: enough to see which fields are ever null."""

READ_TIMEOUT_S = 10.0

_UNSET = re.compile(r"`(\w+)` is not set")
_SPARE = re.compile(r"(?:^|[\s{,])(?:key|hash_key)\s*:")
"""Settings whose variables may be missing here: nothing is sent and nothing hashed."""


@click.command()
@click.option("--topic", required=True, help="The topic, as the mapping files call it.")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="The settings file; bridge.yaml here, if there is one.",
)
@click.option(
    "--schema",
    "schema",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="The schema of the topic's values; else the settings', else the registry's newest.",
)
@click.option(
    "--records",
    type=click.IntRange(min=0, max=10_000),
    default=RECORDS,
    show_default=True,
    help="How many of the youngest records to look at; 0: none.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The new mapping file; else it is written to standard output.",
)
def init(
    *, topic: str, config: Path | None, schema: Path | None, records: int, output: Path | None
) -> None:
    """Draft a mapping for a topic.

    It is guessed from the topic's schema and, where Kafka can be reached, from the look of some
    records: which fields are ever null, which texts look like an e-mail address. No value of a
    record is written anywhere. What seems personal is hashed, redacted or left out. The draft
    says `mode: shadow`, so nothing is sent, and passes `check --strict` as it is.

    Example: fullstory-bridge init --topic payments -o mappings/payments.yaml
    """
    if output is not None and output.exists():
        raise click.UsageError(f"{output} is there already: name another file, or move it away")
    try:
        loaded = _settings(config, schema_given=schema is not None)
        given = None if schema is None else read_schema_file(str(schema))
        found = asyncio.run(_look(loaded, topic, given, records))
        text = draft_file(found.topic, found.writer, found.observed, _options(loaded))
    except (SetupError, Unavailable) as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    if output is None:
        click.echo(text, nl=False)
        return
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(text, encoding="utf-8")
    flag = "" if schema is None else f" --schema {found.topic}={schema}"
    told = f"wrote {output}: read it through, then fullstory-bridge check --strict {output}{flag}"
    click.echo(told, err=True)


@dataclass(frozen=True, slots=True)
class _Found:
    """What the draft is made from."""

    topic: str
    writer: WriterSchema
    observed: ObservedValues


def _settings(config: Path | None, *, schema_given: bool) -> Loaded | None:
    """The settings; the mapping files that they name need not be there yet.

    Raises:
        SetupError: they are wrong.
    """
    file = config or (DEFAULT_FILE if DEFAULT_FILE.exists() else None)
    if file is None and (schema_given or "BRIDGE_KAFKA_BOOTSTRAP_SERVERS" not in os.environ):
        if schema_given:
            return None
        message = "no settings and no schema: --config with a settings file, or --schema"
        raise click.UsageError(message)
    flags = [Flag("init", ("mappings",), [glob.escape(__file__)])]
    environ = {"FULLSTORY_API_KEY": "made-up", **os.environ}
    try:
        return read_settings(file, environ, flags, known_kafka_keys=KNOWN_KEYS)
    except Problems as problems:
        spare = [one for one in problems.problems if _SPARE.search(one.source_line or "")]
        unset = [name for one in spare for name in _UNSET.findall(one.message)]
    try:
        made_up = dict.fromkeys(unset, "made-up")
        return read_settings(file, {**environ, **made_up}, flags, known_kafka_keys=KNOWN_KEYS)
    except Problems as problems:
        raise SetupError(str(problems)) from None


def _options(loaded: Loaded | None) -> Options:
    return Options() if loaded is None else mapping_options(loaded.settings)


async def _look(
    loaded: Loaded | None, topic: str, given: WriterSchema | None, records: int
) -> _Found:
    """The schema, and what some records look like.

    Raises:
        SetupError: there is no schema.
    """
    names = {} if loaded is None else loaded.settings.topic_names
    ours = next((name for name, kafkas in names.items() if kafkas == topic), topic)
    project_files = ProjectFiles(loaded, (), (), _options(loaded), ())
    async with SchemaFinder(project_files, {} if given is None else {ours: given}) as finder:
        writer = await finder.newest(ours)
        show_problems(finder.problems, err=True)
        if writer is None:
            message = f"there is no schema for the topic {ours}"
            raise SetupError(f"{message}: name one with --schema FILE, or `avro.registry.url`")
        youngest = [] if loaded is None else await _youngest(loaded, names.get(ours, ours), records)
        mine = [record._replace(topic=ours) for record in youngest]
        return _Found(ours, writer, await _sight(mine, finder))


async def _youngest(loaded: Loaded, topic: str, count: int) -> list[Record]:
    """Some records; none where Kafka cannot be reached, for the schema is enough for a draft."""
    if not count:
        return []
    kafka = loaded.settings.kafka_config()
    try:
        return await asyncio.to_thread(record_reader.read_last, kafka, topic, count, READ_TIMEOUT_S)
    except (SetupError, Unavailable) as error:
        click.echo(f"no records were looked at: {error}", err=True)
        return []


async def _sight(records: Sequence[Record], finder: SchemaFinder) -> ObservedValues:
    observed = ObservedValues()
    unreadable = 0
    for record in records:
        if record.value is None:
            continue
        try:
            record_input = await decode(InputValue(record, None, record.value), finder)
        except (PoisonRecord, SetupError, Unavailable):
            unreadable += 1
        else:
            observed.note(record_input.value, record.key)
    if unreadable:
        click.echo(f"{unreadable} of {counted(len(records), 'record')} not decoded", err=True)
    return observed
