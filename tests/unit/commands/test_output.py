"""Colors on a terminal, plain text elsewhere."""

import io
import sys

import pytest

from bridge.commands.shared.output import paint, table


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        """Always."""
        return True


def test_a_terminal_has_colors_unless_NO_COLOR_is_set(  # noqa: N802 -- the variable's name
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """See https://no-color.org: any value except the empty one."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys, "stdout", Terminal())
    assert paint("PASS", "green") == "\x1b[32m\x1b[1mPASS\x1b[0m"

    monkeypatch.setenv("NO_COLOR", "1")
    assert paint("PASS", "green") == "PASS"


def test_a_pipe_has_no_colors(monkeypatch: pytest.MonkeyPatch) -> None:
    """For any environment."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys, "stdout", io.StringIO())

    assert paint("PASS", "green") == "PASS"


def test_columns_are_aligned_without_trailing_spaces() -> None:
    """Each is as wide as its widest cell."""
    assert table([("A", "B"), ("long", "")]) == ["A     B", "long"]
