"""The mappings against every version of their topics' schemas, each mistake told once."""

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
    """The same over topics, by name and label, mapping by mapping.

    A mistake that not all topics of its mapping share names those that have it; a warning counts
    when it holds for all of them.
    """
    plans: list[Plan] = []
    problems: list[Problem] = []
    for rule in rules:
        mine = [topic for topic in topics if rule.reads(topic)]
        found: dict[Problem, list[str]] = {}
        for topic in mine:
            fitting, wrong = check_versions([rule], topic, topics[topic], options)
            plans += fitting
            for problem in wrong:
                found.setdefault(problem, []).append(topic)
        problems += _shared(found, len(mine))
    return plans, problems


def check_versions(
    rules: Sequence[Rule], topic: str, versions: Mapping[str, Schema], options: Options
) -> tuple[list[Plan], list[Problem]]:
    """The plans of the versions that fit, and what is wrong with any; `versions` by label.

    A mistake that not all versions share names those that have it. A warning counts when it
    holds for all of them: what one version makes superfluous, another may need.
    """
    plans: list[Plan] = []
    found: dict[Problem, list[str]] = {}
    for label, schema in versions.items():
        try:
            plan = compile_plan(rules, topic, schema, options)
        except Problems as wrong:
            problems: Sequence[Problem] = wrong.problems
        else:
            plans.append(plan)
            problems = plan.warnings
        for problem in problems:
            found.setdefault(problem, []).append(label)
    return plans, _shared(found, len(versions))


def _shared(found: Mapping[Problem, Sequence[str]], among: int) -> list[Problem]:
    """What all have as it is, an error that only some have with their names."""
    return [
        problem if len(labels) == among else _in(problem, labels)
        for problem, labels in found.items()
        if len(labels) == among or problem.severity == "error"
    ]


def _in(problem: Problem, labels: Sequence[str]) -> Problem:
    return replace(problem, message=f"{problem.message} (in {', '.join(labels)})")
