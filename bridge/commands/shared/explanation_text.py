"""What each mapping does with one record, as lines of text.

Invariants: a request is shown as it would be sent, with its values; the API key is never shown. The
age of an event is judged as in `run`, as if the record came now.
"""

import json
import time
from collections.abc import Iterator, Sequence

import orjson

from bridge.commands.shared.mapping_tests import build_for, built
from bridge.commands.shared.output import paint
from bridge.commands.shared.project_files import ProjectFiles
from bridge.documents.problems import Problems
from bridge.fullstory.requests.request import Request
from bridge.mapping.compiler.compiler import compile_plan
from bridge.mapping.explaining.unmet_conditions import ExplainedRecord, unmet_conditions
from bridge.mapping.language.loader import Rule
from bridge.mapping.runtime.event_age import check_age
from bridge.mapping.runtime.outcome import Event, MappingRejected, MappingSkipped, Outcome
from bridge.records import Record

_INDENT = "  "
_IDEMPOTENT = "Idempotency-Key: (hash of the record's position in Kafka, the mapping and this body)"


def explanation_lines(
    project_files: ProjectFiles, record_input: ExplainedRecord, *, show_values: bool
) -> Iterator[str]:
    """For each mapping of the record's topic: unmet conditions, or the request it would send."""
    topic = record_input.record.topic
    rules = [rule for rule in project_files.rules if rule.reads(topic)]
    if not rules:
        yield f"no mapping reads the topic {topic}; they read: {project_files.topics_text}"
    for number, rule in enumerate(rules):
        if number:
            yield ""
        yield from _rule_lines(rule, project_files, record_input, show_values)


def _rule_lines(
    rule: Rule, project_files: ProjectFiles, record_input: ExplainedRecord, show_values: bool
) -> Iterator[str]:
    if rule.mode == "off":
        yield f"{rule.name}: {paint('off', 'yellow')}: set by `mode` or `mappings_off`"
        return
    topic = record_input.record.topic
    try:
        plan = compile_plan([rule], topic, record_input.schema, project_files.options)
    except Problems as problems:
        yield f"{rule.name}: {paint('dead letter', 'red')}: it does not fit the record's schema"
        yield from (f"{_INDENT}{line}" for line in str(problems).splitlines())
        return
    outcomes = plan.map(record_input.record, record_input.value, record_input.record_name)
    if outcomes:
        yield from _outcome_lines(rule, outcomes[0], record_input.record, project_files)
        return
    yield f"{rule.name}: {paint('no event', 'yellow')}: its filter does not match"
    for line in unmet_conditions(
        rule, record_input, project_files.options, show_values=show_values
    ):
        yield f"{_INDENT}{line}"


def _outcome_lines(
    rule: Rule, outcome: Outcome, record: Record, project_files: ProjectFiles
) -> Iterator[str]:
    """What the outcome leads to now, and its request, even if the event is too old for it."""
    build = build_for(project_files.options)
    whatever_age = built(outcome, record, build)
    judged = built(check_age(outcome, time.time(), project_files.ages), record, build)
    yield f"{rule.name}: {_verdict(judged, now=judged != whatever_age)}"
    event = judged if isinstance(judged, Event) else whatever_age
    if not isinstance(event, Event):
        return
    if event is not judged:
        yield f"{_INDENT}within the age limits, this would be sent:"
    for line in _request(build(event, record), project_files):
        yield f"{_INDENT}{line}".rstrip()


def _verdict(outcome: Outcome, *, now: bool) -> str:
    """What an outcome leads to; `now` says that it depends on the present time."""
    if_now = " if it came now" if now else ""
    match outcome:
        case Event(shadow=True):
            return paint("would be counted, not sent: the mapping has `mode: shadow`", "green")
        case Event():
            without = ", without a session, because it is late" if now else ""
            return paint(f"would be sent{if_now}{without}", "green")
        case MappingSkipped(why=why):
            return f"{paint(f'skipped{if_now}', 'yellow')}: {why}"
        case MappingRejected(reason=reason, message=message, halt=halt):
            end = "the mapping's topics would halt" if halt else f"dead letter{if_now}"
            return f"{paint(end, 'red')}: {reason}: {message}"


def _request(request: Request, project_files: ProjectFiles) -> Sequence[str]:
    """The request as it would be sent, with the API key hidden."""
    settings = project_files.settings
    host = "" if settings is None else settings.fullstory.endpoint
    body = json.dumps(orjson.loads(request.body), indent=2, ensure_ascii=False)
    idempotent = [] if request.idempotency_key is None else [_IDEMPOTENT]
    source = request.integration_source
    return [
        f"{request.method} {host}{request.path}",
        "Authorization: Basic ***",
        "Content-Type: application/json",
        *idempotent,
        *([] if source is None else [f"Integration-Source: {source}"]),
        "",
        *body.splitlines(),
    ]
