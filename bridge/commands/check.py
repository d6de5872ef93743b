"""`fullstory-bridge check`: everything that can be known before anything runs."""

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from bridge.app.config import load_config, rules_reading_dead_letters
from bridge.avro.schema_store import WriterSchema
from bridge.commands.shared.mapping_tests import RealTestEnvironment
from bridge.commands.shared.output import counted, paint, show_problems, table
from bridge.commands.shared.project_files import ProjectFiles, read_project_files
from bridge.commands.shared.schemas import SchemaFinder, schema_flags
from bridge.documents.problems import Problem, Problems, suggest
from bridge.errors import SetupError
from bridge.explanations import loader
from bridge.mapping.checking.versions import check_topics
from bridge.mapping.compiler.type_conflicts import check_type_conflicts
from bridge.mapping.language import codes as mapping_codes
from bridge.mapping.language.loader import Rule
from bridge.mapping.runtime.plan import Plan
from bridge.mapping.testing.tests import (
    FAILED,
    MappingTest,
    MappingTestResult,
    mapping_tests_of,
    run_mapping_test,
    untested,
)
from bridge.schema.avro_types import LOGICAL
from bridge.schema.types import Schema
from bridge.settings import codes as settings_codes

REFUSED = "C005"

_MORE = "`fullstory-bridge test` shows every difference"


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="The settings file; bridge.yaml here, if there is one.",
)
@click.option(
    "--schema",
    "schemas",
    multiple=True,
    metavar="TOPIC=FILE",
    help="The schema of a topic, in place of the registry's; may be given several times.",
)
@click.option("--strict", is_flag=True, help="Take warnings for errors.")
@click.option("--explain", metavar="CODE", help="Tell what a code as M012 means, and no more.")
@click.option("--json", "as_json", is_flag=True, help="The problems as a JSON array.")
def check(
    *,
    files: tuple[Path, ...],
    config: Path | None,
    schemas: tuple[str, ...],
    strict: bool,
    explain: str | None,
    as_json: bool,
) -> None:
    """Check all that can be known before anything runs.

    FILES are mapping files; without them, those that the settings name. Looked at are settings,
    mappings (alone, and against every version of their topics' schemas) and the tests in them.
    Exit code 1 when there is an error, 0 when there is none.

    Example: fullstory-bridge check m.yaml --schema payments=payment.avsc
    """
    if explain is not None:
        _explain(explain)
        return
    try:
        project_files = read_project_files(config, files)
        report = asyncio.run(_report(project_files, schema_flags(schemas), files))
    except SetupError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    problems = report.problems
    if strict:
        problems = [replace(problem, severity="error") for problem in problems]
    if as_json:
        click.echo(json.dumps([_as_json(problem) for problem in problems], indent=2))
    else:
        show_problems(problems)
        click.echo(report.summary(problems))
    sys.exit(1 if any(problem.severity == "error" for problem in problems) else 0)


def _explain(code: str) -> None:
    code = code.upper()
    known = loader.EXPLANATIONS
    if code not in known:
        fix = suggest(code, known, listed_max=0)
        raise click.UsageError(f"there is no code {code}" + (f"; {fix}" if fix else ""))
    rooms = (mapping_codes.TITLES, settings_codes.TITLES, loader.TITLES)
    titles = {str(key): title for room in rooms for key, title in room.items()}
    click.echo(f"{code}: {titles[code]}\n")
    click.echo(click.wrap_text(known[code], width=80))


@dataclass(frozen=True, slots=True)
class _Report:
    """What was found, and what was looked at."""

    project_files: ProjectFiles
    problems: Sequence[Problem]
    tests: int
    schemas: int
    taken: Sequence[tuple[str, str, str]]
    """What fields with a logical type are taken for: path, type, topics."""

    without: Sequence[str]
    """Topics for which there was no schema, and patterns for which there was no topic."""

    def summary(self, problems: Sequence[Problem]) -> str:
        """The last lines for a person."""
        errors = sum(problem.severity == "error" for problem in problems)
        looked_at = (
            f"{counted(len(self.project_files.documents), 'file')},"
            f" {counted(len(self.project_files.rules), 'mapping')},"
            f" {counted(self.schemas, 'schema')}, {counted(self.tests, 'test')}"
        )
        told = [counted(errors, "error")] if errors else []
        told += [counted(len(problems) - errors, "warning")] if len(problems) > errors else []
        verdict = " and ".join(told) or "nothing is wrong"
        verdict = paint(verdict, "red" if errors else "yellow" if told else "green")
        lines = [f"{verdict} in {looked_at}" if told else f"{verdict}: {looked_at}"]
        if self.without:
            first = self.without[0] if " " not in self.without[0] else "TOPIC"
            lines.append(
                f"not checked against a schema: {', '.join(self.without)}"
                f" (name one: --schema {first}=FILE.avsc)"
            )
        if self.taken:
            lines += ["taken for:", *(f"  {line}" for line in table(self.taken))]
        return "\n".join(lines)


