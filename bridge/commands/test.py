"""`fullstory-bridge test`: runs the tests in mapping files through the real code path."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from bridge.avro.schema_store import WriterSchema
from bridge.commands.shared.command import (
    ExitCodes,
    config_flag,
    exit_on_errors,
    files_argument,
    schemas_flag,
)
from bridge.commands.shared.mapping_tests import RealTestEnvironment
from bridge.commands.shared.output import paint, show_problems
from bridge.commands.shared.project_files import ProjectFiles, read_project_files
from bridge.commands.shared.schemas import SchemaFinder, schema_flags
from bridge.documents.problems import Problem, Problems
from bridge.mapping.testing.expectations import Difference
from bridge.mapping.testing.tests import (
    MappingTest,
    MappingTestResult,
    mapping_tests_of,
    run_mapping_test,
)

_INDENT = "      "


@click.command()
@files_argument
@click.option("-k", "name", help="Run only tests whose name contains this text.")
@config_flag
@schemas_flag
def test(
    files: tuple[Path, ...], name: str | None, config_file: Path | None, schemas: tuple[str, ...]
) -> None:
    """Run the tests in mapping files.

    FILES are mapping files; the default is the files that the settings name. Each test's record
    is validated against its schema, encoded, decoded and mapped as in `run`. Exit code 1 if a
    test fails.

    Example: fullstory-bridge test m.yaml --schema payments=payment.avsc
    """
    with ExitCodes():
        project_files = read_project_files(config_file, files, placeholders=True)
        given = schema_flags(schemas)
        chosen = _chosen(project_files, name)
        found, problems = asyncio.run(_schemas(project_files, given, chosen))
    show_problems([*project_files.problems, *problems], err=True)
    exit_on_errors(project_files.problems)
    if not chosen:
        click.echo("no tests: add some under `tests:` in the mapping files", err=True)
    failed = _run(
        project_files, chosen, RealTestEnvironment(found, project_files.options, project_files.ages)
    )
    total = f"{len(chosen) - failed} passed, {failed} failed"
    click.echo(paint(total, "red" if failed else "green"))
    sys.exit(1 if failed else 0)


def _chosen(project_files: ProjectFiles, name: str | None) -> list[MappingTest]:
    tests = [
        example for document in project_files.documents for example in mapping_tests_of(document)
    ]
    if name is None:
        return tests
    chosen = [example for example in tests if name.casefold() in example.form.name.casefold()]
    if tests and not chosen:
        raise click.UsageError(f"no test name contains `{name}`")
    return chosen


async def _schemas(
    project_files: ProjectFiles, given: dict[str, WriterSchema], chosen: Sequence[MappingTest]
) -> tuple[dict[str, WriterSchema], list[Problem]]:
    found: dict[str, WriterSchema] = {}
    async with SchemaFinder(project_files, given) as finder:
        for topic in dict.fromkeys(example.form.input.topic for example in chosen):
            schema = await finder.latest(topic)
            if schema is not None:
                found[topic] = schema
        return found, finder.problems


def _run(
    project_files: ProjectFiles, chosen: Sequence[MappingTest], environment: RealTestEnvironment
) -> int:
    """Run the tests and print each result; returns the number of failures."""
    failed = 0
    for example in chosen:
        try:
            result = run_mapping_test(example, project_files.rules, environment)
        except Problems as problems:
            errors = [p.message for p in problems.problems if p.severity == "error"]
            fault = "\n".join(errors)
            result = MappingTestResult(
                example, fault=f"the mappings do not fit the schema: {fault}"
            )
        failed += not result.passed
        for line in _result_lines(result):
            click.echo(line)
    return failed


def _result_lines(result: MappingTestResult) -> list[str]:
    name = result.example.form.name
    if result.passed:
        return [f"{paint('PASS', 'green')}  {name}"]
    place = result.example.document.place((*result.example.at, "name"))
    lines = [f"{paint('FAIL', 'red')}  {name}  ({place.file}:{place.line})"]
    if result.fault is not None:
        lines += [_INDENT + line for line in result.fault.splitlines()]
    mapping = ""
    for difference in result.differences:
        if difference.mapping != mapping:
            mapping = difference.mapping
            lines.append(f"{_INDENT}{mapping}")
        lines += [f"{_INDENT}  {line}" for line in _diff(difference)]
    return lines


def _diff(difference: Difference) -> list[str]:
    field = f"{difference.field}: " if difference.field else ""
    pad = " " * len(field)
    return [
        f"{field}wanted {difference.wanted}",
        f"{pad}got    {difference.got}",
        *(f"{pad}       {reason}" for reason in difference.reasons),
    ]
