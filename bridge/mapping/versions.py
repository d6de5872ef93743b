"""The mappings against every version of a topic's schema, each mistake told once."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bridge.documents.problems import Problem, Problems
from bridge.mapping.compiler import compile_plan
from bridge.mapping.load import Rule
from bridge.mapping.options import Options
from bridge.mapping.plan import Plan
from bridge.mapping.schema import Schema


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
    return plans, [
        problem if len(labels) == len(versions) else _in(problem, labels)
        for problem, labels in found.items()
        if len(labels) == len(versions) or problem.severity == "error"
    ]


def _in(problem: Problem, labels: Sequence[str]) -> Problem:
    return replace(problem, message=f"{problem.message} (in {', '.join(labels)})")
