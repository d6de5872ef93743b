"""What FullStory's `/v2/events` accepts, refuses and deduplicates, verified on the stand-in."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import orjson
import pytest
import pytest_asyncio

from bridge.delivery.response_classifier import Response
from bridge.fullstory.client import Client, ClientOptions
from bridge.fullstory.requests.request import Request
from bridge.sandbox.fullstory.idempotency import KEPT_S, Idempotency, OtherBody
from bridge.sandbox.fullstory.server import FullStoryStandIn

KEY = "na1.contract-key"
EVENT: dict[str, Any] = {
    "name": "Support Ticket",
    "user": {"uid": "u/1"},
    "session": {"use_most_recent": True},
    "timestamp": "2022-03-15T14:23:23.000Z",
    "properties": {"priority": "Normal", "visits": 3, "skus": ["a"]},
    "schema": {"properties": {"priority": "str", "visits": "int", "skus": "strs"}},
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
        key: str | None = None,
        auth: str = f"Basic {KEY}",
        path: str = "/v2/events",
        method: str = "POST",
        content_type: str = "application/json",
        source: str | None = None,
    ) -> tuple[int, Any]:
        """Status and decoded body of one request."""
        headers = {"Authorization": auth, "Content-Type": content_type}
        if source is not None:
            headers["Integration-Source"] = source
        if key is not None:
            headers["Idempotency-Key"] = key
        async with self.session.request(
            method,
            self.stand_in.url + path,
            data=body if isinstance(body, bytes) else orjson.dumps(body),
            headers=headers,
        ) as answer:
            return answer.status, orjson.loads(await answer.read())

    async def event(self, **changes: Any) -> int:
        """The status for the valid event with some fields changed; None removes a field."""
        body = {name: value for name, value in (EVENT | changes).items() if value is not None}
        return (await self.send(body))[0]


@pytest_asyncio.fixture
async def caller() -> AsyncIterator[Caller]:
    """A stand-in and its client."""
    async with (
        FullStoryStandIn(key=KEY, known=lambda uid: not uid.startswith("unknown")) as stand_in,
        aiohttp.ClientSession() as session,
    ):
        yield Caller(stand_in, session)


async def test_an_event_is_accepted_with_an_empty_object(caller: Caller) -> None:
    """The response is 200 `{}`, and the exact bytes are stored under the body's uid."""
    body = orjson.dumps(EVENT)
    assert await caller.send(body) == (200, {})
    (accepted,) = caller.stand_in.accepted
    assert (accepted.uid, accepted.path, accepted.body) == ("u/1", "/v2/events", body)


@pytest.mark.parametrize("auth", ["", KEY, f"Bearer {KEY}", "Basic bmExLmNvbnRyYWN0LWtleTo="])
async def test_a_key_that_is_not_verbatim_after_basic_is_refused(caller: Caller, auth: str) -> None:
    """As in v1."""
    status, body = await caller.send(EVENT, auth=auth, key="k")
    assert (status, body["code"]) == (401, "unauthorized")


async def test_only_post_of_json_to_the_exact_path_is_accepted(caller: Caller) -> None:
    """Queries and subpaths are refused."""
    assert (await caller.send(EVENT, method="PUT"))[0] == 405
    assert (await caller.send(EVENT, content_type="text/plain"))[0] == 415
    assert (await caller.send(EVENT, path="/v2/events/x"))[0] == 404
    assert (await caller.send(EVENT, path="/v2/events?a=b"))[0] == 404
    assert not caller.stand_in.accepted


