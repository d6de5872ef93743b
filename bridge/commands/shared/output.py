"""Output of the commands: colors on a terminal, plain text elsewhere."""

import os
import sys
from collections.abc import Sequence

import click

from bridge.documents.problems import Problem, render

_COLORS = {"error": "red", "warning": "yellow"}


def paint(text: str, color: str, *, err: bool = False) -> str:
    """The text in color if the stream is a terminal and NO_COLOR is not set."""
    stream = sys.stderr if err else sys.stdout
    if os.environ.get("NO_COLOR") or not stream.isatty():
        return text
    return click.style(text, fg=color, bold=True)


def show_problems(problems: Sequence[Problem], *, err: bool = False) -> None:
    """Print the report of all problems."""
    if not problems:
        return
    report = render(problems)
    for severity in {problem.severity for problem in problems}:
        color = _COLORS[severity]
        for code in {problem.code for problem in problems if problem.severity == severity}:
            head = f"{severity} {code}:"
            report = report.replace(head, paint(head, color, err=err))
    click.echo(report, err=err)


def counted(number: int, noun: str) -> str:
    """`1 error`, `2,000 errors`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows with aligned columns, two spaces between them."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
