"""Colours for a person, plain text for all else."""

import io
import sys

import pytest

from bridge.commands.shared.output import paint, table


class Terminal(io.StringIO):
    """Where a person looks."""

    def isatty(self) -> bool:
        """Yes."""
        return True


def test_a_terminal_has_colours_unless_NO_COLOR_is_set(  # noqa: N802 -- the variable's name
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """https://no-color.org: any value but the empty one."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys, "stdout", Terminal())
    assert paint("PASS", "green") == "\x1b[32m\x1b[1mPASS\x1b[0m"

    monkeypatch.setenv("NO_COLOR", "1")
    assert paint("PASS", "green") == "PASS"


def test_a_pipe_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the environment says."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys, "stdout", io.StringIO())

    assert paint("PASS", "green") == "PASS"


def test_columns_stand_under_each_other_without_blanks_at_the_end() -> None:
    """As wide as their widest cell."""
    assert table([("A", "B"), ("long", "")]) == ["A     B", "long"]
