"""`fullstory-bridge dead-letters show`: one dead letter, optionally with its decoded value."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from bridge.commands.shared.command import ExitCodes, config_flag
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
from bridge.errors import PoisonRecord, SetupError
from bridge.kafka.record_reader import read_one
from bridge.mapping.explaining.unmet_conditions import ExplainedRecord
from bridge.records import Record

HEX_BYTES_MAX = 1024
_HEX_LINE_BYTES = 32


@click.command()
@click.argument("position")
@config_flag
@click.option(
    "--show-values",
    is_flag=True,
    help="Decode the value, and show what the mappings do with it now.",
)
def show(*, position: str, config_file: Path | None, show_values: bool) -> None:
    """Show one dead letter: the reason, the headers and the bytes.

    POSITION is topic/partition/offset of the dead letter, as `list` shows it. Key and value are
    printed as hex. --show-values prints the decoded value, which can be personal data.

    Example: fullstory-bridge dead-letters show fullstory-bridge.dead-letters/0/17
    """
    parsed = parse_position(position)
    if parsed is None:
        raise click.UsageError(f"{position}: write topic/partition/offset, as `list` shows it")
    with ExitCodes():
        project_files = read_project_files(config_file, ())
        record = _read(project_files, parsed)
        lines = [*_headers(record), "", *_bytes(record)]
        if show_values:
            lines += ["", *asyncio.run(_values(record, project_files))]
    for line in lines:
        click.echo(line)


def _read(project_files: ProjectFiles, position: RecordPosition) -> Record:
    if project_files.loaded is None:
        raise SetupError("reading from Kafka needs valid settings: run `fullstory-bridge check`")
    kafka = project_files.loaded.settings.kafka_config()
    return read_one(kafka, position.topic, position.partition, position.offset, KAFKA_LIMIT_S)


def _headers(record: Record) -> Iterator[str]:
    """The bridge's own headers; of the record's headers only names and sizes."""
    rows = []
    for name, value in record.headers:
        is_ours = name.startswith((OURS, CONNECT)) and value is not None
        size = "null" if value is None else f"({len(value)} bytes)"
        rows.append((name, value.decode("utf-8", "replace") if is_ours and value else size))
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
            yield f"  … and {len(data) - HEX_BYTES_MAX} more bytes"


async def _values(record: Record, project_files: ProjectFiles) -> list[str]:
    dead_letter = read_dead_letter(record)
    if dead_letter is None:
        return ["not a dead letter of the bridge: it has no headers that name the original record"]
    loaded = project_files.loaded
    names = {} if loaded is None else loaded.settings.topic_names
    kafka_name = dead_letter.origin.topic
    name = next((name for name, kafka in names.items() if kafka == kafka_name), kafka_name)
    origin = dead_letter.origin._replace(topic=name)
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
    decoded = json.dumps(record_input.value, indent=2, ensure_ascii=False, default=_plain)
    return [
        *decoded.splitlines(),
        "",
        *explanation_lines(project_files, record_input, show_values=True),
    ]


def _plain(value: Any) -> str:
    return f"0x{value.hex()}" if isinstance(value, bytes) else str(value)
