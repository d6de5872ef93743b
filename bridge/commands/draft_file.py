"""Completes a draft: each test expects what the mapping produces for a sample record."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from bridge.avro.schema_store import WriterSchema
from bridge.commands.shared.mapping_tests import RealTestEnvironment
from bridge.documents.document import parse
from bridge.documents.problems import Problems
from bridge.errors import SetupError
from bridge.mapping.compiler.compiler import compile_plan
from bridge.mapping.drafting.draft import (
    MAPPINGS_MAX,
    PROPERTIES_MAX,
    Draft,
    draft_mappings,
)
from bridge.mapping.drafting.observed_values import ObservedValues
from bridge.mapping.drafting.sample_values import SampleRecord, SampleTooLarge, sample_time_in
from bridge.mapping.drafting.text import DraftedTest, write_draft
from bridge.mapping.language.loader import Rule, load_rules
from bridge.mapping.language.options import Options
from bridge.mapping.language.paths import MapKey, Name, parse_path
from bridge.mapping.runtime.outcome import Event
from bridge.mapping.testing.tests import TIMESTAMP, CannotRun
from bridge.records import Assignment, Record
from bridge.schema.conversions import MappingError, parse_time

_USER = "user-1"

DRAFT_BYTES_MAX = 64 * 1024
"""Maximum size of a draft: it is for reading."""


def draft_file(topic: str, writer: WriterSchema, observed: ObservedValues, options: Options) -> str:
    """The text of a mapping file for a topic, with a test for each mapping.

    A draft of more than `DRAFT_BYTES_MAX` is made again without tests, then with fewer properties.

    Raises:
        SetupError: the schema is not of a record, or no draft is valid and small enough.
    """
    records = len(writer.schema.records)
    if not records:
        raise SetupError(f"{writer.label}: its values are not records, so there is nothing to map")
    origin = writer.label
    if observed.records:
        origin += f" and {observed.records} records"
    remarks = []
    if records > MAPPINGS_MAX:
        remarks = [f"{records - MAPPINGS_MAX} more record types of the topic have no mapping yet."]
    limit = PROPERTIES_MAX
    while limit:
        drafts = draft_mappings(topic, writer.schema, observed, options, limit)
        text = write_draft(drafts, origin, remarks=remarks)
        if _fits(text):
            return _with_tests(drafts, text, writer, options, origin=origin, remarks=remarks)
        limit //= 2
    message = f"{writer.label}: its names are too long for a draft of {DRAFT_BYTES_MAX} bytes"
    raise SetupError(f"{message}: write the mapping by hand")


def _fits(text: str) -> bool:
    return len(text.encode()) <= DRAFT_BYTES_MAX


def _with_tests(
    drafts: Sequence[Draft],
    text: str,
    writer: WriterSchema,
    options: Options,
    *,
    origin: str,
    remarks: Sequence[str],
) -> str:
    """The draft with its tests, as far as there is room for them."""
    rules = _rules(text, drafts[0].topic, writer, options)
    tests = []
    for draft in drafts:
        with suppress(SampleTooLarge):
            tests.append(_test(draft, rules, writer, options))
    tested = write_draft(drafts, origin, tests, remarks)
    return tested if _fits(tested) else text


def _rules(text: str, topic: str, writer: WriterSchema, options: Options) -> Sequence[Rule]:
    """The compiled draft; an invalid draft is never written."""
    try:
        rules = load_rules([parse(text, f"the draft for {topic}")], options)
        compile_plan(rules, topic, writer.schema, options)
    except Problems as problems:
        raise SetupError(f"no valid mapping could be drafted:\n{problems}") from None
    return rules


def _test(
    draft: Draft, rules: Sequence[Rule], writer: WriterSchema, options: Options
) -> DraftedTest:
    sample = SampleRecord(writer.schema, _required_paths(draft), _fixed_values(draft)).record(
        draft.record
    )
    if "$record" in draft.filter:
        sample = {draft.record.name: sample}  # Avro's JSON form, for a union of several records
    key = _USER if draft.uid.path == "$key" else None
    headers = {}
    if draft.uid.path.startswith("$headers."):
        headers[draft.uid.path.removeprefix("$headers.")] = _USER
    pairs = tuple((name, text.encode()) for name, text in headers.items())
    record = Record(
        draft.topic,
        0,
        0,
        int(parse_time(TIMESTAMP).timestamp() * 1000),
        None if key is None else key.encode(),
        None,
        Assignment(draft.topic, 0),
        read_headers=lambda: pairs,
    )
    own = [rule for rule in rules if rule.name == draft.name]  # compiling all takes seconds
    try:
        outcomes = RealTestEnvironment({draft.topic: writer}, options).outcomes(own, record, sample)
    except (CannotRun, MappingError) as error:
        raise SetupError(
            f"no sample record could be made for {draft.record.name}: {error}"
        ) from None
    event = next((outcome for outcome in outcomes if outcome.mapping == draft.name), None)
    if not isinstance(event, Event):
        raise SetupError(f"the draft makes no event from a sample {draft.record.name}: {event}")
    return DraftedTest(draft, key, headers, sample, event)


def _required_paths(draft: Draft) -> list[tuple[str, ...]]:
    forms = [draft.uid.path, draft.event.path, draft.timestamp.path]
    forms += [_path(line.form) for line in draft.properties]
    return [_names(path) for path in forms if path and (path[0] != "$" or path[:6] == "$value")]


def _path(form: str | Mapping[str, Any]) -> str:
    return form if isinstance(form, str) else str(form["path"])


def _names(path: str) -> tuple[str, ...]:
    steps = parse_path(path).steps
    return tuple(
        step.name if isinstance(step, Name) else step.key
        for step in steps
        if isinstance(step, Name | MapKey)
    )


def _fixed_values(draft: Draft) -> dict[tuple[str, ...], Any]:
    """Values that the sample must have: what the filter requires, and a time in its format."""
    values: dict[tuple[str, ...], Any] = {}
    operation = draft.filter.get("op")
    if operation:
        values["op",] = operation[0]
    form = draft.timestamp.form
    if isinstance(form, Mapping) and "format" in form:
        values[_names(draft.timestamp.path)] = sample_time_in(str(form["format"]))
    return values
