"""What FullStory's v1 endpoint accepts and refuses, verified on the stand-in.

Each case follows the public contract, or is a case that the contract leaves undefined and that the
stand-in refuses.
"""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import orjson
import pytest
import pytest_asyncio
from yarl import URL

from bridge.sandbox.fullstory.server import FullStoryStandIn

KEY = "na1.contract-key"
EVENT: dict[str, Any] = {
    "event_name": "Support Ticket",
    "event_data": {"id_int": 424242, "priority_str": "Normal"},
    "timestamp": "2022-03-15T14:23:23Z",
    "use_recent_session": True,
}


class Caller:
    """An HTTP client of the stand-in."""

    def __init__(self, stand_in: FullStoryStandIn, session: aiohttp.ClientSession) -> None:
        self.stand_in = stand_in
        self.session = session

    async def send(
        self,
        body: object,
        *,
        uid: str = "user-1",
        auth: str = f"Basic {KEY}",
        content_type: str = "application/json",
        path: str | None = None,
        method: str = "POST",
    ) -> tuple[int, Any]:
        """Status and decoded body of one request; `uid` and `path` are sent verbatim."""
        path = f"/users/v1/individual/{uid}/customevent" if path is None else path
        async with self.session.request(
            method,
            URL(self.stand_in.url + path, encoded=True),
            data=body if isinstance(body, bytes) else orjson.dumps(body),
            headers={"Authorization": auth, "Content-Type": content_type},
            allow_redirects=False,
        ) as answer:
            raw = await answer.read()
            return answer.status, orjson.loads(raw) if raw.startswith(b"{") else raw

    async def event(self, **changes: Any) -> int:
        """The status for the valid event with some fields changed."""
        status, _ = await self.send({"event": {**EVENT, **changes}})
        return status

    async def data(self, name: str, value: object) -> int:
        """The status for an event with one property."""
        return await self.event(event_data={name: value})


@pytest_asyncio.fixture
async def caller() -> AsyncIterator[Caller]:
    """A stand-in and its client."""
    async with (
        FullStoryStandIn(key=KEY, known=lambda uid: not uid.startswith("unknown")) as stand_in,
        aiohttp.ClientSession() as session,
    ):
        yield Caller(stand_in, session)


async def test_the_documented_example_is_accepted_with_an_empty_object(caller: Caller) -> None:
    """The response is 200 `{}`, and the exact bytes are stored under the decoded uid."""
    body = orjson.dumps({"event": EVENT})
    assert await caller.send(body, uid="a%2Fb%3Ac") == (200, {})
    (accepted,) = caller.stand_in.accepted
    assert (accepted.uid, accepted.body) == ("a/b:c", body)
    assert accepted.path == "/users/v1/individual/a%2Fb%3Ac/customevent"


@pytest.mark.parametrize(
    "auth",
    ["", KEY, f"Bearer {KEY}", f"basic {KEY}", "Basic bmExLmNvbnRyYWN0LWtleTo=", f"Basic {KEY}x"],
)
async def test_a_key_that_is_not_verbatim_after_basic_is_refused(caller: Caller, auth: str) -> None:
    """Base64-encoding the key is the most common mistake in public clients."""
    status, body = await caller.send({"event": EVENT}, auth=auth)
    assert (status, body["code"]) == (401, "unauthorized")
    assert not caller.stand_in.accepted


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded"])
async def test_only_json_is_accepted(caller: Caller, content_type: str) -> None:
    """The contract allows only application/json."""
    assert (await caller.send({"event": EVENT}, content_type=content_type))[0] == 415


@pytest.mark.parametrize(
    "uid",
    ["a/b", "a:b", "a@b", "a+b", "a=b", "a&b", "", "..", ".", "%ff", "a%2", "%2E", "x" * 257],
)
async def test_a_uid_is_one_percent_encoded_segment(caller: Caller, uid: str) -> None:
    """Unencoded reserved characters, dots, invalid UTF-8 and overlong uids are refused."""
    status, _ = await caller.send({"event": EVENT}, uid=uid)
    assert status in {400, 404}
    assert not caller.stand_in.accepted


async def test_a_query_is_refused(caller: Caller) -> None:
    """The contract has no query parameters."""
    path = "/users/v1/individual/u/customevent?integration=x"
    assert (await caller.send({"event": EVENT}, path=path))[0] == 404


async def test_another_method_is_refused(caller: Caller) -> None:
    """The endpoint is POST only."""
    assert (await caller.send({"event": EVENT}, method="PUT"))[0] == 405


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        {},
        {"event": []},
        {"event": [EVENT]},
        {"event": None},
        {"event": {}},
        EVENT,
        {"event": EVENT, "user": {}},
    ],
)
async def test_the_body_is_one_event_object(caller: Caller, body: object) -> None:
    """It has exactly one `event`, an object (not an array) with a name."""
    assert (await caller.send(body))[0] == 400


@pytest.mark.parametrize("name", ["", "x" * 251, 5, None])
async def test_an_event_name_has_1_to_250_characters(caller: Caller, name: object) -> None:
    """Names outside these limits are refused."""
    assert await caller.event(event_name=name) == 400


