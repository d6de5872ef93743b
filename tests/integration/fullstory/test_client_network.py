"""The client and the network: DNS, TLS, proxies and old connections."""

import asyncio
import base64
import socket
import ssl
import time
from pathlib import Path

import aiohttp
import pytest
import uvloop

from bridge.delivery.response_classifier import NoResponse, Response
from bridge.fullstory import client as module
from bridge.fullstory.client import Client, ClientOptions
from bridge.fullstory.requests.request import Request
from tests.integration.fullstory.misbehaving_server import OK, Server, always, http
from tests.services.certificate import certificate_files
from tests.services.connect_proxy import ConnectProxy

REQUEST = Request("POST", "/users/v1/individual/u/customevent", b'{"event":{}}')
ACCEPTED = Response(200, is_json=True)


def _client(url: str, **more: object) -> Client:
    return Client(ClientOptions(url, lambda: "na1.key", **more))  # type: ignore[arg-type]


async def test_with_an_unknown_host_the_request_was_not_sent() -> None:
    """`.invalid` never resolves (RFC 2606)."""
    async with _client("http://fullstory.invalid:80", timeout_s=5.0) as client:
        answer = await client.send(REQUEST)
    assert isinstance(answer, NoResponse)
    assert (answer.why, answer.sent) in {("dns", False), ("timeout", True)}


def _server_tls(folder: Path) -> ssl.SSLContext:
    cert, key = certificate_files(folder)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(cert, key, "pw")
    return tls


