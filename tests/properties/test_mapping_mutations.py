"""One changed character in the example mappings: no effect, refused, or still valid."""

import random
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal

import pytest

from bridge.documents.document import Document, parse
from bridge.documents.problems import Problems
from bridge.mapping.compiler.compiler import compile_plan
from bridge.mapping.language.loader import load_rules
from bridge.mapping.language.options import Options
from bridge.mapping.testing.tests import mapping_tests_of
from bridge.schema.parser import parse_schema
from bridge.schema.types import Schema

SCHEMAS = Path(__file__).parent.parent.parent / "schemas"
FILES = {"payments": "payment", "orders": "order"}
CHARACTERS = "abzAZ019 .-_:,'\"[]{}#&*!|>%@`$~?\\/\n\t\0\x7f\u00e9\u2028\U0001f389"
"""Replacements: the special characters of YAML, paths and templates, and some others."""

Result = Literal["same", "refused", "valid"]


@cache
def schema_of(topic: str) -> Schema:
    """The example schema of a topic."""
    return parse_schema((SCHEMAS / "avro" / f"{FILES[topic]}.avsc").read_text(encoding="utf-8"))


@cache
def text_of(topic: str) -> str:
    """The example mappings of a topic."""
    return (SCHEMAS / "mappings" / f"{topic}.yaml").read_text(encoding="utf-8")


@cache
def document_of(topic: str) -> Document:
    """The same, parsed."""
    return parse(text_of(topic), topic)


def mutations(topic: str, count: int, seed: int) -> Iterator[str]:
    """Texts in which one character is replaced, removed, inserted or doubled."""
    rng = random.Random(seed)
    text = text_of(topic)
    for _ in range(count):
        at = rng.randrange(len(text))
        new = rng.choice([rng.choice(CHARACTERS), "", text[at] * 2, None])
        if new is None:
            yield text[:at] + rng.choice(CHARACTERS) + text[at:]
        else:
            yield text[:at] + new + text[at + 1 :]


def result(topic: str, text: str) -> Result:
    """The result of `check` for a text; every problem has a place within it."""
    try:
        document = parse(text, topic)
        rules = load_rules([document], Options(hash_key=b"secret"))
        compile_plan(rules, topic, schema_of(topic))
    except Problems as problems:
        _assert_placed(problems, text)
        return "refused"
    mapping_tests_of(document)
    if document.data == document_of(topic).data:
        return "same"
    _assert_one_difference(document_of(topic).data, document.data)
    return "valid"


def _assert_placed(problems: Problems, text: str) -> None:
    lines = text.splitlines() or [""]
    for problem in problems.problems:
        place = problem.place
        if place is None or not 1 <= place.line <= len(lines) + 1 or place.column < 1:
            pytest.fail(f"no place: {problem}")
        if problem.code[0] not in "DM" or not problem.message:
            pytest.fail(f"no code, or no message: {problem}")


def _assert_one_difference(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Only the edited part differs: exactly one mapping, or the other keys."""
    one, other = dict(before), dict(after)
    tests = one.pop("tests"), other.pop("tests", None)  # an anchor's value occurs in several
    pairs = zip(one.pop("mappings"), other.pop("mappings"), strict=True)
    changed = sum(old != new for old, new in pairs) + (tests[0] != tests[1])
    keys = {key for key in {*one, *other} if one.get(key) != other.get(key)}
    assert changed + bool(keys) == 1


@pytest.mark.parametrize("topic", list(FILES))
def test_one_changed_character_is_valid_or_a_problem_with_a_place(topic: str) -> None:
    """1,000 mutations of each file, always the same ones."""
    found = Counter(result(topic, text) for text in mutations(topic, 1000, seed=4))

    assert found["same"] > 10
    assert found["valid"] > 100
    assert found["refused"] > 300


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("topic", list(FILES))
def test_so_are_20_000_other_mutations(topic: str) -> None:
    """With another seed."""
    for text in mutations(topic, 20_000, seed=5):
        result(topic, text)
