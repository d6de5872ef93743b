"""The demo's live table: how many records are at each step right now.

Invariants: it takes numbers only and does not depend on the bridge. On a terminal it redraws one
table in place. If piped, or on a dumb terminal, it prints a plain line every two seconds. rich
handles `NO_COLOR`.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table

_LINE_EVERY_S = 2.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The numbers at one moment, in records; `sent` counts events and `rate` is events per second.

    `answers` counts FullStory's responses by status (0: no response). `fullstory` describes its
    state in a few words.
    """

    produced: int = 0
    polled: int = 0
    filtered: int = 0
    sent: int = 0
    waiting: int = 0
    dead_lettered: int = 0
    answers: Mapping[int, int] = field(default_factory=dict)
    rate: float = 0.0
    fullstory: str = "-"


class LiveTable:
    """Shows snapshots during a `with` block; the last one stays on the screen."""

    def __init__(
        self, console: Console | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._console = console or Console()
        self._clock = clock
        self._live: Live | None = None
        self._printed_s = float("-inf")
        self._last: Snapshot | None = None
        self._pending = False

    def __enter__(self) -> Self:
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            self._live = Live(console=self._console, auto_refresh=False)
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()
        elif self._pending and self._last is not None:
            self._print_line(self._last)

    def show(self, snapshot: Snapshot) -> None:
        """Draws it; without a terminal, prints a line at most every two seconds plus the last."""
        self._last = snapshot
        if self._live is not None:
            self._live.update(_table(snapshot), refresh=True)
            return
        self._pending = True
        if self._clock() - self._printed_s >= _LINE_EVERY_S:
            self._print_line(snapshot)

    def _print_line(self, snapshot: Snapshot) -> None:
        self._printed_s = self._clock()
        self._pending = False
        self._console.print(_line(snapshot), highlight=False, markup=False, soft_wrap=True)


def _rows(snapshot: Snapshot) -> list[tuple[str, str, str]]:
    """Rows of name, number and the number's style."""
    answers = "  ".join(
        f"{status or 'none'}: {number:,}" for status, number in sorted(snapshot.answers.items())
    )
    return [
        ("produced", f"{snapshot.produced:,}", ""),
        ("polled", f"{snapshot.polled:,}", ""),
        ("filtered", f"{snapshot.filtered:,}", ""),
        ("waiting", f"{snapshot.waiting:,}", "yellow" if snapshot.waiting else ""),
        ("sent", f"{snapshot.sent:,}", "green"),
        ("dead-lettered", f"{snapshot.dead_lettered:,}", "red" if snapshot.dead_lettered else ""),
        ("answers", answers or "-", ""),
        ("rate", f"{snapshot.rate:,.0f} events/s", ""),
        ("FullStory", snapshot.fullstory, ""),
    ]


def _table(snapshot: Snapshot) -> Table:
    table = Table(show_header=False, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold")
    table.add_column(min_width=24)
    for name, number, style in _rows(snapshot):
        table.add_row(name, f"[{style}]{number}[/]" if style else number)
    return table


def _line(snapshot: Snapshot) -> str:
    return " · ".join(f"{name} {number}" for name, number, _ in _rows(snapshot))
