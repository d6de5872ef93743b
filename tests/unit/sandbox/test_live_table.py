"""The demo's table on a terminal, and the plain lines elsewhere."""

import io

import pytest
from rich.console import Console

from bridge.sandbox.live_table import LiveTable, Snapshot

SNAPSHOT = Snapshot(
    produced=1500, polled=1490, sent=812, waiting=3, answers={200: 812, 429: 40, 0: 1}, rate=97.6
)


def _console(*, terminal: bool) -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    return Console(file=out, force_terminal=terminal, width=80, color_system="standard"), out


def test_a_terminal_shows_every_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """One row per number, with statuses in order."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    console, out = _console(terminal=True)
    with LiveTable(console) as table:
        table.show(SNAPSHOT)
    text = out.getvalue()
    assert "1,500" in text
    assert "none: 1  200: 812  429: 40" in text
    assert "98 events/s" in text
    assert "\x1b[32m812" in text


def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    """The numbers are printed without colors."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    console, out = _console(terminal=True)
    with LiveTable(console) as table:
        table.show(SNAPSHOT)
    assert "812" in out.getvalue()
    assert "\x1b[32m" not in out.getvalue()


def test_piped_output_has_a_line_every_two_seconds_and_the_last_one() -> None:
    """No escape sequences, and one line per snapshot of any width."""
    console, out = _console(terminal=False)
    now_s = 0.0
    with LiveTable(console, clock=lambda: now_s) as table:
        for step in range(5):
            now_s = step * 0.5
            table.show(Snapshot(produced=step))
        now_s = 2.2
        table.show(Snapshot(produced=99))
    lines = out.getvalue().splitlines()
    assert [line.split(" · ")[0] for line in lines] == ["produced 0", "produced 4", "produced 99"]
    assert lines[-1].endswith("FullStory -")
    assert "\x1b" not in out.getvalue()
