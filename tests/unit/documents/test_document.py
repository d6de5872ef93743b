"""Parsing text to data with positions."""

import pytest

from bridge.documents.document import Document, dotted, parse
from bridge.documents.problems import Problems, SourcePlace

TEXT = """\
# a comment
name: café
list:
  - a
  - {x: 0.10, y: [1, 2]}
"key": |
  some
  text
"""


def document(text: str = TEXT) -> Document:
    """A parsed file."""
    return parse(text, "f.yaml")


def problem_positions(text: str) -> list[tuple[str, int, int]]:
    """Code, line and column of every problem in the text."""
    with pytest.raises(Problems) as found:
        document(text)
    places = [(problem.code, problem.place) for problem in found.value.problems]
    return [(code, place.line, place.column) for code, place in places if place is not None]


def test_a_document_is_plain_data() -> None:
    """dict, list, str, int, float, bool and None."""
    assert document().data == {
        "name": "café",
        "list": ["a", {"x": 0.1, "y": [1, 2]}],
        "key": "some\ntext\n",
    }


@pytest.mark.parametrize(
    ("path", "value", "key"),
    [
        ((), (2, 1), (2, 1)),
        (("name",), (2, 7), (2, 1)),
        (("list",), (4, 3), (3, 1)),
        (("list", 0), (4, 5), (4, 5)),
        (("list", 1), (5, 5), (5, 5)),
        (("list", 1, "x"), (5, 9), (5, 6)),
        (("list", 1, "y", 1), (5, 22), (5, 22)),
        (("key",), (6, 8), (6, 1)),
    ],
)
def test_every_path_has_a_position(
    path: tuple[str | int, ...], value: tuple[int, int], key: tuple[int, int]
) -> None:
    """1-based, for the value and for its key."""
    assert document().place(path) == SourcePlace("f.yaml", *value)
    assert document().place(path, key=True) == SourcePlace("f.yaml", *key)


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (("nothing",), (2, 1)),
        (("list", 7), (3, 1)),
        (("list", 1, "z", "deeper"), (5, 5)),
        (("name", "deeper"), (2, 1)),
        (("list", "0"), (3, 1)),
    ],
)
def test_a_missing_path_has_the_position_of_its_parent(
    path: tuple[str | int, ...], place: tuple[int, int]
) -> None:
    """The key of the nearest existing parent."""
    assert document().place(path) == SourcePlace("f.yaml", *place)
    assert document().written(path) is None


def test_a_column_counts_characters() -> None:
    """Not bytes; an emoji counts as one."""
    text = "é😀漢: [ü, x]\n"
    assert document(text).place(("é😀漢", 1)) == SourcePlace("f.yaml", 1, 10)


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r", "\u2028", "\x85"])
def test_every_yaml_line_break_starts_a_new_line(line_break: str) -> None:
    """A problem shows the line of its position."""
    text = line_break.join(["# a", "b: 1", "c: 2"])
    problem = document(text + "\n").problem("X", "x", ("c",))
    assert problem.place == SourcePlace("f.yaml", 3, 4)
    assert problem.source_line == "c: 2"


def test_a_byte_order_mark_is_ignored() -> None:
    """Windows editors write one."""
    assert document("\ufeffa: 1").data == {"a": 1}
    problem = document("\ufeffa: 1").problem("X", "x", ("a",))
    assert (problem.place, problem.source_line) == (SourcePlace("f.yaml", 1, 4), "a: 1")


def test_a_problem_has_its_source_line() -> None:
    """And the fix and severity that it was given."""
    problem = document().problem(
        "M001", "wrong", ("list", 1, "x"), key=True, fix="correct it", severity="warning"
    )
    assert problem.place == SourcePlace("f.yaml", 5, 6)
    assert problem.source_line == "  - {x: 0.10, y: [1, 2]}"
    assert (problem.fix, problem.severity) == ("correct it", "warning")


def test_the_text_of_a_number_is_kept() -> None:
    """0.10 and 0.1 have different numbers of decimals."""
    assert document().written(("list", 1, "x")) == "0.10"
    assert document().written(("list",)) is None


def test_masked_values_are_not_shown() -> None:
    """The width, other values and the data itself do not change."""
    masked = document().masked([("list", 1, "x"), ("key",), ("nothing",)])
    assert masked.problem("X", "x", ("list", 1)).source_line == "  - {x: ****, y: [1, 2]}"
    assert masked.data == document().data
    assert "some" not in masked.text
    assert masked.text.count("\n") == TEXT.count("\n")


