"""The client against misbehaving servers on real sockets."""

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from bridge.delivery.response_classifier import NoResponse, Response
from bridge.fullstory.client import Client, ClientOptions
from bridge.fullstory.requests.request import Request
from bridge.fullstory.response import REPLY_BYTES_MAX
from tests.integration.fullstory.misbehaving_server import OK, Server, always, http

REQUEST = Request(
    "POST", "/users/v1/individual/a%2Fb%20%25/customevent", b'{"event":{"a":"\xc3\xa9"}}'
)


async def _send(
    server: Server, *, times: int = 1, timeout_s: float = 5.0
) -> list[Response | NoResponse]:
    async with (
        server.up() as url,
        Client(ClientOptions(url, lambda: "na1.key", timeout_s=timeout_s)) as client,
    ):
        return [await client.send(REQUEST) for _ in range(times)]


async def _answer(answer: bytes, *, timeout_s: float = 5.0) -> Response | NoResponse:
    [response] = await _send(Server(always(answer)), timeout_s=timeout_s)
    return response


async def test_the_request_is_sent_as_built_with_the_key_in_one_header() -> None:
    """The path is not encoded again, and no cookies are sent."""
    server = Server(always(http("200 OK", "Set-Cookie: a=b", body=b"{}")))
    async with server.up() as url:  # by name: clients keep no cookies of IP addresses
        options = ClientOptions(url.replace("127.0.0.1", "localhost"), lambda: "na1.key")
        async with Client(options) as client:
            answers = [await client.send(REQUEST) for _ in range(2)]
    assert answers == [Response(200, is_json=True)] * 2
    for request in server.requests:
        head, _, body = request.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        assert lines[0] == b"POST /users/v1/individual/a%2Fb%20%25/customevent HTTP/1.1"
        assert body == REQUEST.body
        assert lines.count(b"Authorization: Basic na1.key") == 1
        assert b"Content-Type: application/json" in lines
        assert b"cookie" not in head.lower()
    assert server.connections == 1


@pytest.mark.parametrize("status", ["301 Moved Permanently", "302 Found", "307 Temporary Redirect"])
async def test_a_redirect_is_not_followed(status: str) -> None:
    """A POST would become a GET, and its 200 would hide a lost event."""
    server = Server(always(http(status, "Location: /elsewhere")))
    [answer] = await _send(server)
    assert isinstance(answer, Response)
    assert answer.status == int(status[:3])
    assert len(server.requests) == 1


async def test_an_endless_body_is_not_read_to_its_end() -> None:
    """It is not FullStory's, and the connection is closed."""

    async def reply(_number: int, _request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"1000\r\n" + b" " * 0x1000 + b"\r\n")
            await writer.drain()

    server = Server(reply)
    answers = await _send(server, times=2)
    assert answers == [Response(200, is_json=False)] * 2
    assert server.connections == 2


