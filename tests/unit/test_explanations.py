"""Every code that the bridge can report has a paragraph, and every paragraph has a code."""

import re
from pathlib import Path

import bridge
from bridge.explanations.loader import EXPLANATIONS, TITLES
from bridge.mapping.language import codes as mapping_codes
from bridge.settings import codes as settings_codes

_PACKAGE = Path(bridge.__file__).parent
_SOURCES = ("documents/*.py", "mapping/testing/*.py", "commands/**/*.py", "app/*.py")


def _codes_in_source() -> set[str]:
    """The codes of documents, tests, commands and the start, as their modules write them."""
    text = "".join(file.read_text() for glob in _SOURCES for file in _PACKAGE.glob(glob))
    return set(re.findall(r'"([DTC]\d{3})"', text))


def test_every_code_has_a_paragraph_and_every_paragraph_a_code() -> None:
    """Mappings, settings, documents, tests and commands."""
    codes = {*mapping_codes.Code, *settings_codes.SettingsCode, *_codes_in_source()}

    assert sorted(map(str, codes)) == sorted(EXPLANATIONS)


def test_every_code_has_one_title() -> None:
    """In the module of its code, or in the loader."""
    titles = [*mapping_codes.TITLES, *settings_codes.TITLES, *TITLES]

    assert sorted(map(str, titles)) == sorted(EXPLANATIONS)


def test_a_paragraph_is_at_least_one_full_sentence() -> None:
    """It is not trivially short, and it ends in a full stop."""
    short = [code for code, text in EXPLANATIONS.items() if len(text) < 50 or text[-1] != "."]

    assert short == []


def test_no_code_has_two_paragraphs() -> None:
    """A second heading of the same code would replace the first paragraph."""
    texts = [file.read_text() for file in (_PACKAGE / "explanations").glob("*.md")]
    headings = re.findall(r"^## (.*)$", "\n".join(texts), re.MULTILINE)

    assert sorted(headings) == sorted(EXPLANATIONS)
