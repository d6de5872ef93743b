"""Values that are never sent in the clear."""

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
    """Matching ignores case and treats a dot as an underscore."""
    assert refusing_glob(text, [glob]) == glob


@pytest.mark.parametrize("text", ["cardinality", "discarded", "spanish", "pinned", "classname"])
def test_the_built_in_globs_allow_harmless_names(text: str) -> None:
    """A word that only contains a forbidden short word."""
    plan_of(f"properties:\n  {text}: u", "int")


@pytest.mark.parametrize(
    "rule",
    ["x.secret", "{first_of: [u, x.secret]}", '{template: "a {x.secret}", optional: true}'],
)
def test_a_forbidden_path_is_refused_in_every_source(rule: str) -> None:
    """In `path`, in `first_of` and in a template."""
    with pytest.raises(Problems, match=r"M014: the path `x.secret` must never be sent in the"):
        plan_of(f"properties:\n  p: {rule}", MAP)


def test_a_forbidden_uid_is_refused() -> None:
    """A uid is part of the request's URL."""
    with pytest.raises(Problems, match=r"M014: the path `x.ssn`"):
        plan_of("uid: {path: x.ssn, optional: true}", MAP)


def test_a_hashed_or_redacted_value_can_be_sent() -> None:
    """The value itself is not sent."""
    rules = ["hash: hmac-sha256", "redact: mask", "redact: last4"]
    for rule in rules:
        body = f"properties:\n  card_number: {{path: x.card, {rule}, optional: true}}"
        assert plan_of(body, MAP, Options(hash_key=b"k")).warnings == ()


def test_settings_and_files_add_globs() -> None:
    """Neither removes a built-in glob."""
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
def test_card_numbers_of_the_large_schemes_are_detected(number: str) -> None:
    """The schemes' published test numbers."""
    assert is_card_number(number)


@pytest.mark.parametrize(
    "number", ["4111111111111112", "411111111111111", "1764000000120", "9999999999999995", "", "4"]
)
def test_other_numbers_are_not_detected_as_cards(number: str) -> None:
    """A wrong check digit, a wrong length, a prefix that no scheme has."""
    assert not is_card_number(number)
