"""Invariants of documents, for any data and any text."""

import re
from collections.abc import Iterator
from typing import Any

import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from bridge.documents.document import DataPath, Document, parse
from bridge.documents.problems import Problem, Problems, render
from bridge.documents.scalars import resolve

TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"])
    | st.sampled_from("\n\t\"'#:-?[]{}&*!|>%@`$,~ "),
    max_size=20,
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False)
    | TEXT
    | st.sampled_from(["NO", "on", "12:30:00", "2024-01-01", "0o17", "0x1f", "1e3", "~", "<<", ""])
)
DATA = st.recursive(
    SCALARS,
    lambda below: st.lists(below, max_size=4) | st.dictionaries(TEXT, below, max_size=4),
    max_leaves=15,
)
SAMPLE = """\
# comment
format: 1
mappings:
  - name: &n payment
    filter: {status: [A, 'B'], "x.y": [{above: 0}]}
    text: |
      some
    other: *n
"""


class Dumper(yaml.SafeDumper):
    """Writes for the core schema: text that would resolve to another type is quoted."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write repeated parts in full."""
        return True


def quoted(dumper: Dumper, text: str) -> yaml.ScalarNode:
    """Text in double quotes if plain text would resolve to another type."""
    try:
        plain = resolve(text) == text
    except ValueError:
        plain = False
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if plain else '"')


Dumper.add_representer(str, quoted)


def paths(data: Any, path: DataPath = ()) -> Iterator[DataPath]:
    """The paths of all values in the data."""
    yield path
    if isinstance(data, dict):
        for key, value in data.items():
            yield from paths(value, (*path, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from paths(value, (*path, index))


def within(document: Document, path: DataPath) -> bool:
    """Whether the positions of a value are inside the text or just after its end."""
    positions = [document.place(path), document.place(path, key=True)]
    lines = [*document.lines, ""]
    return all(
        1 <= place.line <= len(lines) and 1 <= place.column <= len(lines[place.line - 1]) + 1
        for place in positions
    )


@given(DATA, st.sampled_from([None, True, False]), st.integers(20, 100))
def test_parsing_restores_the_dumped_data(data: Any, flow: bool | None, width: int) -> None:
    """The same data with the same types, and every position inside the text."""
    text = yaml.dump(
        data,
        Dumper=Dumper,
        default_flow_style=flow,
        width=width,
        allow_unicode=True,
        sort_keys=False,
    )
    document = parse(text, "f")
    assert repr(document.data) == repr(data)
    assert all(within(document, path) for path in paths(data))


@given(DATA)
def test_masking_all_values_keeps_the_layout(data: Any) -> None:
    """The number and the lengths of the lines do not change."""
    document = parse(yaml.dump(data, Dumper=Dumper), "f")
    masked = document.masked(paths(data))
    assert list(map(len, masked.lines)) == list(map(len, document.lines))
    assert masked.data is document.data


def check_parse(text: str) -> None:
    """Parse any text: the result is a document, or problems inside the text."""
    found: tuple[Problem, ...] = ()
    try:
        parse(text, "f")
    except Problems as problems:
        found = problems.problems
    lines = re.split("\r\n|[\r\n\x85\u2028\u2029]", text.removeprefix("\ufeff"))
    for problem in found:
        assert problem.place is not None
        assert 1 <= problem.place.line <= len(lines)
        assert 1 <= problem.place.column <= len(lines[problem.place.line - 1]) + 1
        assert problem.code.startswith("D0")
        assert render([problem]).startswith("f:")


@given(st.text(max_size=200) | TEXT)
@example("\ud800")
@example("\x00")
@example("\ufeff\ufeff")
@example("a: [" * 300)
@example("? " * 300)
@example("&a [*a, *b]")
@example("%TAG ! x\n--- !<!> a")
@example("\u2028\ta: 'x")
def test_any_text_is_a_document_or_problems(text: str) -> None:
    """No text raises another exception."""
    check_parse(text)


MUTATIONS = st.lists(
    st.tuples(st.integers(0, len(SAMPLE)), st.integers(0, 3), TEXT | st.characters()),
    min_size=1,
    max_size=4,
)


@given(MUTATIONS)
def test_a_mutated_file_is_a_document_or_problems(mutations: list[tuple[int, int, str]]) -> None:
    """Characters are removed and inserted anywhere."""
    text = SAMPLE
    for position, removed, inserted in mutations:
        text = text[:position] + inserted + text[position + removed :]
    check_parse(text)
