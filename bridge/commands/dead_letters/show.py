"""`fullstory-bridge dead-letters show`: one letter, and on demand what stands in it."""

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from bridge.commands.dead_letters.selection import config_flag
from bridge.commands.shared.explanation_text import explanation_lines
from bridge.commands.shared.output import table
from bridge.commands.shared.project_files import ProjectFiles, read_project_files
from bridge.commands.shared.record_input import (
    KAFKA_LIMIT_S,
    InputValue,
    RecordPosition,
    decode,
    parse_position,
)
from bridge.commands.shared.schemas import SchemaFinder
from bridge.delivery.dead_letter import CONNECT, OURS
from bridge.delivery.dead_letter_reader import read_dead_letter
from bridge.errors import PoisonRecord, SetupError, Unavailable
from bridge.kafka.record_reader import read_one
from bridge.mapping.explaining.unmet_conditions import ExplainedRecord
from bridge.records import Record

HEX_BYTES_MAX = 1024
_HEX_LINE_BYTES = 32


@click.command()
@click.argument("letter")
@config_flag
@click.option(
    "--show-values",
    is_flag=True,
    help="Decode the value, and tell what the mappings make of it now.",
)
def show(*, letter: str, file: Path | None, show_values: bool) -> None:
    """Show one dead letter: why it is one, and its bytes.

    LETTER is where it lies, topic/partition/offset, as `list` shows it. Key and value are shown
    as the bytes that they are; with --show-values in clear, for your eyes only.

    Example: fullstory-bridge dead-letters show fullstory-bridge.dead-letters/0/17
    """
    spot = parse_position(letter)
    if spot is None:
        raise click.UsageError(f"{letter} is no place in Kafka: topic/partition/offset, as in list")
    try:
        project_files = read_project_files(file, ())
        record = _read(project_files, spot)
        lines = [*_headers(record), "", *_bytes(record)]
        if show_values:
            lines += ["", *asyncio.run(_values(record, project_files))]
    except (SetupError, Unavailable) as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    for line in lines:
        click.echo(line)


def _read(project_files: ProjectFiles, spot: RecordPosition) -> Record:
    if project_files.loaded is None:
        raise SetupError("reading from Kafka needs settings that are right: see `check`")
    kafka = project_files.loaded.settings.kafka_config()
    return read_one(kafka, spot.topic, spot.partition, spot.offset, KAFKA_LIMIT_S)


def _headers(record: Record) -> Iterator[str]:
    """What the bridge wrote; of the record's own headers the names and sizes only."""
    rows = []
    for name, value in record.headers:
        ours = name.startswith((OURS, CONNECT)) and value is not None
        size = "null" if value is None else f"({len(value)} bytes)"
        rows.append((name, value.decode("utf-8", "replace") if ours and value else size))
    yield from table(rows) if rows else ["no headers"]


def _bytes(record: Record) -> Iterator[str]:
    for name, data in (("key", record.key), ("value", record.value)):
        if data is None:
            yield f"{name}: null"
            continue
        yield f"{name}: {len(data)} bytes"
        for start in range(0, min(len(data), HEX_BYTES_MAX), _HEX_LINE_BYTES):
            yield f"  {data[start : start + _HEX_LINE_BYTES].hex(' ', -2)}"
        if len(data) > HEX_BYTES_MAX:
            yield f"  … and {len(data) - HEX_BYTES_MAX} bytes more"


async def _values(record: Record, project_files: ProjectFiles) -> list[str]:
    letter = read_dead_letter(record)
    if letter is None:
        return ["this is no dead letter of the bridge's: it does not say where it was first"]
    loaded = project_files.loaded
    names = {} if loaded is None else loaded.settings.topic_names
    ours = next((own for own, theirs in names.items() if theirs == letter.origin.topic), None)
    origin = letter.origin._replace(topic=ours or letter.origin.topic)
    if record.value is None:
        record_input = ExplainedRecord(origin, None, None)
        return [
            "a tombstone",
            "",
            *explanation_lines(project_files, record_input, show_values=True),
        ]
    async with SchemaFinder(project_files, {}) as finder:
        try:
            record_input = await decode(InputValue(origin, None, record.value), finder)
        except PoisonRecord as poison:
            return [f"the value cannot be decoded: {poison.reason}: {poison}"]
    clear = json.dumps(record_input.value, indent=2, ensure_ascii=False, default=_plain)
    return [
        *clear.splitlines(),
        "",
        *explanation_lines(project_files, record_input, show_values=True),
    ]


def _plain(value: Any) -> str:
    return f"0x{value.hex()}" if isinstance(value, bytes) else str(value)