def test_an_alias_has_the_data_of_its_anchor() -> None:
    """It has its own position; below it, the positions are those of the anchor."""
    found = document("a: &x {b: 1}\nc: *x\n")
    assert found.data == {"a": {"b": 1}, "c": {"b": 1}}
    assert found.place(("c",)) == SourcePlace("f.yaml", 2, 4)
    assert found.place(("c", "b")) == SourcePlace("f.yaml", 1, 11)


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("", [("D012", 1, 1)]),
        ("# nothing\n", [("D012", 1, 1)]),
        ("---\n", [("D012", 1, 1)]),
        ("\ufeff", [("D012", 1, 1)]),
        ("a: 1\n---\nb: 2\n", [("D011", 2, 1)]),
        ("a: 1\n---\n", [("D011", 2, 1)]),
        ("a: 1\nb: 2\na: 3\n", [("D007", 3, 1)]),
        ("a: {b: 1, 'b': 2}", [("D007", 1, 11)]),
        ("1: a\n", [("D008", 1, 1)]),
        ("~: a\n", [("D008", 1, 1)]),
        ("true: a\n", [("D008", 1, 1)]),
        ("? [a, b]\n: c\n", [("D008", 1, 3)]),
        ("<<: {a: 1}\n", [("D009", 1, 1)]),
        ("a: !!int 5\n", [("D010", 1, 4)]),
        ("a: ! x\n", [("D010", 1, 4)]),
        ("a: !!python/object/apply:os.system [x]\n", [("D010", 1, 4)]),
        ("!x {a: 1}\n", [("D010", 1, 1)]),
        ("a: *b\n", [("D006", 1, 4)]),
        ("a: &a [*a]\n", [("D005", 1, 8)]),
        ("a: 1e999\n", [("D013", 1, 4)]),
        ("a: \x07\n", [("D002", 1, 4)]),
        ("a: \ud800\n", [("D002", 1, 4)]),
        ("b: \ufffe\n", [("D002", 1, 4)]),
        ("a: 'x\nb: 1\n", [("D003", 1, 4)]),
        ("a:\n\tb: 1\n", [("D003", 2, 1)]),
        ("a: [1, 2\nb: 3\n", [("D003", 2, 2)]),
        ("a\nb: 1\n", [("D003", 2, 2)]),
        ("a: b\nc\n", [("D003", 2, 1)]),
        ("a: @x\n", [("D003", 1, 4)]),
        ("%YAML 3.0\n---\na: 1\n", [("D003", 1, 1)]),
    ],
)
def test_unsupported_yaml_is_reported_at_its_position(
    text: str, problems: list[tuple[str, int, int]]
) -> None:
    """One row per kind of mistake."""
    assert problem_positions(text) == problems


def test_all_mistakes_before_a_syntax_error_are_reported() -> None:
    """Parsing continues as long as possible."""
    text = "a: 1\na: 2\n5: x\n<<: y\nb: !t z\nc: [\n"
    assert [code for code, _, _ in sorted(problem_positions(text), key=lambda x: x[1:])] == [
        "D007",
        "D008",
        "D009",
        "D010",
        "D003",
    ]


def test_a_quoted_merge_key_is_an_ordinary_key() -> None:
    """Only the unquoted one is a merge key in YAML 1.1."""
    assert document('"<<": 1\n"1": 2\n"null": 3\n').data == {"<<": 1, "1": 2, "null": 3}


@pytest.mark.parametrize(
    ("text", "is_allowed"),
    [
        ("[" * 64 + "]" * 64, True),
        ("[" * 65 + "]" * 65, False),
        ("[" * 66, False),
        ("- " * 66, False),
        ("a: &a " + "[" * 40 + "]" * 40 + "\nb: " + "[" * 23 + "*a" + "]" * 23, True),
        ("a: &a " + "[" * 40 + "]" * 40 + "\nb: " + "[" * 24 + "*a" + "]" * 24, False),
    ],
)
def test_nesting_is_limited(text: str, is_allowed: bool) -> None:
    """64 levels, with aliases expanded; reading ends at the level beyond them."""
    if is_allowed:
        document(text)
    else:
        assert problem_positions(text)[0][0] == "D004"


def test_alias_expansion_is_limited() -> None:
    """A small file must not expand to a large one."""
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    for name, before in zip("bcdefg", "abcdef", strict=True):
        lines.append(f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]")
    assert problem_positions("\n".join(lines))[0][0] == "D005"


def test_the_file_size_is_limited() -> None:
    """Counted in UTF-8 bytes."""
    assert document("# " + "x" * (1024 * 1024 - 7) + "\na: 1").data == {"a": 1}
    assert problem_positions("# " + "x" * (1024 * 1024 - 6) + "\na: 1") == [("D001", 1, 1)]
    assert problem_positions("# " + "é" * (1024 * 512) + "\na: 1") == [("D001", 1, 1)]


def test_a_path_is_shown_in_dotted_form() -> None:
    """For messages."""
    assert dotted(("a", 0, "b.c", 1)) == "a[0].b.c[1]"
    assert dotted(()) == ""
