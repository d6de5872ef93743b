"""How a mistake is told."""

import pytest

from bridge.documents.problems import (
    LINE_CHARS_MAX,
    Problem,
    Problems,
    SourcePlace,
    did_you_mean,
    render,
    suggest,
)


def caret_column(report: str) -> int:
    """How many characters stand before the caret, the indent of the report left out."""
    return report.splitlines()[2].index("^") - 4


def test_a_problem_is_its_place_its_message_the_line_and_the_cure() -> None:
    """The shape that every report has."""
    problem = Problem("M012", "no such path", SourcePlace("a.yaml", 3, 5), "mend it", "  b: c")
    assert render([problem]) == (
        "a.yaml:3:5: error M012: no such path\n      b: c\n        ^\n    cure: mend it"
    )


def test_what_a_problem_does_not_have_is_left_out() -> None:
    """No place, no line, no cure: no empty lines either."""
    assert render([Problem("S001", "wrong")]) == "error S001: wrong"
    assert render([Problem("S001", "wrong", SourcePlace("VAR"))]) == "VAR: error S001: wrong"
    at_blank = Problem("D003", "wrong", SourcePlace("a", 1, 1), source_line=" \t")
    assert render([at_blank]) == "a:1:1: error D003: wrong"


def test_a_warning_says_so() -> None:
    """Warnings are told beside errors."""
    warning = Problem("M016", "guessable", SourcePlace("a", 1, 1), severity="warning")
    assert render([warning]) == "a:1:1: warning M016: guessable"


def test_problems_are_told_in_the_order_of_the_file() -> None:
    """Files in the order of their first mention, then lines, then columns."""
    places = [("b", 2, 1), ("a", 9, 1), ("b", 1, 5), ("b", 1, 2)]
    report = render([Problem("X", "x", SourcePlace(*place)) for place in places])
    told = [line.partition(": ")[0] for line in report.splitlines()]
    assert told == ["b:1:2", "b:1:5", "b:2:1", "a:9:1"]


def test_the_exception_is_its_report() -> None:
    """Whoever prints it prints all."""
    found = Problems([Problem("X", "one"), Problem("Y", "two")])
    assert str(found) == "error X: one\nerror Y: two"


@pytest.mark.parametrize(
    ("line", "column", "pad"),
    [
        ("key: value", 6, "     "),
        ("\tkey: value", 2, "\t"),
        ("漢字: value", 3, "    "),
        ("e\u0301: value", 3, " "),
        ("é: value", 2, " "),
    ],
)
def test_the_caret_stands_under_its_place(line: str, column: int, pad: str) -> None:
    """Tabs stay tabs, wide characters take two columns, combining ones none."""
    report = render([Problem("X", "x", SourcePlace("a", 1, column), source_line=line)])
    assert report.splitlines()[2] == f"    {pad}^"


@pytest.mark.parametrize("column", [1, 61, 500, 999, 1000])
def test_a_long_line_is_cut_around_the_caret(column: int) -> None:
    """The character that the caret points at is still the same one."""
    line = "".join(f"{number:04d}" for number in range(250))
    report = render([Problem("X", "x", SourcePlace("a", 1, column), source_line=line)])
    shown = report.splitlines()[1][4:]
    assert len(shown) <= LINE_CHARS_MAX + 2
    assert shown[caret_column(report)] == line[column - 1]
    assert line[max(0, column - 20) : column + 20] in shown


def test_a_line_cannot_play_with_the_terminal() -> None:
    """Control characters are shown as what they are: nothing one can print."""
    report = render([Problem("X", "x", SourcePlace("a", 1, 1), source_line="\x1b[31mred\r\x07")])
    assert "\x1b" not in report
    assert "\r" not in report


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("tpye", "type"),
        ("TYPE", "type"),
        ("max-items", "max_items"),
        ("maxItems", "max_items"),
        ("group_id", "group.id"),
        ("zebra", None),
        ("", None),
    ],
)
def test_the_nearest_word_is_offered(word: str, near: str | None) -> None:
    """Case and separators count for nothing; far words are not offered."""
    assert did_you_mean(word, ["type", "max_items", "group.id"]) == near


def test_without_a_near_word_a_short_list_is_offered() -> None:
    """A long list would be noise."""
    assert suggest("zebra", ["b", "a", "b"]) == "known here: `a`, `b`"
    assert suggest("zebra", map(str, range(17))) is None
    assert suggest("zebra", []) is None
    assert suggest("tpye", ["type"]) == "did you mean `type`?"
