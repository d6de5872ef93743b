"""`fullstory-bridge check`: validates settings, mappings and their tests."""

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
from bridge.commands.shared.command import (
    ExitCodes,
    config_flag,
    files_argument,
    schemas_flag,
)
from bridge.commands.shared.mapping_tests import RealTestEnvironment
from bridge.commands.shared.output import counted, paint, show_problems, table
from bridge.commands.shared.project_files import ProjectFiles, read_project_files
from bridge.commands.shared.schemas import SchemaFinder, schema_flags
from bridge.documents.problems import Problem, Problems, suggest
from bridge.errors import SetupError
from bridge.explanations import loader
from bridge.mapping.checking.record_names import unknown_record_names
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
@files_argument
@config_flag
@schemas_flag
@click.option("--strict", is_flag=True, help="Treat warnings as errors.")
@click.option("--explain", metavar="CODE", help="Explain a problem code, such as M012, and exit.")
@click.option("--json", "as_json", is_flag=True, help="Print the problems as a JSON array.")
def check(
    *,
    files: tuple[Path, ...],
    config_file: Path | None,
    schemas: tuple[str, ...],
    strict: bool,
    explain: str | None,
    as_json: bool,
) -> None:
    """Check settings, mappings and their tests before you deploy them.

    FILES are mapping files; the default is the files that the settings name. Each mapping is
    checked on its own and against every version of its topics' schemas, then its tests run.
    Exit code 1 if there is an error in them, 2 if they cannot be read, else 0.

    Example: fullstory-bridge check m.yaml --schema payments=payment.avsc
    """
    if explain is not None:
        _explain(explain)
        return
    with ExitCodes():
        project_files = read_project_files(config_file, files)
        report = asyncio.run(_report(project_files, schema_flags(schemas), files))
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
    tables = (mapping_codes.TITLES, settings_codes.TITLES, loader.TITLES)
    titles = {str(key): title for table_ in tables for key, title in table_.items()}
    click.echo(f"{code}: {titles[code]}\n")
    click.echo(click.wrap_text(known[code], width=80))


@dataclass(frozen=True, slots=True)
class _Report:
    """The problems found, and what was checked."""

    project_files: ProjectFiles
    problems: Sequence[Problem]
    tests: int
    schemas: int
    logical_types: Sequence[tuple[str, str, str]]
    """How fields with a logical type are read: path, type, topics."""

    unchecked: Sequence[str]
    """Topics without a schema, and patterns that match no topic."""

    def summary(self, problems: Sequence[Problem]) -> str:
        """The summary lines at the end of the text output."""
        errors = sum(problem.severity == "error" for problem in problems)
        checked = (
            f"{counted(len(self.project_files.documents), 'file')},"
            f" {counted(len(self.project_files.rules), 'mapping')},"
            f" {counted(self.schemas, 'schema')}, {counted(self.tests, 'test')}"
        )
        counts = [counted(errors, "error")] if errors else []
        counts += [counted(len(problems) - errors, "warning")] if len(problems) > errors else []
        verdict = " and ".join(counts) or "no problems"
        verdict = paint(verdict, "red" if errors else "yellow" if counts else "green")
        lines = [f"{verdict} in {checked}" if counts else f"{verdict}: {checked}"]
        if self.unchecked:
            first = self.unchecked[0] if " " not in self.unchecked[0] else "TOPIC"
            lines.append(
                f"not checked against a schema: {', '.join(self.unchecked)}"
                f" (add one with --schema {first}=FILE.avsc)"
            )
        if self.logical_types:
            lines += ["read as:", *(f"  {line}" for line in table(self.logical_types))]
        return "\n".join(lines)