async def test_an_event_name_of_250_characters_is_accepted(caller: Caller) -> None:
    """The limit counts characters, not bytes."""
    assert await caller.event(event_name="é" * 250) == 200


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("a_str", ""),
        ("a_int", -(2**63)),
        ("a_int", 2**63 - 1),
        ("a_real", 5),
        ("a_real", 0.1),
        ("a_date", "2026-02-28T00:00:00.000Z"),
        ("a_date", "2026-02-28T00:00:00+02:00"),
        ("a_bool", False),
        ("a_strs", ["x", "y"]),
        ("a_ints", [1, 2]),
        ("a_reals", [1, 2.5]),
        ("a_dates", ["2026-02-28T00:00:00Z"]),
        ("a_bools", []),
        ("A9_b_c_str", "x"),
        ("nested", {"a_str": "x", "deeper": {"b_ints": [1]}}),
    ],
)
async def test_a_property_that_matches_its_suffix_is_accepted(
    caller: Caller, name: str, value: object
) -> None:
    """There are ten suffixes for ten types; an object has none."""
    assert await caller.data(name, value) == 200


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("a", "x"),
        ("a_obj", {}),
        ("a_objs", []),
        ("_str", "x"),
        ("9a_str", "x"),
        ("a-b_str", "x"),
        ("a.b_str", "x"),
        ("é_str", "x"),
        ("a" * 509 + "_str", "x"),
        ("a_str", None),
        ("a_str", 5),
        ("a_int", "5"),
        ("a_int", 1.0),
        ("a_int", True),
        ("a_int", 2**63),
        ("a_real", "1.5"),
        ("a_real", True),
        ("a_bool", 1),
        ("a_date", "2026-02-30T00:00:00Z"),
        ("a_date", "2026-02-28"),
        ("a_date", "2026-02-28T00:00:00"),
        ("a_date", 1772236800000),
        ("a_strs", "x"),
        ("a_strs", ["x", None]),
        ("a_strs", ["x", 1]),
        ("a_ints", [1, 2.5]),
        ("a_bools", [True, 0]),
        ("nested", {}),
        ("nested", {"a": "x"}),
        ("nested", {"a_str": 5}),
        ("nested_str", {"a_str": "x"}),
        ("nested", [{"a_str": "x"}]),
    ],
)
async def test_an_invalid_property_is_refused(caller: Caller, name: str, value: object) -> None:
    """Names without a suffix, values of another type, nulls and arrays of objects are refused."""
    assert await caller.data(name, value) == 400
    assert not caller.stand_in.accepted


async def test_nan_is_not_json(caller: Caller) -> None:
    """A body with NaN is invalid JSON."""
    body = b'{"event":{"event_name":"x","event_data":{"a_real":NaN}}}'
    assert (await caller.send(body))[0] == 400


@pytest.mark.parametrize(
    "changes",
    [
        {"timestamp": "2026-02-30T00:00:00Z"},
        {"timestamp": "2026-02-28 00:00:00Z"},
        {"timestamp": "2026-02-28T00:00:00"},
        {"timestamp": 1},
        {"use_recent_session": False},
        {"session_url": "https://app.fullstory.com/ui/x"},
        {"device_session": "1:2"},
        {"session_url": None},
        {"user_initiated": "yes"},
        {"integration": 1},
        {"custom_annotations": {}},
        {"event_data": None},
        {"event_data": []},
    ],
)
async def test_an_invalid_field_is_refused(caller: Caller, changes: dict[str, Any]) -> None:
    """Invalid times, invalid or multiple session fields, and unknown fields are refused."""
    assert await caller.event(**changes) == 400


async def test_the_optional_fields_are_accepted(caller: Caller) -> None:
    """One session field at a time, plus the two optional fields."""
    base = {"event_name": "x", "user_initiated": True, "integration": "bridge"}
    for session in ({"session_url": "https://x"}, {"device_session": "1:2"}, {}):
        assert (await caller.send({"event": {**base, **session}}))[0] == 200


async def test_a_body_over_the_limit_is_refused(caller: Caller) -> None:
    """The client API accepts 512 KiB; the stand-in assumes the same limit."""
    assert await caller.data("a_str", "x" * 600_000) == 413


async def test_an_unknown_user_is_404(caller: Caller) -> None:
    """v1 creates no users: a user must have been identified in a session."""
    status, body = await caller.send({"event": EVENT}, uid="unknown-1")
    assert (status, body["code"]) == (404, "resource_not_found")
    assert not caller.stand_in.accepted


async def test_a_refusal_never_repeats_a_value(caller: Caller) -> None:
    """Error bodies contain only field names, because they may be logged."""
    _, body = await caller.send({"event": {**EVENT, "event_data": {"a_int": "s3cret"}}})
    assert "a_int" in body["message"]
    assert "s3cret" not in body["message"]


async def test_me_returns_the_organization(caller: Caller) -> None:
    """`GET /me` is used to check a key."""
    status, body = await caller.send(b"", path="/me", method="GET")
    assert (status, body["orgId"], body["role"]) == (200, caller.stand_in.org, "USER")


async def test_the_quota_has_numbers_as_strings(caller: Caller) -> None:
    """The contract of `GET /v2/organization/quotas` defines them as strings."""
    caller.stand_in.quota = (499_999, 500_000)
    status, body = await caller.send(b"", path="/v2/organization/quotas", method="GET")
    quota = body["server_event_quota"]
    assert (status, quota["usage"], quota["limit"]) == (200, "499999", "500000")
    assert quota["period_start"] < quota["period_end"]


async def test_requests_above_the_limit_get_429_with_seconds(caller: Caller) -> None:
    """`Retry-After` is in whole seconds, at least one; `GET /me` has a separate limit."""
    caller.stand_in.limit(rate=0.5, burst=2)
    assert [await caller.event() for _ in range(3)] == [200, 200, 429]
    async with caller.session.post(
        caller.stand_in.url + "/users/v1/individual/u/customevent",
        data=orjson.dumps({"event": EVENT}),
        headers={"Authorization": f"Basic {KEY}", "Content-Type": "application/json"},
    ) as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (429, "2")
    assert (await caller.send(b"", path="/me", method="GET"))[0] == 200
    assert len(caller.stand_in.accepted) == 2
