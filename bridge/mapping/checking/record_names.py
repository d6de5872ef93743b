"""Finds filters on `$record` that name a record of no schema.

Invariants: this is a warning of the check only. A topic may hold records of a schema that the check
does not see, if each record type has a subject of its own, and such a filter then matches some.
"""

from collections.abc import Iterator, Mapping, Sequence

from bridge.documents.problems import Problem, suggest
from bridge.mapping.language.codes import Code
from bridge.mapping.language.filters import All, Any, Condition, Matcher, Not, Test
from bridge.mapping.language.loader import Rule
from bridge.schema.types import Schema


def unknown_record_names(
    rules: Sequence[Rule], schemas: Mapping[str, Mapping[str, Schema]]
) -> list[Problem]:
    """A warning for each name that no schema of the mapping's topics has as its whole value.

    `schemas` has the checked schemas by topic and label. A mapping is left out if one of its topics
    has no schema.
    """
    problems = []
    for rule in rules:
        topics = [topic for topic in schemas if rule.reads(topic)]
        if rule.mode == "off" or not topics or not set(rule.topics) <= set(topics):
            continue
        versions = [version for topic in topics for version in schemas[topic].values()]
        names = {record.name for version in versions for record in version.records}
        problems += [
            _unknown(rule, matcher, str(value), sorted(names), topics)
            for matcher in _record_matchers(rule.filter)
            for value in matcher.values
            if matcher.word == "equals" and value not in names
        ]
    return problems


def _record_matchers(condition: Condition) -> Iterator[Matcher]:
    match condition:
        case All(parts) | Any(parts):
            for part in parts:
                yield from _record_matchers(part)
        case Not(part):
            yield from _record_matchers(part)
        case Test(path, _, matchers) if path.root == "record":
            yield from matchers
        case _:
            pass


def _unknown(
    rule: Rule, matcher: Matcher, name: str, names: Sequence[str], topics: Sequence[str]
) -> Problem:
    message = f"no schema of {', '.join(topics)} has the record `{name}`: this never matches"
    qualified = next((one for one in names if one.rpartition(".")[2] == name), None)
    fix = f"did you mean `{qualified}`?" if qualified else suggest(name, names)
    at = (*rule.at, *matcher.at)
    return rule.document.problem(Code.NEVER_MATCHES.value, message, at, fix=fix, severity="warning")