async def test_a_body_in_pieces_is_read_whole() -> None:
    """The first piece does not count as the whole body."""

    async def reply(_number: int, _request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: chunked\r\n\r\n")
        for piece in (b'{"mess', b'age": "no", ', b'"code": "bad_', b'request"}'):
            writer.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            await writer.drain()
            await asyncio.sleep(0.02)
        writer.write(b"0\r\n\r\n")

    server = Server(reply)
    answers = await _send(server, times=2)
    assert answers == [Response(400, is_json=True, code="bad_request")] * 2
    assert server.connections == 1


async def test_a_large_response_is_read_up_to_the_limit() -> None:
    """Just below the limit it is parsed as usual."""
    body = b'{"code":"' + b"x" * (REPLY_BYTES_MAX - 100) + b'"}'
    answer = await _answer(http("400 Bad Request", body=body))
    assert isinstance(answer, Response)
    assert answer.is_json


@pytest.mark.parametrize(
    "code", [b'"amount 12.50 of eve@example.com"', b'"' + b"x" * 65 + b'"', b"7"]
)
async def test_an_invalid_code_is_dropped(code: bytes) -> None:
    """It would appear in headers and in the status, and may echo a value of the record."""
    answer = await _answer(http("400 Bad Request", body=b'{"code":' + code + b"}"))
    assert answer == Response(400, is_json=True)


@pytest.mark.parametrize(
    ("body", "is_json"), [(b"", True), (b"{}", True), (b"<html>", False), (b'{"a":', False)]
)
async def test_only_json_or_an_empty_body_is_a_success(body: bytes, is_json: bool) -> None:
    """If a proxy's page with 200 counted as success, the event would be lost."""
    assert await _answer(http("200 OK", body=body)) == Response(200, is_json)


async def test_a_request_on_a_closed_connection_may_have_been_applied() -> None:
    """It is distinguished from a connection that was never established."""

    async def reply(_number: int, _request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.close()

    assert await _send(Server(reply)) == [NoResponse("closed_without_answer", sent=True)]


async def test_a_partial_body_is_no_response() -> None:
    """Ten bytes are announced and two arrive."""

    async def reply(_number: int, _request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}")
        writer.close()

    [answer] = await _send(Server(reply))
    assert isinstance(answer, NoResponse)
    assert answer.sent


async def test_a_server_that_hangs_times_out() -> None:
    """It may have applied the event."""

    async def reply(_number: int, _request: bytes, _writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    async with asyncio.timeout(3):
        assert await _send(Server(reply), timeout_s=0.2) == [NoResponse("timeout", sent=True)]


async def test_a_slow_body_does_not_exceed_the_time_limit() -> None:
    """The limit applies to the whole request, not to each piece."""

    async def reply(_number: int, _request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(1000):
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with asyncio.timeout(3):
        assert await _send(Server(reply), timeout_s=0.3) == [NoResponse("timeout", sent=True)]


async def test_without_a_listener_the_request_was_not_sent() -> None:
    """So a retry cannot duplicate it."""
    server = Server(always(OK))
    async with server.up() as url:
        pass
    async with Client(ClientOptions(url, lambda: "na1.key", timeout_s=2.0)) as client:
        answer = await client.send(REQUEST)
    assert answer == NoResponse("connection", sent=False)


async def test_a_connection_closed_by_the_server_is_replaced() -> None:
    """The next request on a kept-alive connection neither fails nor is retried."""

    async def reply(number: int, _request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(OK)
        await writer.drain()
        if number % 2:
            writer.close()

    server = Server(reply)
    async with server.up() as url, Client(ClientOptions(url, lambda: "na1.key")) as client:
        responses = []
        for _ in range(6):
            responses.append(await client.send(REQUEST))
            await asyncio.sleep(0.05)
    assert responses == [Response(200, is_json=True)] * 6
    assert server.connections == 4


@pytest.mark.parametrize(
    ("seconds", "from_now_s", "min_s", "max_s"),
    [("7", 0, 7, 7), ("", 60, 30, 60), ("", -86_400, 0, 0)],
    ids=["seconds", "a date", "a date in the past"],
)
async def test_retry_after_is_seconds_or_a_date(
    seconds: str, from_now_s: float, min_s: float, max_s: float
) -> None:
    """RFC 9110 allows both; a past date means now."""
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=from_now_s), usegmt=True)
    header = seconds or date
    answer = await _answer(http("429 Too Many Requests", f"Retry-After: {header}", body=b"{}"))
    assert isinstance(answer, Response)
    assert answer.retry_after_s is not None
    assert min_s <= answer.retry_after_s <= max_s


@pytest.mark.parametrize("header", ["soon", "-5", "1.5", "", "Mon, 99 Foo 2026", "٣", "9" * 400])
async def test_an_invalid_retry_after_is_none_or_a_number(header: str) -> None:
    """No value raises an exception."""
    answer = await _answer(http("429 Too Many Requests", f"Retry-After: {header}", body=b"{}"))
    assert isinstance(answer, Response)
    assert answer.retry_after_s is None or answer.retry_after_s > 0


@pytest.mark.parametrize(("size_bytes", "read"), [(20_000, True), (200_000, False)])
async def test_a_long_header_is_read_up_to_the_limit(size_bytes: int, read: bool) -> None:
    """Front ends add long headers."""
    answer = await _answer(http("200 OK", f"X-Long: {'x' * size_bytes}", body=b"{}"))
    assert isinstance(answer, Response) is read


@pytest.mark.parametrize(
    "noise",
    [b"\x16\x03\x01\x00\xa5", b"SSH-2.0-OpenSSH_9\r\n", b"HTTP/1.1 xyz\r\n\r\n", b"\r\n" * 9],
)
async def test_other_protocols_are_no_response(noise: bytes) -> None:
    """A wrong port, or a broken proxy."""

    async def reply(_number: int, _request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(noise)
        writer.close()

    [answer] = await _send(Server(reply), timeout_s=2.0)
    assert isinstance(answer, NoResponse)


async def test_parallel_requests_have_a_connection_each() -> None:
    """Requests never wait for the connection pool: only the throttle limits them."""
    all_received = asyncio.Event()

    async def reply(number: int, _request: bytes, writer: asyncio.StreamWriter) -> None:
        if number == 200:
            all_received.set()
        await all_received.wait()
        writer.write(OK)

    server = Server(reply)
    async with server.up() as url, Client(ClientOptions(url, lambda: "na1.key")) as client:
        async with asyncio.timeout(9):
            responses = await asyncio.gather(*[client.send(REQUEST) for _ in range(200)])
    assert responses == [Response(200, is_json=True)] * 200


async def test_a_hanging_probe_is_sent_again_in_parallel(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first one started in an outage and hangs until its timeout, but the outage is over."""
    monkeypatch.setattr("bridge.fullstory.client.PROBE_AGAIN_S", 0.1)

    async def reply(number: int, _request: bytes, writer: asyncio.StreamWriter) -> None:
        if number <= 2:
            await asyncio.sleep(30)
        writer.write(OK)

    server = Server(reply)
    async with (
        server.up() as url,
        Client(ClientOptions(url, lambda: "na1.key", timeout_s=20)) as client,
    ):
        async with asyncio.timeout(5):
            assert await client.probe() == Response(200, is_json=True)
    assert len(server.requests) == 3
    assert server.connections == 3


async def test_a_slow_probe_is_not_canceled(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow FullStory responds to the first one, although others were sent in parallel."""
    monkeypatch.setattr("bridge.fullstory.client.PROBE_AGAIN_S", 0.2)

    async def reply(_number: int, _request: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.5)
        writer.write(OK)

    server = Server(reply)
    async with server.up() as url, Client(ClientOptions(url, lambda: "na1.key")) as client:
        assert await client.probe() == Response(200, is_json=True)
    assert 2 <= len(server.requests) <= 3