async def _report(
    project_files: ProjectFiles, given: dict[str, WriterSchema], files: Sequence[Path]
) -> _Report:
    examples = [
        example for document in project_files.documents for example in mapping_tests_of(document)
    ]
    inputs = [example.form.input.topic for example in examples]
    problems: list[Problem] = list(project_files.problems)
    problems += [
        warning for rule in project_files.rules if rule.mode != "off" for warning in rule.warnings
    ]
    newest: dict[str, WriterSchema] = {}
    trees: dict[str, dict[str, Schema]] = {}
    async with SchemaFinder(project_files, given) as finder:
        topics = await finder.topics(inputs)
        for topic in topics:
            versions = await finder.versions(topic)
            if not versions:
                continue
            newest[topic] = finder.local(topic) or versions[-1]
            trees[topic] = {version.label: version.schema for version in versions}
        problems += finder.problems
    plans, schema_problems = check_topics(project_files.rules, trees, project_files.options)
    problems += [*schema_problems, *check_type_conflicts(plans)]
    problems += unknown_record_names(project_files.rules, trees)
    if project_files.loaded is not None:
        problems += rules_reading_dead_letters(project_files.rules, project_files.loaded.settings)
    environment = RealTestEnvironment(newest, project_files.options, project_files.ages)
    runnable = [example for example in examples if _can_run(example, newest)]
    problems += _failures(project_files, runnable, environment)
    problems += untested(project_files.rules, examples)
    unchecked = [topic for topic in topics if topic not in newest]
    unchecked += [
        f"topics that match {pattern}" for pattern in _unmatched(project_files.rules, topics)
    ]
    if not files and not any(problem.severity == "error" for problem in problems):
        problems += _startup_problems(project_files)
    unique = list(dict.fromkeys(problems))
    return _Report(
        project_files,
        unique,
        len(runnable),
        sum(map(len, trees.values())),
        _logical_types(plans),
        unchecked,
    )


def _logical_types(plans: Sequence[Plan]) -> list[tuple[str, str, str]]:
    """The fields that have a logical type: path, type, topics."""
    found: dict[tuple[str, str], dict[str, None]] = {}
    for plan in plans:
        for path, avro_types in plan.avro_types.items():
            if any(avro_type.measure in LOGICAL for avro_type in avro_types):
                what = " or ".join(avro_type.what for avro_type in avro_types)
                found.setdefault((path, what), {})[plan.topic] = None
    return [(path, what, _shortened(list(topics))) for (path, what), topics in found.items()]


def _shortened(topics: Sequence[str]) -> str:
    """The names on one line: the first three, and how many more."""
    more = len(topics) - 3
    return ", ".join(topics) if more <= 0 else f"{', '.join(topics[:3])} and {more} more"


def _unmatched(rules: Sequence[Rule], topics: Sequence[str]) -> list[str]:
    """The patterns of active mappings that match none of these topics."""
    unmatched = [rule for rule in rules if rule.mode != "off" and not any(map(rule.reads, topics))]
    return list(dict.fromkeys(rule.pattern.text for rule in unmatched if rule.pattern is not None))


def _startup_problems(project_files: ProjectFiles) -> list[Problem]:
    """Anything else that would keep `run` from starting."""
    try:
        if project_files.loaded is not None:
            load_config(project_files.loaded)
    except SetupError as error:
        return [Problem(REFUSED, str(error))]
    return []


def _can_run(example: MappingTest, schemas: dict[str, WriterSchema]) -> bool:
    return example.form.input.topic in schemas or example.form.input.value is None


def _failures(
    project_files: ProjectFiles, examples: Sequence[MappingTest], environment: RealTestEnvironment
) -> list[Problem]:
    """The failed tests; files whose mappings have errors are left out."""
    problems = []
    errors = [problem for problem in project_files.problems if problem.severity == "error"]
    invalid = {problem.place.file for problem in errors if problem.place is not None}
    for example in examples:
        if example.document.file in invalid:
            continue
        try:
            result = run_mapping_test(example, project_files.rules, environment)
        except Problems:
            continue
        if not result.passed:
            problems.append(example.problem(FAILED, _failure_text(result), _MORE))
    return problems


def _failure_text(result: MappingTestResult) -> str:
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
