"""The printed report: tables, then ratios, and the conditions at the end."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

_WIDTH: Final = 132


class Column(NamedTuple):
    """A figure's heading and format."""

    heading: str
    written: Callable[[float], str]


COLUMNS: Final[dict[str, Column]] = {
    "per_s": Column("per second", lambda value: f"{value:,.0f}"),
    "cpu_us": Column("CPU µs each", lambda value: f"{value:,.2f}"),
    "cpu_share": Column("CPU", lambda value: f"{value:.0%}"),
    "p50_ms": Column("p50 ms", lambda value: f"{value:.2f}"),
    "p99_ms": Column("p99 ms", lambda value: f"{value:.2f}"),
    "first_post_s": Column("first POST s", lambda value: f"{value:.2f}"),
    "help_s": Column("--help s", lambda value: f"{value:.2f}"),
    "peak_mb": Column("peak MB", lambda value: f"{value:.0f}"),
}


def line(figures: dict[str, float]) -> str:
    """One run's figures in one line."""
    return ", ".join(
        f"{column.written(figures[key])} {column.heading}"
        for key, column in COLUMNS.items()
        if key in figures
    )


def show(results: dict[str, Any]) -> None:
    """Print all results."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH)
    for kind in ("throughput", "latency", "start"):
        found = [row for row in results["rows"] if row["kind"] == kind]
        if found:
            console.print(_table(found))
    for row in results["rows"]:
        for ratio in row["ratios"]:
            console.print(Text(_ratio(row, ratio)))
        for error in row["errors"]:
            console.print(Text(f"FAILED  {row['title']}: {error}", style="red"))
    console.print()
    for name, text in results["conditions"].items():
        console.print(Text(f"{name}: {text}", style="dim"))


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table(caption="median (lowest … highest)")
    known = {key for row in rows for one in row["candidates"] for key in one["figures"]}
    columns = {key: column for key, column in COLUMNS.items() if key in known}
    table.add_column("row")
    table.add_column("candidate")
    for column in columns.values():
        table.add_column(column.heading, justify="right")
    table.add_column("runs", justify="right")
    for row in rows:
        for number, one in enumerate(row["candidates"]):
            title = "" if number else f"{row['title']} ({row['unit']})"
            cells = [_cell(one["figures"].get(key), column) for key, column in columns.items()]
            runs = sum(run is not None for run in one["runs"])
            table.add_row(title, one["name"], *cells, str(runs))
        table.add_section()
    return table


def _cell(figure: dict[str, float] | None, column: Column) -> str:
    if figure is None:
        return "-"
    median, low, high = (column.written(figure[key]) for key in ("median", "low", "high"))
    return median if low == high else f"{median} ({low} … {high})"


def _ratio(row: dict[str, Any], ratio: dict[str, Any]) -> str:
    pairs = " ".join(f"{one:.2f}" for one in ratio["pairs"])
    heading = COLUMNS[ratio["figure"]].heading
    pair = f"{ratio['of']} / {ratio['to']}"
    return f"{row['title']}: {pair}: {heading} {ratio['median']:.2f}× (pairs: {pairs})"
