"""The pure rules of the stand-in's contract."""

import pytest

from bridge.sandbox.fullstory import contract_v1


@pytest.mark.parametrize(
    ("segment", "uid"),
    [
        ("abc", "abc"),
        ("a-b_c.d~e", "a-b_c.d~e"),
        ("%C3%A9", "é"),
        ("a%2fb", "a/b"),
        ("%25", "%"),
        ("a" * 256, "a" * 256),
    ],
)
def test_an_encoded_uid_is_read_back(segment: str, uid: str) -> None:
    """One segment, decoded once."""
    assert contract_v1.uid_of(f"/users/v1/individual/{segment}/customevent") == uid


@pytest.mark.parametrize(
    "path",
    [
        "/users/v1/individual/a/b/customevent",
        "/users/v1/individual/a/customevent/",
        "/users/v1/individual/é/customevent",
        "/users/v1/individual/a b/customevent",
        "/users/v1/individual/%2e%2E/customevent",
        "/users/v1/individual/a/customevent?x=1",
        "/v1/users/v1/individual/a/customevent",
    ],
)
def test_anything_but_one_encoded_segment_is_no_uid(path: str) -> None:
    """An extra segment, a raw character, a dot segment or a query."""
    assert contract_v1.uid_of(path) is None


def test_an_infinite_real_is_refused() -> None:
    """A number too large for a double is not finite."""
    body = b'{"event":{"event_name":"x","event_data":{"a_real":1e999}}}'
    assert contract_v1.refusal(body) is not None


def test_a_refusal_names_the_field() -> None:
    """The sentence says which field, never its value."""
    problem = contract_v1.refusal(b'{"event":{"event_name":"x","stamp":"secret"}}')
    assert problem == "unknown field event.stamp"
