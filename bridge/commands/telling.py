"""What becomes of one record, mapping by mapping, in lines for a person.

Laws: a request is shown as it would go out, so with its values; the key never is.
"""

import json
from collections.abc import Iterator, Sequence

import orjson

from bridge.commands.bench import build_for, built
from bridge.commands.materials import Materials
from bridge.commands.output import paint
from bridge.documents.problems import Problems
from bridge.fullstory.request import Request
from bridge.mapping.compiler import compile_plan
from bridge.mapping.explain import Specimen, failed_clauses
from bridge.mapping.load import Rule
from bridge.mapping.outcome import Event, Outcome, Rejected, Skipped
from bridge.records import Record

_INDENT = "  "
_IDEMPOTENT = "Idempotency-Key: (of the record's place in Kafka, the mapping and this body)"


def told(materials: Materials, specimen: Specimen, *, show_values: bool) -> Iterator[str]:
    """Each mapping of the record's topic: what does not hold, or what would be sent; in lines."""
    topic = specimen.record.topic
    mine = [rule for rule in materials.rules if rule.reads(topic)]
    if not mine:
        yield f"no mapping reads the topic {topic}; they read: {materials.read}"
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
        yield from _of_outcome(rule, outcomes[0], specimen.record, materials)
        return
    yield f"{rule.name}: {paint('no event', 'yellow')}: its filter does not match"
    for line in failed_clauses(rule, specimen, materials.options, show_values=show_values):
        yield f"{_INDENT}{line}"


def _of_outcome(
    rule: Rule, outcome: Outcome, record: Record, materials: Materials
) -> Iterator[str]:
    build = build_for(materials.options)
    match built(outcome, record, build):
        case Event() as event:
            what = "would be sent"
            if event.shadow:
                what = "would be counted and not sent: the mapping says `mode: shadow`"
            yield f"{rule.name}: {paint(what, 'green')}"
            request = build(event, record)
            yield from (f"{_INDENT}{line}".rstrip() for line in _request(request, materials))
        case Skipped(why=why):
            yield f"{rule.name}: {paint('skipped', 'yellow')}: {why}"
        case Rejected(reason=reason, message=message, halt=halt):
            end = "the mapping's topics would halt" if halt else "dead letter"
            yield f"{rule.name}: {paint(end, 'red')}: {reason}: {message}"


def _request(request: Request, materials: Materials) -> Sequence[str]:
    """The request as it would go out, with the key hidden."""
    loaded = materials.loaded
    host = "" if loaded is None else loaded.settings.fullstory.endpoint
    body = json.dumps(orjson.loads(request.body), indent=2, ensure_ascii=False)
    idempotent = [] if request.idempotency_key is None else [_IDEMPOTENT]
    return [
        f"{request.method} {host}{request.path}",
        "Authorization: Basic ***",
        "Content-Type: application/json",
        *idempotent,
        "",
        *body.splitlines(),
    ]
