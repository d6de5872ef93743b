"""How problems are rendered."""

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
    """The number of characters before the caret, without the indentation of the report."""
    return report.splitlines()[2].index("^") - 4


def test_a_problem_shows_position_message_source_line_and_fix() -> None:
    """The format of every report."""
    problem = Problem("M012", "no such path", SourcePlace("a.yaml", 3, 5), "correct it", "  b: c")
    assert render([problem]) == (
        "a.yaml:3:5: error M012: no such path\n      b: c\n        ^\n    fix: correct it"
    )


def test_missing_parts_of_a_problem_are_left_out() -> None:
    """Without a position, a line or a fix, there are no empty lines."""
    assert render([Problem("S001", "wrong")]) == "error S001: wrong"
    assert render([Problem("S001", "wrong", SourcePlace("VAR"))]) == "VAR: error S001: wrong"
    at_blank = Problem("D003", "wrong", SourcePlace("a", 1, 1), source_line=" \t")
    assert render([at_blank]) == "a:1:1: error D003: wrong"


def test_a_warning_is_labeled_as_one() -> None:
    """Reports have warnings as well as errors."""
    warning = Problem("M016", "guessable", SourcePlace("a", 1, 1), severity="warning")
    assert render([warning]) == "a:1:1: warning M016: guessable"


def test_problems_are_in_file_order() -> None:
    """By file in order of first appearance, then line, then column."""
    places = [("b", 2, 1), ("a", 9, 1), ("b", 1, 5), ("b", 1, 2)]
    report = render([Problem("X", "x", SourcePlace(*place)) for place in places])
    positions = [line.partition(": ")[0] for line in report.splitlines()]
    assert positions == ["b:1:2", "b:1:5", "b:2:1", "a:9:1"]


def test_the_text_of_the_exception_is_the_report() -> None:
    """Printing the exception prints all problems."""
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
def test_the_caret_is_below_its_column(line: str, column: int, pad: str) -> None:
    """Tabs stay tabs, wide characters take two columns, combining characters none."""
    report = render([Problem("X", "x", SourcePlace("a", 1, column), source_line=line)])
    assert report.splitlines()[2] == f"    {pad}^"


@pytest.mark.parametrize("column", [1, 61, 500, 999, 1000])
def test_a_long_line_is_cut_around_the_caret(column: int) -> None:
    """The caret still points at the same character."""
    line = "".join(f"{number:04d}" for number in range(250))
    report = render([Problem("X", "x", SourcePlace("a", 1, column), source_line=line)])
    shown = report.splitlines()[1][4:]
    assert len(shown) <= LINE_CHARS_MAX + 2
    assert shown[caret_column(report)] == line[column - 1]
    assert line[max(0, column - 20) : column + 20] in shown


def test_control_characters_are_replaced() -> None:
    """A line cannot control the terminal."""
    report = render([Problem("X", "x", SourcePlace("a", 1, 1), source_line="\x1b[31mred\r\x07")])
    assert "\x1b" not in report
    assert "\r" not in report


@pytest.mark.parametrize(
    ("word", "expected"),
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
def test_the_most_similar_word_is_suggested(word: str, expected: str | None) -> None:
    """Case and separators are ignored; dissimilar words are not suggested."""
    assert did_you_mean(word, ["type", "max_items", "group.id"]) == expected


def test_without_a_similar_word_a_short_list_is_suggested() -> None:
    """A long list would be of no help."""
    assert suggest("zebra", ["b", "a", "b"]) == "expected one of `a`, `b`"
    assert suggest("zebra", map(str, range(17))) is None
    assert suggest("zebra", []) is None
    assert suggest("tpye", ["type"]) == "did you mean `type`?"