async def test_an_unknown_user_is_created(caller: Caller) -> None:
    """v2 never responds 404, and afterwards the user exists in v1 too."""
    v1 = b'{"event":{"event_name":"x"}}'
    path = "/users/v1/individual/unknown/customevent"
    assert (await caller.send(v1, path=path))[0] == 404
    assert await caller.event(user={"uid": "unknown"}) == 200
    assert caller.stand_in.created == {"unknown"}
    assert (await caller.send(v1, path=path))[0] == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"session": None},
        {"user": None, "session": {"id": "1:2"}},
        {
            "user": None,
            "session": {
                "id": "3e2bf53f-2ca0-4e05-9fa3-29c9276febf9:cef16b56-44b2-4535-b923-d955b1a50eb5"
            },
        },
        {"user": None, "session": {"uid": "u1"}},
        {"user": {"id": "4711"}, "session": None},
        {"user": None, "session": None},
        {"timestamp": None},
        {"properties": None, "schema": None},
        {"schema": None},
        {"properties": {"a": 1.5, "b": [True], "c": "x"}, "schema": None},
        {"properties": {"at": "2026-02-28T00:00:00Z"}, "schema": {"properties": {"at": "date"}}},
        {"name": "é" * 250},
        {"properties": {"n" * 512: 1}, "schema": None},
        {"properties": {"a": {"b": 1}}, "schema": None},
        {"properties": {"a": {"b": {"c": 1}}}, "schema": {"properties": {"a.b.c": "int"}}},
    ],
)
async def test_a_valid_event_is_accepted(caller: Caller, changes: dict[str, object]) -> None:
    """Identification and declared types are optional."""
    assert await caller.event(**changes) == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"name": ""},
        {"name": "x" * 251},
        {"name": 5},
        {"user": {"uid": ""}},
        {"user": {"uid": "x" * 257}},
        {"user": {"uid": "u", "id": "1"}},
        {"user": {}},
        {"user": "u"},
        {"session": {"use_most_recent": False}},
        {"session": {"use_most_recent": 1}},
        {"session": {"id": "1:2"}},
        {"session": {"id": "1:2", "use_most_recent": True}},
        {"session": {}},
        {"user": None, "session": {"id": "3829143070270885557"}},
        {"user": None, "session": {"id": "1%3A2"}},
        {"user": None, "session": {"id": "https://app.fullstory.com/ui/o-1/session/1:2"}},
        {"user": None},
        {"timestamp": "2022-03-15"},
        {"timestamp": 1},
        {"properties": []},
        {"properties": {"a_str": "x"}, "schema": None},
        {"properties": {"a_ints": [1]}, "schema": None},
        {"properties": {"1a": "x"}, "schema": None},
        {"properties": {"a-b": "x"}, "schema": None},
        {"properties": {"n" * 513: 1}, "schema": None},
        {"properties": {"a": {}}, "schema": None},
        {"properties": {"a": {"b_str": "x"}}, "schema": None},
        {"properties": {"a": [{"b": 1}]}, "schema": None},
        {"properties": {"a": {"b": 1}}, "schema": {"properties": {"b": "int"}}},
        {"properties": {"a.b": 1}, "schema": {"properties": {"a.b": "int"}}},
        {"properties": {"a": [1, "x"]}, "schema": None},
        {"properties": {"a": "1"}, "schema": {"properties": {"a": "int"}}},
        {"properties": {"a": 1.0}, "schema": {"properties": {"a": "int"}}},
        {"properties": {"a": "soon"}, "schema": {"properties": {"a": "date"}}},
        {"schema": {"properties": {"other": "int"}}},
        {"schema": {"properties": {"priority": "text"}}},
        {"schema": {"priority": "str"}},
        {"schema": []},
        {"use_recent_session": True},
        {"event_name": "x"},
        {"context": {"browser": {}}},
    ],
)
async def test_an_invalid_event_is_refused(caller: Caller, changes: dict[str, object]) -> None:
    """v1 names, two identifications, suffixes and wrong types get 400 and are not applied."""
    assert await caller.event(**changes) == 400
    assert not caller.stand_in.accepted


@pytest.mark.parametrize("body", [b"", b"{", b"[]", {}, {"event": EVENT}])
async def test_the_body_is_one_flat_object_with_a_name(caller: Caller, body: object) -> None:
    """v2 has no `event` wrapper."""
    assert (await caller.send(body))[0] == 400


async def test_a_refusal_never_repeats_a_value(caller: Caller) -> None:
    """Error bodies contain only field names."""
    body = {**EVENT, "properties": {"visits": "s3cret"}, "schema": {"properties": {}}}
    body["schema"] = {"properties": {"visits": "int"}}
    _, error = await caller.send(body)
    assert "visits" in error["message"]
    assert "s3cret" not in error["message"]


async def test_a_repeated_key_and_body_is_applied_once(caller: Caller) -> None:
    """A repeat gets the first response; without a key, each request is a new event."""
    assert await caller.send(EVENT, key="k1") == (200, {})
    assert await caller.send(EVENT, key="k1") == (200, {})
    assert await caller.send(EVENT, key="k2") == (200, {})
    assert len(caller.stand_in.accepted) == 2
    assert caller.stand_in.ledger.repeats == 1
    await caller.send(EVENT)
    await caller.send(EVENT)
    assert len(caller.stand_in.accepted) == 4


