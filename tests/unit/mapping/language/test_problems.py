"""How mistakes are reported across rules and files, and the list of codes."""

from typing import Any, Literal

import pytest

from bridge.documents.document import parse
from bridge.documents.problems import Problems
from bridge.mapping.language.codes import TITLES, Code
from bridge.mapping.language.loader import load_rules
from bridge.mapping.language.options import Options
from tests.unit.mapping.project import ENUM, MAP, document, nullable, plan_of, problems_of


def test_all_mistakes_of_a_mapping_are_reported_together() -> None:
    """Form and schema are checked in two passes; within each, no mistake hides another."""
    form = problems_of("uid: a..b\nevent: ''\nproperties:\n  p-1: x\n  q: x[", "int")
    schema = problems_of("uid: usr\ntimestamp: x\nfilter: {z: 1}\nproperties:\n  q: y", "int")

    assert [problem.code for problem in form] == ["M003", "M009", "M006", "M003"]
    assert {problem.code for problem in schema} == {"M030", "M041"}
    assert len(schema) == 4


def test_a_malformed_mapping_does_not_hide_mistakes_in_others() -> None:
    """The first mapping has an unknown key, the second an invalid name."""
    text = """
format: 1
mappings:
  - {name: a, topics: [t], uid: u, event: E, nme: x}
  - {name: B, topics: [t], uid: u, event: E}
"""
    with pytest.raises(Problems) as raised:
        load_rules([parse(text, "m.yaml")])

    assert [problem.code for problem in raised.value.problems] == ["M024", "M001"]


def test_a_name_is_unique_over_all_files() -> None:
    """The second one is reported, with the place of the first."""
    with pytest.raises(Problems) as raised:
        load_rules([document(""), parse(document("").text, "other.yaml")])

    (problem,) = raised.value.problems
    assert (problem.code, problem.fix) == ("M002", "the other one is at m.yaml:3:11")
    assert str(problem.place) == "other.yaml:3:11"


def test_a_session_of_the_other_api_is_refused() -> None:
    """v1 supports `url` and `device`, v2 supports `id`."""
    v2 = Options(api="v2")

    assert plan_of("session: {id: u}", "int", v2).warnings == ()
    with pytest.raises(Problems, match="API v2 does not support a session by `url`"):
        plan_of("session: {url: u}", "int", v2)


APIS: tuple[Literal["v1", "v2"], ...] = ("v1", "v2")
WITHOUT_UID = "{name: a, topics: [t], event: E, session: {id: u}}"


def test_an_event_of_v2_with_a_session_id_needs_no_uid() -> None:
    """The session may also be the default of the file."""
    default = "defaults: {session: {id: u}}\nmappings: [{name: a, topics: [t], event: E}]"
    for text in (f"mappings: [{WITHOUT_UID}]", default):
        load_rules([parse(f"format: 1\n{text}\n", "m.yaml")], Options(api="v2"))


def test_a_session_id_of_the_wrong_api_is_the_only_problem() -> None:
    """With the right API, the mapping needs no uid."""
    document = parse(f"format: 1\nmappings: [{WITHOUT_UID}]\n", "m.yaml")
    with pytest.raises(Problems) as raised:
        load_rules([document], Options(api="v1"))

    assert [problem.code for problem in raised.value.problems] == ["M013"]


@pytest.mark.parametrize(
    ("mapping", "api"),
    [
        (WITHOUT_UID.replace("id: u", "url: u"), "v1"),
        (WITHOUT_UID.replace("{id: u}", "recent"), "v2"),
        (WITHOUT_UID.replace(", session: {id: u}", ""), "v2"),
    ],
)
def test_every_other_event_needs_a_uid(mapping: str, api: Literal["v1", "v2"]) -> None:
    """The problem is that of any required key, at the mapping that lacks it."""
    document = parse(f"format: 1\nmappings: [{mapping}]\n", "m.yaml")
    with pytest.raises(Problems) as raised:
        load_rules([document], Options(api=api))

    (problem,) = raised.value.problems
    assert (problem.code, problem.message) == ("M025", "`mappings[0].uid` is missing")
    assert problem.fix == "add `uid:`"
    assert str(problem.place).startswith("m.yaml:2:")


def test_a_field_that_only_v1_has_is_refused_for_v2() -> None:
    """v2 would reject every event, so the mapping is refused first."""
    line = "user_initiated: false"

    assert plan_of(line, "int").warnings == ()
    with pytest.raises(Problems, match="M045: API v2 has no field `user_initiated`"):
        plan_of(line, "int", Options(api="v2"))


@pytest.mark.parametrize("name", ["kafka", "My Bus 2", "a,b;c=d", "x" * 100])
def test_an_integration_has_a_name_that_both_apis_take(name: str) -> None:
    """A field in v1, a header in v2."""
    for api in APIS:
        assert plan_of(f"integration: '{name}'", "int", Options(api=api)).warnings == ()


@pytest.mark.parametrize("name", ["", " ", " bus", "bus ", "a\\r\\nb", "b\\0s", "Büs", "x" * 101])
def test_an_integration_that_is_no_header_value_is_refused_for_v2(name: str) -> None:
    """A line break would end the header."""
    with pytest.raises(Problems) as raised:
        plan_of(f'integration: "{name}"', "int", Options(api="v2"))

    (problem,) = raised.value.problems
    assert (problem.code, problem.message) == (
        "M027",
        "`integration` must be 1 to 100 printable ASCII characters, without spaces at its ends",
    )


@pytest.mark.parametrize(
    ("filter_", "type_"),
    [
        ("x: [{exists: true}]", "int"),
        ("x: [RED, BLUE]", ENUM),
        ("x: [true, false]", "boolean"),
        ("x: [{exists: false}, {exists: true}]", nullable("int")),
    ],
)
def test_a_filter_that_always_matches_is_a_warning(filter_: str, type_: Any) -> None:
    """It does no harm, but is probably not what its author intended."""
    (warning,) = plan_of(f"filter: {{{filter_}}}", type_).warnings

    assert (warning.code, warning.severity) == ("M037", "warning")


def test_a_plain_hash_of_a_guessable_value_is_a_warning() -> None:
    """There are so few phone numbers that an attacker can try them all."""
    (warning,) = plan_of(
        "properties:\n  p: {path: x.phone, hash: sha256, optional: true}", MAP
    ).warnings

    assert (warning.code, warning.severity) == ("M016", "warning")


def test_every_code_has_a_title() -> None:
    """`check --explain` prints it."""
    assert set(TITLES) == set(Code)
    assert len({code.value for code in Code}) == len(Code)
