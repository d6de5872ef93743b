"""`fullstory-bridge init`: drafts a mapping for a topic from its schema and recent records."""

import asyncio
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from bridge.app.config import mapping_options
from bridge.avro.schema_store import WriterSchema, read_schema_file
from bridge.commands.draft_file import draft_file
from bridge.commands.shared.command import ExitCodes, config_flag
from bridge.commands.shared.environment_settings import (
    PLACEHOLDER,
    PLACEHOLDER_FILES,
    placeholders_for,
    settings_in_environment,
)
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
from bridge.settings.load import DEFAULT_FILE, Loaded, read_settings
from bridge.settings.model import Settings
from bridge.settings.sources.environment import KEY_VARIABLE

RECORDS: int = 50
"""The default: enough to see which fields can be null."""

READ_TIMEOUT_S = 10.0

_OPTIONAL = re.compile(r"(?:^|[\s{,])(?:key|hash_key)\s*:")
"""Settings whose variables may be unset here: nothing is sent and nothing hashed."""


@click.command()
@click.option("--topic", required=True, help="The topic, as named in the mapping files.")
@config_flag
@click.option(
    "--schema",
    "schema",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="The schema of the topic's values.  [default: the settings', else the registry's latest]",
)
@click.option(
    "--records",
    type=click.IntRange(min=0, max=10_000),
    default=RECORDS,
    show_default=True,
    help="How many of the latest records to inspect; 0 for none.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The mapping file to create.  [default: standard output]",
)
def init(
    *, topic: str, config_file: Path | None, schema: Path | None, records: int, output: Path | None
) -> None:
    """Draft a mapping for a topic.

    The draft is based on the topic's schema and, if Kafka can be reached, on recent records:
    which fields are null, which strings look like an e-mail address. No value of a record is
    written. Fields that look personal are hashed, redacted or left out. The draft passes
    `check --strict` and has `mode: shadow`, so it sends nothing until you change that.

    Example: fullstory-bridge init --topic payments -o mappings/payments.yaml
    """
    if output is not None and output.exists():
        raise click.UsageError(f"{output} already exists: choose another file, or move it away")
    with ExitCodes():
        loaded, settings = _settings(config_file, schema_given=schema is not None)
        given = None if schema is None else read_schema_file(str(schema))
        found = asyncio.run(_inspect(loaded, settings, topic, given, records=records))
        text = draft_file(found.topic, found.writer, found.observed, _options(settings))
    if output is None:
        click.echo(text, nl=False)
        return
    with ExitCodes():
        _write(output, text)
    flag = "" if schema is None else f" --schema {found.topic}={schema}"
    check = f"fullstory-bridge check --strict {output}{flag}"
    click.echo(f"wrote {output}: review it, then run {check}", err=True)


def _write(output: Path, text: str) -> None:
    """Write the draft.

    Raises:
        SetupError: the file cannot be written.
    """
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SetupError(f"{output} cannot be written: {error.strerror}") from None


@dataclass(frozen=True, slots=True)
class _Found:
    """The input of the draft."""

    topic: str
    writer: WriterSchema
    observed: ObservedValues


def _settings(config: Path | None, *, schema_given: bool) -> tuple[Loaded | None, Settings | None]:
    """The settings if there are any to connect with, and those that apply to a draft.

    Raises:
        SetupError: they are invalid.
    """
    file = config or (DEFAULT_FILE if DEFAULT_FILE.exists() else None)
    if file is None and schema_given:
        try:
            return settings_in_environment(os.environ)
        except Problems as problems:
            raise SetupError(str(problems)) from None
    if file is None and "BRIDGE_KAFKA_BOOTSTRAP_SERVERS" not in os.environ:
        message = "no settings and no schema: use --config or --schema"
        raise click.UsageError(message)
    loaded = _loaded(file)
    return loaded, loaded.settings


def _loaded(file: Path | None) -> Loaded:
    """The settings; the mapping files that they name need not exist yet.

    Raises:
        SetupError: they are invalid.
    """
    flags = [PLACEHOLDER_FILES]
    environ = {KEY_VARIABLE: PLACEHOLDER, **os.environ}
    try:
        return read_settings(file, environ, flags, known_kafka_keys=KNOWN_KEYS)
    except Problems as problems:
        optional = [p for p in problems.problems if _OPTIONAL.search(p.source_line or "")]
    try:
        environ |= placeholders_for(optional)
        return read_settings(file, environ, flags, known_kafka_keys=KNOWN_KEYS)
    except Problems as problems:
        raise SetupError(str(problems)) from None


def _options(settings: Settings | None) -> Options:
    return Options() if settings is None else mapping_options(settings)


async def _inspect(
    loaded: Loaded | None,
    settings: Settings | None,
    topic: str,
    given: WriterSchema | None,
    *,
    records: int,
) -> _Found:
    """The schema, and statistics of recent records; `topic` is its name in Kafka or in mappings.

    Raises:
        SetupError: there is no schema.
    """
    names = {} if settings is None else settings.topic_names
    name = next((name for name, kafka in names.items() if kafka == topic), topic)
    project_files = ProjectFiles(loaded, settings, (), (), _options(settings), ())
    async with SchemaFinder(project_files, {} if given is None else {name: given}) as finder:
        writer = await finder.latest(name)
        show_problems(finder.problems, err=True)
        if writer is None:
            message = f"there is no schema for the topic {name}"
            raise SetupError(f"{message}: use --schema FILE, or set `avro.registry.url`")
        latest = [] if loaded is None else await _latest(loaded, names.get(name, name), records)
        renamed = [record._replace(topic=name) for record in latest]
        return _Found(name, writer, await _observe(renamed, finder))


async def _latest(loaded: Loaded, topic: str, count: int) -> list[Record]:
    """The latest records; none if Kafka is unavailable, since the schema is enough for a draft."""
    if not count:
        return []
    kafka = loaded.settings.kafka_config()
    try:
        return await asyncio.to_thread(record_reader.read_last, kafka, topic, count, READ_TIMEOUT_S)
    except (SetupError, Unavailable) as error:
        click.echo(f"no records were read: {error}", err=True)
        return []


async def _observe(records: Sequence[Record], finder: SchemaFinder) -> ObservedValues:
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
        click.echo(
            f"{unreadable} of {counted(len(records), 'record')} could not be decoded", err=True
        )
    return observed