async def test_a_server_with_an_untrusted_certificate_gets_no_event(tmp_path: Path) -> None:
    """No setting turns the check off."""
    server = Server(always(OK), _server_tls(tmp_path))
    async with server.up() as url, _client(url) as client:
        assert await client.send(REQUEST) == NoResponse("tls_certificate", sent=False)
    assert server.requests == []


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
async def test_tls_below_1_2_gets_no_event(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if everything else is valid; with TLS 1.2 it is sent."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    answers: list[Response | NoResponse] = []
    for version in (ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2):
        tls = _server_tls(tmp_path)
        tls.minimum_version = tls.maximum_version = version
        tls.set_ciphers("DEFAULT:@SECLEVEL=0")
        async with Server(always(OK), tls).up() as url, _client(url) as client:
            assert client._tls.minimum_version == ssl.TLSVersion.TLSv1_2
            client._tls.set_ciphers("DEFAULT:@SECLEVEL=0")
            answers.append(await client.send(REQUEST))
    refused, accepted = answers
    assert isinstance(refused, NoResponse)
    assert not refused.sent
    assert accepted == ACCEPTED


async def test_a_server_without_tls_gets_no_event() -> None:
    """A wrong port."""
    server = await asyncio.start_server(
        lambda _reader, writer: writer.write(b"220 mail.example ESMTP\r\n"), "127.0.0.1", 0
    )
    port = server.sockets[0].getsockname()[1]
    async with server, _client(f"https://127.0.0.1:{port}") as client:
        assert await client.send(REQUEST) == NoResponse("tls", sent=False)


async def test_connecting_times_out_after_five_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With a full backlog, or a firewall that drops packets: nothing was sent."""
    monkeypatch.setattr(module, "CONNECT_LIMIT_S", 0.3)
    connections: list[asyncio.StreamWriter] = []  # Python 3.13 closes unreferenced connections

    def keep(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)

    server = await asyncio.start_server(keep, "127.0.0.1", 0, backlog=1)
    port = server.sockets[0].getsockname()[1]
    tls = f"https://127.0.0.1:{port}"  # the TLS handshake gets no response
    async with server, _client(tls, timeout_s=5.0) as client:
        async with asyncio.timeout(3):
            answer = await client.send(REQUEST)
        for writer in connections:
            writer.close()
    assert answer == NoResponse("connect_timeout", sent=False)


async def test_the_proxy_gets_the_whole_url() -> None:
    """Plain HTTP through a proxy has its own request form."""
    proxy = Server(always(OK))
    async with proxy.up() as url, _client("http://api.invalid", proxy=url) as client:
        assert await client.send(REQUEST) == ACCEPTED
    assert proxy.requests[0].startswith(b"POST http://api.invalid/users/v1/individual/u/")


async def test_a_proxy_that_refuses_the_https_tunnel_gets_no_data() -> None:
    """Neither the key nor the event is sent."""
    proxy = Server(always(http("407 Proxy Authentication Required")))
    async with proxy.up() as url, _client("https://api.invalid", proxy=url) as client:
        assert await client.send(REQUEST) == NoResponse("proxy", sent=False)
    [request] = proxy.requests
    assert request.startswith(b"CONNECT api.invalid:443 ")
    assert b"na1.key" not in request


async def test_an_event_goes_through_the_https_tunnel_of_a_proxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proxy gets its own credentials and the host; the key goes to FullStory only."""
    server = Server(always(OK), _server_tls(tmp_path))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    proxy = ConnectProxy("Basic " + base64.b64encode(b"me:s3cret").decode())
    async with server.up() as url, proxy.up() as port:
        through = f"http://me:s3cret@127.0.0.1:{port}"
        async with _client(url, proxy=through) as client:
            assert await client.send(REQUEST) == ACCEPTED
    [request] = proxy.requests
    assert request.startswith(b"CONNECT 127.0.0.1:")
    assert b"na1.key" not in request
    assert b"Authorization: Basic na1.key" in server.requests[0]
    assert b"Proxy-Authorization" not in server.requests[0]


async def test_without_a_proxy_listening_the_request_was_not_sent() -> None:
    """The connection is refused."""
    async with Server(always(OK)).up() as url:
        pass
    async with _client("http://api.invalid", proxy=url) as client:
        assert await client.send(REQUEST) == NoResponse("proxy", sent=False)


async def test_neither_proxies_nor_netrc_are_looked_up_per_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Changes of the environment after the start have no effect."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    server = Server(always(OK))
    async with server.up() as url, _client(url) as client:
        assert await client.send(REQUEST) == ACCEPTED
    assert server.requests[0].count(b"Authorization: Basic na1.key") == 1


async def test_sessions_are_replaced_without_cutting_requests_in_flight() -> None:
    """DNS may have changed; the old connection ends when its request has ended."""

    async def reply(number: int, _request: bytes, writer: asyncio.StreamWriter) -> None:
        if number == 1:
            await asyncio.sleep(0.5)
        writer.write(OK)

    server = Server(reply)
    async with server.up() as url, _client(url, timeout_s=1.0, rotate_after_s=0.2) as client:
        slow = asyncio.create_task(client.send(REQUEST))
        await asyncio.sleep(0.3)
        responses = [await client.send(REQUEST) for _ in range(3)]
        assert server.connections == 2
        assert [await slow, *responses] == [ACCEPTED] * 4
        assert len(client._retiring) == 1
        async with asyncio.timeout(4):
            await asyncio.gather(*client._retiring)
    assert server.connections == 2


async def test_a_dns_change_is_followed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not within one session: its kept-alive connections do not notice it."""
    address = "127.0.0.1"

    async def getaddrinfo(_host: str, port: int, **_more: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    old, new = Server(always(OK)), Server(always(OK))
    async with old.up() as url:
        port = int(url.rpartition(":")[2])
        name = _client(f"http://api.test:{port}", rotate_after_s=0.4)
        async with new.up(port, "127.0.0.2"), name as client:
            await client.send(REQUEST)
            address = "127.0.0.2"
            await client.send(REQUEST)
            assert (len(old.requests), len(new.requests)) == (2, 0)
            await asyncio.sleep(0.5)
            await client.send(REQUEST)
    assert (len(old.requests), len(new.requests)) == (2, 1)


async def test_a_connection_idle_for_long_is_not_reused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The server might close it at the same moment, so the client's idle timeout is shorter."""
    monkeypatch.setattr(module, "KEEP_ALIVE_S", 0.2)
    server = Server(always(OK))
    async with server.up() as url, _client(url) as client:
        for pause_s in (0.0, 0.6, 0.0):
            await client.send(REQUEST)
            await asyncio.sleep(pause_s)
    assert server.connections == 2


async def test_a_kept_alive_connection_closed_early_fails_one_request() -> None:
    """The server closes on every third request, unread: it is unsure, and never raises."""

    async def reply(number: int, _request: bytes, writer: asyncio.StreamWriter) -> None:
        if number % 3:
            writer.write(OK)
        else:
            writer.transport.abort()

    server = Server(reply)
    async with server.up() as url, _client(url) as client:
        responses = [await client.send(REQUEST) for _ in range(9)]
    failed = [answer for answer in responses if isinstance(answer, NoResponse)]
    assert [answer == ACCEPTED for answer in responses] == [True, True, False] * 3
    assert all(answer.sent for answer in failed)
    assert {answer.why for answer in failed} <= {"closed_without_answer", "connection"}


@pytest.mark.parametrize("segment", [".", "..", "%2E%2E", "a%2F..%2Fb", "%3F%23"])
async def test_path_segments_are_not_normalized(segment: str) -> None:
    """`..` is rejected long before; even here it would not change the URL."""
    server = Server(always(OK))
    request = Request("POST", f"/users/v1/individual/{segment}/customevent", b"{}")
    async with server.up() as url, _client(url) as client:
        await client.send(request)
    line = server.requests[0].split(b"\r\n")[0].decode()
    assert line == f"POST /users/v1/individual/{segment}/customevent HTTP/1.1"


async def test_a_close_that_hangs_does_not_block_the_exit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does it raise."""
    monkeypatch.setattr(module, "CLOSE_LIMIT_S", 0.1)

    async def hang(_session: aiohttp.ClientSession) -> None:
        await asyncio.sleep(30)

    async with Server(always(OK)).up() as url:
        client = _client(url)
        await client.__aenter__()
        await client.send(REQUEST)
        with monkeypatch.context() as patch:
            patch.setattr(aiohttp.ClientSession, "close", hang)
            async with asyncio.timeout(2):
                await client.__aexit__(None, None, None)
        await client._session.close()


def test_with_uvloop_a_missing_tls_shutdown_does_not_block_the_exit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Uvloop itself waits for 30 s (uvloop 471)."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    server = Server(always(OK), _server_tls(tmp_path))

    async def scenario() -> float:
        async with server.up() as url:
            client = _client(url)
            async with client:
                assert await client.send(REQUEST) == ACCEPTED
                started_s = time.monotonic()
            return time.monotonic() - started_s

    assert uvloop.run(scenario()) < 2.5
