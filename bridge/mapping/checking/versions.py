"""Checks mappings against every version of their topics' schemas; reports each mistake once."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bridge.documents.problems import Problem, Problems
from bridge.mapping.compiler.compiler import compile_plan
from bridge.mapping.language.loader import Rule
from bridge.mapping.language.options import Options
from bridge.mapping.runtime.plan import Plan
from bridge.schema.types import Schema


def check_topics(
    rules: Sequence[Rule], topics: Mapping[str, Mapping[str, Schema]], options: Options
) -> tuple[list[Plan], list[Problem]]:
    """`check_versions` for each mapping and its topics; `topics` by name, their schemas by label.

    If only some topics of a mapping have an error, its message names them. A warning is reported
    only if all of them have it.
    """
    plans: list[Plan] = []
    problems: list[Problem] = []
    for rule in rules:
        rule_topics = [topic for topic in topics if rule.reads(topic)]
        found: dict[Problem, list[str]] = {}
        for topic in rule_topics:
            fitting, wrong = check_versions([rule], topic, topics[topic], options)
            plans += fitting
            for problem in wrong:
                found.setdefault(problem, []).append(topic)
        problems += _merged(found, len(rule_topics))
    return plans, problems


def check_versions(
    rules: Sequence[Rule], topic: str, versions: Mapping[str, Schema], options: Options
) -> tuple[list[Plan], list[Problem]]:
    """The plans of the versions that fit, and the problems of all versions; `versions` by label.

    If only some versions have an error, its message names them. A warning is reported only if all
    versions have it, because another version may need what is superfluous in this one.
    """
    plans: list[Plan] = []
    found: dict[Problem, list[str]] = {}
    for label, schema in versions.items():
        try:
            plan = compile_plan(rules, topic, schema, options)
        except Problems as error:
            problems: Sequence[Problem] = error.problems
        else:
            plans.append(plan)
            problems = plan.warnings
        for problem in problems:
            found.setdefault(problem, []).append(label)
    return plans, _merged(found, len(versions))


def _merged(found: Mapping[Problem, Sequence[str]], count: int) -> list[Problem]:
    """Problems that all `count` labels have unchanged; errors of only some labels name them."""
    return [
        problem if len(labels) == count else _with_labels(problem, labels)
        for problem, labels in found.items()
        if len(labels) == count or problem.severity == "error"
    ]


def _with_labels(problem: Problem, labels: Sequence[str]) -> Problem:
    return replace(problem, message=f"{problem.message} (in {', '.join(labels)})")
