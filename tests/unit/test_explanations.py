"""Every diagnostic code has an explanation, and no explanation is stale."""

import re
from pathlib import Path

import bridge
from bridge.explanations.loader import EXPLANATIONS, TITLES
from bridge.mapping.language import codes as mapping_codes
from bridge.settings import codes as settings_codes

_PACKAGE = Path(bridge.__file__).parent
_GLOBS = ("documents/*.py", "mapping/testing/*.py", "commands/**/*.py")


def _literal_codes() -> set[str]:
    """Return the codes that documents, mapping tests and commands have as literals."""
    text = "".join(file.read_text() for glob in _GLOBS for file in _PACKAGE.glob(glob))
    return set(re.findall(r'"([DTC]\d{3})"', text))


def test_every_code_has_an_explanation_and_every_explanation_a_code() -> None:
    """Codes of the mapping, the settings, the documents, the mapping tests and the commands."""
    codes = {*mapping_codes.Code, *settings_codes.SettingsCode, *_literal_codes()}

    assert sorted(map(str, codes)) == sorted(EXPLANATIONS)


def test_every_code_has_one_title() -> None:
    """Defined with the code, or with the explanation."""
    titles = [*mapping_codes.TITLES, *settings_codes.TITLES, *TITLES]

    assert sorted(map(str, titles)) == sorted(EXPLANATIONS)


def test_an_explanation_is_at_least_one_sentence() -> None:
    """It ends with a period."""
    short = [code for code, text in EXPLANATIONS.items() if len(text) < 50 or text[-1] != "."]

    assert short == []
