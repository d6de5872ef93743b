"""The pure rules of the stand-in's v1 contract."""

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
def test_an_encoded_uid_is_decoded(segment: str, uid: str) -> None:
    """The uid is one segment, decoded once."""
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
def test_a_path_without_exactly_one_encoded_segment_has_no_uid(path: str) -> None:
    """Extra segments, raw characters, dot segments and queries are invalid."""
    assert contract_v1.uid_of(path) is None


def test_an_infinite_real_is_refused() -> None:
    """A number that is too large for a double is not finite."""
    body = b'{"event":{"event_name":"x","event_data":{"a_real":1e999}}}'
    assert contract_v1.refusal(body) is not None


def test_a_refusal_names_the_field() -> None:
    """The message names the field, never its value."""
    problem = contract_v1.refusal(b'{"event":{"event_name":"x","stamp":"secret"}}')
    assert problem == "unknown field event.stamp"
