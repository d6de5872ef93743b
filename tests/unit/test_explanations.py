"""Every code that can be told has a paragraph, and no paragraph is stale."""

import re
from pathlib import Path

import bridge
from bridge.explanations.loader import EXPLANATIONS, TITLES
from bridge.mapping.language import codes as mapping_codes
from bridge.settings import codes as settings_codes

_HOME = Path(bridge.__file__).parent
_PLACES = ("documents/*.py", "mapping/testing/*.py", "commands/**/*.py")


def _written() -> set[str]:
    """The codes of documents, tests and commands, as the code writes them."""
    text = "".join(file.read_text() for place in _PLACES for file in _HOME.glob(place))
    return set(re.findall(r'"([DTC]\d{3})"', text))


def test_every_code_has_a_paragraph_and_every_paragraph_a_code() -> None:
    """Of the mapping, the settings, the documents, the tests and the commands."""
    codes = {*mapping_codes.Code, *settings_codes.SettingsCode, *_written()}

    assert sorted(map(str, codes)) == sorted(EXPLANATIONS)


def test_every_code_has_one_title() -> None:
    """Beside the code, or beside the paragraph."""
    titles = [*mapping_codes.TITLES, *settings_codes.TITLES, *TITLES]

    assert sorted(map(str, titles)) == sorted(EXPLANATIONS)


def test_a_paragraph_says_something() -> None:
    """A sentence at least, and it ends."""
    short = [code for code, text in EXPLANATIONS.items() if len(text) < 50 or text[-1] != "."]

    assert short == []
