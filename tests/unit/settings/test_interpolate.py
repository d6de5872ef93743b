"""`${NAME}` in the settings file."""

from pathlib import Path

import pytest

from bridge.settings.codes import SettingsCode
from bridge.settings.sources.external_text import ExternalText
from bridge.settings.sources.interpolation import interpolate

ENVIRON = {"NAME": "value", "EMPTY": "", "YAML": "a: [b, #c\n- d"}


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("plain", "plain"),
        ("${NAME}", "value"),
        ("a ${NAME} b ${NAME}", "a value b value"),
        ("${EMPTY}", ""),
        ("${EMPTY:-x}", "x"),
        ("${OTHER:-x}", "x"),
        ("${OTHER:-}", ""),
        ("${OTHER:-a:b c}", "a:b c"),
        ("${NAME:-x}", "value"),
        ("${NAME:?needed}", "value"),
        ("$$", "$"),
        ("$${NAME}", "${NAME}"),
        ("$$${NAME}", "$value"),
        ("pa$word", "pa$word"),
        ("$ConnectionString", "$ConnectionString"),
        ("${YAML}", "a: [b, #c\n- d"),
    ],
)
def test_a_reference_is_replaced_by_its_value(text: str, expanded: str) -> None:
    """The forms of Docker Compose, and literal dollar signs."""
    result = interpolate({"a": [text]}, ENVIRON)
    assert (result.data, result.mistakes) == ({"a": [expanded]}, [])


def test_a_value_is_not_expanded_again() -> None:
    """The value of a variable is data."""
    assert interpolate("${A}", {"A": "${B}", "B": "x"}).data == "${B}"


def test_keys_numbers_and_booleans_are_not_changed() -> None:
    """Only text values are expanded."""
    data = {"${NAME}": 1, "b": [True, None, 1.5]}
    assert interpolate(data, ENVIRON).data == data


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("${OTHER}", SettingsCode.UNSET_VARIABLE),
        ("${EMPTY:?}", SettingsCode.UNSET_VARIABLE),
        ("${OTHER:?say why}", SettingsCode.UNSET_VARIABLE),
        ("${NAME", SettingsCode.REFERENCE_FORM),
        ("${}", SettingsCode.REFERENCE_FORM),
        ("${9}", SettingsCode.REFERENCE_FORM),
        ("${NAME-x}", SettingsCode.REFERENCE_FORM),
        ("${NAME:+x}", SettingsCode.REFERENCE_FORM),
        ("x ${ NAME }", SettingsCode.REFERENCE_FORM),
    ],
)
def test_a_failed_expansion_is_a_mistake_at_its_path(text: str, code: SettingsCode) -> None:
    """Nothing is guessed, and the text is kept."""
    result = interpolate({"a": [text]}, ENVIRON)
    assert [(m.code, m.path) for m in result.mistakes] == [(code, ("a", 0))]
    assert result.data == {"a": [text]}


def test_all_mistakes_are_found() -> None:
    """One per value."""
    assert len(interpolate({"a": "${X}", "b": {"c": "${Y}"}}, {}).mistakes) == 2


def test_a_file_variable_replaces_its_variable(tmp_path: Path) -> None:
    """`NAME_FILE` is read without its final newline, and the file is recorded."""
    file = tmp_path / "secret"
    file.write_bytes(b" two\n\n")
    result = interpolate({"a": "${S}", "b": "x${S:-d}"}, {"S_FILE": str(file), "S": ""})
    assert result.data == {"a": " two\n", "b": "x two\n"}
    assert isinstance(result.data["a"], ExternalText)
    assert result.data["a"].file == file
    assert result.used == {("a",): (str(file),), ("b",): (str(file),)}


def test_setting_a_variable_and_its_file_variant_is_a_mistake(tmp_path: Path) -> None:
    """Neither has precedence."""
    result = interpolate("${S}", {"S_FILE": str(tmp_path), "S": "x"})
    assert [m.code for m in result.mistakes] == [SettingsCode.SET_TWICE]


def test_only_a_single_reference_can_become_another_type() -> None:
    """`${A}` can become a number, `${A}0` is text."""
    data = interpolate(["${A}", "${A}0", "${B:-7}", "5"], {"A": "5"}).data
    assert [isinstance(value, ExternalText) for value in data] == [True, False, True, False]