async def _report(
    project_files: ProjectFiles, given: dict[str, WriterSchema], files: Sequence[Path]
) -> _Report:
    examples = [
        example for document in project_files.documents for example in mapping_tests_of(document)
    ]
    inputs = [example.form.input.topic for example in examples]
    problems: list[Problem] = list(project_files.problems)
    problems += [one for rule in project_files.rules if rule.mode != "off" for one in rule.warnings]
    newest: dict[str, WriterSchema] = {}
    trees: dict[str, dict[str, Schema]] = {}
    async with SchemaFinder(project_files, given) as finder:
        topics = await finder.topics(inputs)
        for topic in topics:
            versions = await finder.every(topic)
            if not versions:
                continue
            newest[topic] = finder.local(topic) or versions[-1]
            trees[topic] = {version.label: version.schema for version in versions}
        problems += finder.problems
    plans, wrong = check_topics(project_files.rules, trees, project_files.options)
    problems += [*wrong, *check_type_conflicts(plans)]
    if project_files.loaded is not None:
        problems += rules_reading_dead_letters(project_files.rules, project_files.loaded.settings)
    bench = RealTestEnvironment(newest, project_files.options)
    able = [example for example in examples if _can_run(example, newest)]
    problems += _failures(project_files, able, bench)
    problems += untested(project_files.rules, examples)
    without = [topic for topic in topics if topic not in newest]
    without += [f"topics that match {pattern}" for pattern in _idle(project_files.rules, topics)]
    if not files and not any(problem.severity == "error" for problem in problems):
        problems += _refusal(project_files)
    unique = list(dict.fromkeys(problems))
    return _Report(
        project_files, unique, len(able), sum(map(len, trees.values())), _taken(plans), without
    )


def _taken(plans: Sequence[Plan]) -> list[tuple[str, str, str]]:
    """The fields that a logical type gives a meaning, and which."""
    found: dict[tuple[str, str], dict[str, None]] = {}
    for plan in plans:
        for path, avro_types in plan.taken.items():
            if any(avro_type.measure in LOGICAL for avro_type in avro_types):
                what = " or ".join(avro_type.what for avro_type in avro_types)
                found.setdefault((path, what), {})[plan.topic] = None
    return [(path, what, _some(list(topics))) for (path, what), topics in found.items()]


def _some(topics: Sequence[str]) -> str:
    """Names for a line: the first three of many."""
    more = len(topics) - 3
    return ", ".join(topics) if more <= 0 else f"{', '.join(topics[:3])} and {more} more"


def _idle(rules: Sequence[Rule], topics: Sequence[str]) -> list[str]:
    """The patterns of mappings that take none of these topics."""
    idle = [rule for rule in rules if rule.mode != "off" and not any(map(rule.reads, topics))]
    return list(dict.fromkeys(rule.pattern.text for rule in idle if rule.pattern is not None))


def _refusal(project_files: ProjectFiles) -> list[Problem]:
    """What else would keep `run` from starting, found by what `run` does first."""
    try:
        if project_files.loaded is not None:
            load_config(project_files.loaded)
    except SetupError as error:
        return [Problem(REFUSED, str(error))]
    return []


def _can_run(example: MappingTest, schemas: dict[str, WriterSchema]) -> bool:
    return example.form.input.topic in schemas or example.form.input.value is None


def _failures(
    project_files: ProjectFiles, examples: Sequence[MappingTest], bench: RealTestEnvironment
) -> list[Problem]:
    """What the tests in the files say; nothing where their mappings are wrong themselves."""
    problems = []
    errors = [problem for problem in project_files.problems if problem.severity == "error"]
    wrong = {problem.place.file for problem in errors if problem.place is not None}
    for example in examples:
        if example.document.file in wrong:
            continue
        try:
            result = run_mapping_test(example, project_files.rules, bench)
        except Problems:
            continue
        if not result.passed:
            problems.append(example.problem(FAILED, _told(result), _MORE))
    return problems


def _told(result: MappingTestResult) -> str:
    name = f"the test `{result.example.form.name}` fails"
    if result.fault is not None:
        return f"{name}: {result.fault}"
    first = result.differences[0]
    field = f"{first.mapping} {first.field}".strip()
    return f"{name}: {field}: wanted {first.wanted}, got {first.got}"


def _as_json(problem: Problem) -> dict[str, Any]:
    place = problem.place
    return {
        "code": problem.code,
        "severity": problem.severity,
        "message": problem.message,
        "file": place.file if place is not None else None,
        "line": place.line or None if place is not None else None,
        "column": place.column or None if place is not None else None,
        "fix": problem.fix,
    }
