"""The pure rules of the stand-in's contracts."""

import orjson
import pytest

from bridge.sandbox.fullstory import contract_v1, contract_v2


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


LONG = "n" * 170


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ({"a": {"b": {"c_str": "x"}, "d_int": 1}}, None),
        ({"a": {}}, "event_data: the object a is empty"),
        ({"a": "x"}, "event_data: the name a is invalid or has none of the ten suffixes"),
        ({"a": {"b": 1}}, "event_data: the name a.b is invalid or has none of the ten suffixes"),
        ({"a": {"b_int": "1"}}, "event_data: the value of a.b_int does not match the type of"),
        ({"a_str": {"b_int": 1}}, "event_data: the object a_str ends in a type"),
        ({"a b": {"c_int": 1}}, "event_data: the name a b is invalid"),
        ({"a.b_int": 1}, "event_data: the name a.b_int is invalid"),
        ({"a_strs": [{"b_str": "x"}]}, "event_data: the value of a_strs does not match"),
        ({LONG: {LONG: {LONG[:167] + "_s": 1}}}, "event_data: the name"),
        ({LONG: {LONG: {LONG[:166] + "_str": "x"}}}, None),
        ({LONG: {LONG: {LONG[:167] + "_str": "x"}}}, "event_data: the name"),
    ],
)
def test_v1_takes_objects_whose_inner_names_follow_the_same_rules(
    data: object, problem: str | None
) -> None:
    """An object has no suffix; the dotted whole counts towards 512 characters."""
    body = orjson.dumps({"event": {"event_name": "x", "event_data": data}})
    found = contract_v1.refusal(body)
    assert found == problem if problem is None else str(found).startswith(problem)


@pytest.mark.parametrize(
    ("properties", "types", "problem"),
    [
        ({"a": {"b": {"c": "x"}, "d": 1}}, {"a.b.c": "str", "a.d": "int"}, None),
        ({"a": {"b": "x"}}, {}, None),
        ({"a": {}}, {}, "properties: the object a is empty"),
        ({"a": {"b": 1}}, {"a": "str"}, "schema: there is no property a"),
        ({"a": {"b": 1}}, {"b": "int"}, "schema: there is no property b"),
        ({"a": {"b": 1}}, {"a.b": "str"}, "properties: the value of a.b does not match its type"),
        ({"a.b": 1}, {"a.b": "int"}, "properties: the name a.b is invalid"),
        ({"a": {"b_int": 1}}, {}, "properties: the name a.b_int ends in a type"),
        ({"a_str": {"b": "x"}}, {}, "properties: the name a_str ends in a type"),
        ({"a": [{"b": "x"}]}, {}, "properties: the value of a does not match its type"),
        ({LONG: {LONG: {LONG: "x"}}}, {}, None),
        ({LONG: {LONG: {LONG + "n": "x"}}}, {}, "properties: the name"),
    ],
)
def test_v2_takes_objects_and_names_their_types_by_dotted_paths(
    properties: object, types: object, problem: str | None
) -> None:
    """The same rules as in v1, without suffixes."""
    body = {"name": "x", "properties": properties, "schema": {"properties": types}}
    found = contract_v2.refusal(orjson.dumps(body))
    assert found == problem if problem is None else str(found).startswith(problem)