async def test_the_same_key_with_another_body_is_an_error(caller: Caller) -> None:
    """The second body is not applied, and the key still belongs to the first one."""
    await caller.send(EVENT, key="k")
    status, error = await caller.send({**EVENT, "name": "Other"}, key="k")
    assert (status, error["code"]) == (400, "invalid_argument")
    assert len(caller.stand_in.accepted) == 1
    assert await caller.send(EVENT, key="k") == (200, {})


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_request_that_was_not_executed_does_not_use_its_key(
    caller: Caller, status: int
) -> None:
    """Rate limits and failures are not stored, so the request may be retried."""
    caller.stand_in.start_fault_period(status, count=1)
    assert (await caller.send(EVENT, key="k"))[0] == status
    assert (await caller.send({**EVENT, "name": ""}, key="k"))[0] == 400
    assert await caller.send(EVENT, key="k") == (200, {})
    assert len(caller.stand_in.accepted) == 1


async def test_an_event_applied_without_a_response_is_not_applied_again(caller: Caller) -> None:
    """v1 cannot detect this case: the connection is closed after the event was applied."""
    caller.stand_in.faults.close_without_answer = 1
    with pytest.raises(aiohttp.ClientError):
        await caller.send(EVENT, key="k")
    assert await caller.send(EVENT, key="k") == (200, {})
    assert len(caller.stand_in.accepted) == 1


async def test_the_client_of_the_bridge_sends_the_key(caller: Caller) -> None:
    """A v1 request has no key."""
    options = ClientOptions(caller.stand_in.url, lambda: KEY)
    v1 = Request("POST", "/users/v1/individual/u/customevent", b'{"event":{"event_name":"x"}}')
    async with Client(options) as client:
        for request in (Request("POST", "/v2/events", orjson.dumps(EVENT), "k1"), v1) * 2:
            assert await client.send(request) == Response(200, is_json=True)
    assert [one.path[:4] for one in caller.stand_in.accepted] == ["/v2/", "/use", "/use"]
    assert caller.stand_in.ledger.repeats == 1


async def test_the_source_of_an_integration_is_a_header(caller: Caller) -> None:
    """It is not empty, and stored beside the event; v1 has a field for it."""
    v1 = b'{"event":{"event_name":"x","integration":"kafka"}}'
    path = "/users/v1/individual/u/customevent"
    assert await caller.send(EVENT, source="kafka") == (200, {})
    assert await caller.send(EVENT) == (200, {})
    assert (await caller.send(EVENT, source=""))[0] == 400
    assert (await caller.send({**EVENT, "integration": "kafka"}))[0] == 400
    assert (await caller.send(v1, path=path, source="kafka"))[0] == 400
    assert (await caller.send(v1, path=path))[0] == 200
    assert [one.integration_source for one in caller.stand_in.accepted] == ["kafka", None, None]


async def test_the_client_of_the_bridge_sends_the_source(caller: Caller) -> None:
    """Only with the event that has one, over the same connection."""
    event = Request("POST", "/v2/events", orjson.dumps(EVENT))
    async with Client(ClientOptions(caller.stand_in.url, lambda: KEY)) as client:
        for source in ("kafka", None):
            request = event._replace(integration_source=source)
            assert await client.send(request) == Response(200, is_json=True)
    assert [one.integration_source for one in caller.stand_in.accepted] == ["kafka", None]


@pytest.mark.parametrize("key", ["", "k" * 256])
async def test_a_key_has_1_to_255_characters(caller: Caller, key: str) -> None:
    """The bridge's keys have 36; FullStory does not publish the limit."""
    assert (await caller.send(EVENT, key=key))[0] == 400


def test_a_key_expires_after_24_hours() -> None:
    """Each key expires separately, at the exact second."""
    keys = Idempotency()
    keys.applied("a", b"1", now_s=0)
    keys.applied("b", b"1", now_s=60)
    assert keys.is_repeat("a", b"1", KEPT_S - 1)
    with pytest.raises(OtherBody):
        keys.is_repeat("a", b"2", KEPT_S - 1)
    assert not keys.is_repeat("a", b"2", KEPT_S)
    assert keys.is_repeat("b", b"1", KEPT_S)
    assert not keys.is_repeat("b", b"1", KEPT_S + 60)
