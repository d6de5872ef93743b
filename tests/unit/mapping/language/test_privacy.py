"""What never leaves in clear."""

import pytest

from bridge.documents.problems import Problems
from bridge.mapping.language.options import Options
from bridge.mapping.language.privacy import is_card_number, refusing_glob
from tests.unit.mapping.project import MAP, plan_of


@pytest.mark.parametrize(
    ("text", "glob"),
    [
        ("method.card.number", "card"),
        ("Password", "*password*"),
        ("user.passwordHash", "*password*"),
        ("card.number", "card_number"),
        ("customer.iban[0]", "iban"),
        ('meta["api.key"]', "*api_key*"),
        ("CVV2", "cvv*"),
    ],
)
def test_a_glob_matches_the_whole_path_or_any_name_in_it(text: str, glob: str) -> None:
    """In small letters, a dot is an underscore."""
    assert refusing_glob(text, [glob]) == glob


@pytest.mark.parametrize("text", ["cardinality", "discarded", "spanish", "pinned", "classname"])
def test_the_built_in_globs_spare_harmless_names(text: str) -> None:
    """A word that only contains a short one."""
    plan_of(f"properties:\n  {text}: u", "int")


@pytest.mark.parametrize(
    "rule",
    ["x.secret", "{first_of: [u, x.secret]}", '{template: "a {x.secret}", optional: true}'],
)
def test_a_forbidden_path_is_refused_in_every_place(rule: str) -> None:
    """A path, one of several, or within a template."""
    with pytest.raises(Problems, match=r"M014: the path `x.secret` may never be sent in clear"):
        plan_of(f"properties:\n  p: {rule}", MAP)


def test_a_forbidden_uid_is_refused() -> None:
    """A uid stands in the address of the request."""
    with pytest.raises(Problems, match=r"M014: the path `x.ssn`"):
        plan_of("uid: {path: x.ssn, optional: true}", MAP)


def test_hash_redact_and_count_make_it_sendable() -> None:
    """Nothing of the value itself leaves then."""
    rules = ["hash: hmac-sha256", "redact: mask", "redact: last4"]
    for rule in rules:
        body = f"properties:\n  card_number: {{path: x.card, {rule}, optional: true}}"
        assert plan_of(body, MAP, Options(hash_key=b"k")).warnings == ()


def test_settings_and_files_add_globs() -> None:
    """Neither takes any away."""
    with pytest.raises(Problems, match=r"\(`\*nick\*`\)"):
        plan_of("properties:\n  nickname: u", "int", Options(never_send=["*nick*"]))
    with pytest.raises(Problems, match=r"\(`\*password\*`\)"):
        plan_of("properties:\n  password: u", "int", Options(never_send=["*nick*"]))


@pytest.mark.parametrize(
    "number",
    [
        "4111111111111111",
        "4222222222222",
        "5555555555554444",
        "2223003122003222",
        "378282246310005",
        "6011-1111-1111-1117",
        "30569309025904",
        "3530 1113 3330 0000",
    ],
)
def test_numbers_of_the_large_card_schemes_are_known(number: str) -> None:
    """The schemes' published test numbers."""
    assert is_card_number(number)


@pytest.mark.parametrize(
    "number", ["4111111111111112", "411111111111111", "1764000000120", "9999999999999995", "", "4"]
)
def test_other_numbers_are_not_taken_for_cards(number: str) -> None:
    """A wrong check digit, a wrong length, a beginning that no scheme has."""
    assert not is_card_number(number)
