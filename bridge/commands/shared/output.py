"""How the commands write: colours for a person at a terminal, plain text for all else."""

import os
import sys
from collections.abc import Sequence

import click

from bridge.documents.problems import Problem, render

_COLOURS = {"error": "red", "warning": "yellow"}


def paint(text: str, colour: str, *, err: bool = False) -> str:
    """The text in a colour, where a person looks at a terminal and has not said NO_COLOR."""
    stream = sys.stderr if err else sys.stdout
    if os.environ.get("NO_COLOR") or not stream.isatty():
        return text
    return click.style(text, fg=colour, bold=True)


def show_problems(problems: Sequence[Problem], *, err: bool = False) -> None:
    """The report, as it stands in the documents' format."""
    if not problems:
        return
    report = render(problems)
    for severity in {problem.severity for problem in problems}:
        colour = _COLOURS[severity]
        for code in {problem.code for problem in problems if problem.severity == severity}:
            head = f"{severity} {code}:"
            report = report.replace(head, paint(head, colour, err=err))
    click.echo(report, err=err)


def counted(number: int, noun: str) -> str:
    """`1 error`, `2,000 errors`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows with their columns under each other, two blanks between them."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
