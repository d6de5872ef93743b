"""The poster sends the same requests and gets the same responses as aiohttp's session."""

import asyncio
import gzip
from unittest.mock import AsyncMock, Mock

import aiohttp
import pytest
from yarl import URL

from bridge.delivery.response_classifier import NoResponse, Response
from bridge.fullstory.client import Client, ClientOptions
from bridge.fullstory.poster import Poster
from bridge.fullstory.requests.request import Request
from tests.integration.fullstory.misbehaving_server import Server, always, http

OK = http("200 OK", body=b"{}")
EVENT = Request("POST", "/users/v1/individual/u-1/customevent", b'{"event":{}}')
KEYED = Request("POST", "/v2/events", b"{}", "8f27f09e-2c37-4246-80ac-b26340000001")
SOURCED = KEYED._replace(integration_source="kafka")


async def _send(
    server: Server, request: Request = EVENT, *, times: int = 1
) -> list[Response | NoResponse]:
    async with server.up() as url, Client(ClientOptions(url, lambda: "na1.key")) as client:
        return [await client.send(request) for _ in range(times)]


def _headers(request: bytes) -> dict[str, str]:
    lines = request.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
    return {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}


@pytest.mark.parametrize("request_", [EVENT, KEYED, SOURCED], ids=["v1", "v2", "integration"])
async def test_the_headers_equal_those_of_the_session(request_: Request) -> None:
    """The client uses the session with a proxy, with the whole URL in the request line."""
    server = Server(always(OK))
    async with server.up() as url:
        for proxy in (None, url):
            async with Client(ClientOptions(url, lambda: "na1.key", proxy=proxy)) as client:
                assert await client.send(request_) == Response(200, is_json=True)
    posted, by_session = map(_headers, server.requests)
    assert posted == by_session
    assert posted.get("integration-source") == request_.integration_source
    assert server.requests[0].startswith(f"POST {request_.path} HTTP/1.1\r\n".encode())
    assert server.requests[0].endswith(b"\r\n\r\n" + request_.body)


@pytest.mark.parametrize("interim", ["100 Continue", "102 Processing", "103 Early Hints"])
async def test_interim_responses_are_skipped(interim: str) -> None:
    """The final one counts, and the connection is kept."""
    early = f"HTTP/1.1 {interim}\r\n\r\n".encode()
    server = Server(always(early + OK))
    assert await _send(server, times=3) == [Response(200, is_json=True)] * 3
    assert server.connections == 1


async def test_a_connection_lost_before_the_write_sent_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The event is not unsure: FullStory cannot have applied it."""
    connection = Mock(protocol=None)
    monkeypatch.setattr(Poster, "_connect", AsyncMock(return_value=connection))
    assert await _send(Server(always(OK))) == [NoResponse("closed_without_answer", sent=False)]
    connection.close.assert_called_once()


async def test_a_connection_closed_by_the_response_is_not_reused() -> None:
    """Each event is delivered."""
    server = Server(always(http("200 OK", "Connection: close", body=b"{}")))
    assert await _send(server, times=3) == [Response(200, is_json=True)] * 3
    assert server.connections == 3


async def test_a_response_without_a_length_ends_with_its_connection() -> None:
    """As in HTTP/1.0."""

    async def reply(_number: int, _request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.0 400 Bad Request\r\n\r\n" + b'{"code":"bad_request"}')
        writer.close()

    [answer] = await _send(Server(reply))
    assert answer == Response(400, is_json=True, code="bad_request")


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
async def test_a_response_without_a_body_is_valid(status: str) -> None:
    """Its connection is kept."""
    server = Server(always(f"HTTP/1.1 {status}\r\n\r\n".encode()))
    assert await _send(server, times=2) == [Response(int(status[:3]), is_json=True)] * 2
    assert server.connections == 1


async def test_a_compressed_response_is_read() -> None:
    """A proxy may compress FullStory's responses."""
    body = gzip.compress(b'{"code":"bad_request"}')
    server = Server(always(http("400 Bad Request", "Content-Encoding: gzip", body=body)))
    assert await _send(server) == [Response(400, is_json=True, code="bad_request")]


async def test_a_second_response_is_not_used_for_the_next_event() -> None:
    """If a server sends two responses to one request, the connection is closed."""
    second = http("400 Bad Request", body=b'{"code":"of_another"}')
    server = Server(lambda number, *rest: always(OK + second if number == 1 else OK)(number, *rest))
    assert await _send(server, times=3) == [Response(200, is_json=True)] * 3
    assert server.connections == 2


@pytest.mark.parametrize("value", ["a\r\nX-Other: b", "a\nb", "a\0b"])
async def test_a_value_that_would_end_its_header_is_rejected(value: str) -> None:
    """The error does not repeat it: it is the key, or part of a request."""
    async with aiohttp.ClientSession() as session:
        with pytest.raises(ValueError, match="contains a line break or NUL") as raised:
            Poster(session, URL("http://127.0.0.1:1"), {"Authorization": value})
        assert value not in str(raised.value)
