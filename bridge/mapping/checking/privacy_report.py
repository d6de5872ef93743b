"""The privacy report: a row for each record field that the bridge sends.

Invariants: fields that only filters read are not sent and have no row. If a template or `first_of`
uses several paths, each of them has a row.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from bridge.mapping.language.grammar.values import (
    EventTable,
    LongValue,
    SessionSource,
    long_timestamp,
    long_uid,
    long_value,
)
from bridge.mapping.language.loader import Rule
from bridge.mapping.language.sources import paths_of
from bridge.mapping.language.templates import template_paths
from bridge.mapping.runtime.plan import Plan

COLUMNS: Final = ("topic", "field", "target", "type", "protection", "owner", "mapping")


class PrivacyRow(NamedTuple):
    """One field of one topic and how it is sent; `protection` is its `hash` or `redact` setting.

    `target` is `uid`, `event`, `timestamp`, `session`, or `properties.NAME`. `type` is empty if no
    schema is known.
    """

    topic: str
    field: str
    target: str
    type: str
    protection: str
    owner: str
    mapping: str


def privacy_rows(rules: Sequence[Rule], plans: Mapping[str, Plan]) -> list[PrivacyRow]:
    """The report for some mappings; the types come from `plans`, which are by topic."""
    return [row for rule in rules for topic in _topics(rule) for row in _rows(rule, topic, plans)]


def _topics(rule: Rule) -> Sequence[str]:
    topics: object = rule.form.topics
    if isinstance(topics, tuple):
        return topics
    return (str(getattr(topics, "pattern", topics)),)


def _rows(rule: Rule, topic: str, plans: Mapping[str, Plan]) -> Iterator[PrivacyRow]:
    def row(field: str, target: str, type_: str, protection: str = "") -> PrivacyRow:
        return PrivacyRow(topic, field, target, type_, protection, rule.owner or "", rule.name)

    form = rule.form
    uid = long_uid(form.uid)
    for path in paths_of(uid):
        yield row(path, "uid", "str", uid.hash or "")
    for path in _event_paths(form.event):
        yield row(path, "event", "str")
    for path in paths_of(long_timestamp(form.timestamp)):
        yield row(path, "timestamp", "date")
    for path in _session_paths(rule.session):
        yield row(path, "session", "str")
    types = _types(rule, topic, plans)
    for name, short in form.properties.items():
        value = long_value(short)
        protection = value.hash or (f"redact {value.redact}" if value.redact else "")
        type_ = types.get(name, value.type or "")
        for path in _value_paths(value):
            yield row(path, f"properties.{name}", type_, protection)


def _types(rule: Rule, topic: str, plans: Mapping[str, Plan]) -> dict[str, str]:
    """The types of a mapping's properties, if a schema is known."""
    found = [plans[topic]] if topic in plans else []
    if not found:
        found = [plan for name, plan in plans.items() if rule.reads(name)]
    typed = [one for plan in found for one in plan.typed if one.mapping == rule.name]
    return {one.property: one.type for one in typed}


def _event_paths(event: str | EventTable) -> list[str]:
    return [event.path] if isinstance(event, EventTable) else template_paths(event)


def _session_paths(session: str | SessionSource) -> list[str]:
    if isinstance(session, str):
        return []
    return [path for source in session.sources.values() for path in paths_of(source)]


def _value_paths(value: LongValue) -> Sequence[str]:
    if value.const is not None:
        return (f"always {value.const}",)
    return paths_of(value) or (f'"{value.template}"',)
