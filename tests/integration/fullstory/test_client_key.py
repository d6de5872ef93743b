"""A renewed key and its organization: the client against `GET /me` on a real socket."""

import asyncio
from dataclasses import replace

import pytest

from bridge.delivery.response_classifier import NoResponse, Response, WrongOrganization
from bridge.fullstory.client import Client, ClientOptions
from bridge.fullstory.requests.request import Request
from tests.integration.fullstory.misbehaving_server import OK, Server, http

REQUEST = Request("POST", "/users/v1/individual/u/customevent", b'{"event":{}}')
NO_ORGANIZATION = NoResponse("no_organization_told", sent=False)


def _json(body: bytes) -> bytes:
    return http("200 OK", body=body)


ME = _json(b'{"orgId":"o-1","role":"USER"}')


@pytest.mark.parametrize(
    ("me", "org", "probe_result", "last_key"),
    [
        (OK, None, Response(200, is_json=True), b"new"),
        (ME, None, Response(200, is_json=True), b"new"),
        (ME, "o-1", Response(200, is_json=True), b"new"),
        (ME, "o-2", WrongOrganization("o-1"), b"old"),
        (OK, "o-1", NO_ORGANIZATION, b"old"),
        (_json(b'{"orgId":"<o 1>"}'), "o-1", NO_ORGANIZATION, b"old"),
        (_json(b"[]"), "o-1", NO_ORGANIZATION, b"old"),
        (http("401 Unauthorized", body=b"{}"), None, Response(401, is_json=True), b"old"),
        (http("401 Unauthorized", body=b"{}"), "o-1", Response(401, is_json=True), b"old"),
    ],
)
async def test_a_renewed_key_is_used_once_fullstory_accepts_it(
    me: bytes,
    org: str | None,
    probe_result: Response | NoResponse | WrongOrganization,
    last_key: bytes,
) -> None:
    """Only a probe reads it; no event goes to another organization."""
    keys = iter(["na1.old", "na1.new"])

    async def reply(_number: int, request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(me if request.startswith(b"GET /me HTTP/1.1") else OK)

    server = Server(reply)
    options = ClientOptions("", lambda: next(keys), org=org)
    async with server.up() as url, Client(replace(options, base_url=url)) as client:
        await client.send(REQUEST)
        assert await client.probe() == probe_result
        await client.send(REQUEST)
    lines = [line for one in server.requests for line in one.split(b"\r\n") if b"Basic" in line]
    assert [line[-3:] for line in lines] == [b"old", b"new", last_key]
