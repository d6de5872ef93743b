"""The client and what lies between: names, TLS, proxies, connections that grow old."""

import asyncio
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

REQUEST = Request("POST", "/users/v1/individual/u/customevent", b'{"event":{}}')
GOOD = Response(200, is_json=True)


def _client(url: str, **more: object) -> Client:
    return Client(ClientOptions(url, lambda: "na1.key", **more))  # type: ignore[arg-type]


async def test_a_name_that_leads_nowhere_is_known_not_to_have_been_sent() -> None:
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


async def test_a_certificate_that_nobody_vouches_for_gets_no_event(tmp_path: Path) -> None:
    """There is no setting to switch that off."""
    server = Server(always(OK), _server_tls(tmp_path))
    async with server.up() as url, _client(url) as client:
        assert await client.send(REQUEST) == NoResponse("tls_certificate", sent=False)
    assert server.requests == []


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
async def test_tls_below_1_2_gets_no_event(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where everything else is right; with 1.2 it goes out."""
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
    refused, taken = answers
    assert isinstance(refused, NoResponse)
    assert not refused.sent
    assert taken == GOOD


async def test_what_speaks_no_tls_gets_no_event() -> None:
    """A wrong port."""
    server = await asyncio.start_server(
        lambda _reader, writer: writer.write(b"220 mail.example ESMTP\r\n"), "127.0.0.1", 0
    )
    port = server.sockets[0].getsockname()[1]
    async with server, _client(f"https://127.0.0.1:{port}") as client:
        assert await client.send(REQUEST) == NoResponse("tls", sent=False)


async def test_a_host_that_takes_no_connection_is_left_after_five_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A full backlog, or a firewall that swallows: nothing was sent."""
    monkeypatch.setattr(module, "CONNECT_LIMIT_S", 0.3)
    kept: list[asyncio.StreamWriter] = []  # Python 3.13 closes a connection that nobody keeps

    def keep(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        kept.append(writer)

    server = await asyncio.start_server(keep, "127.0.0.1", 0, backlog=1)
    port = server.sockets[0].getsockname()[1]
    tls = f"https://127.0.0.1:{port}"  # its greeting is never answered
    async with server, _client(tls, timeout_s=5.0) as client:
        async with asyncio.timeout(3):
            answer = await client.send(REQUEST)
        for writer in kept:
            writer.close()
    assert answer == NoResponse("connect_timeout", sent=False)


async def test_the_proxy_is_asked_for_the_whole_address() -> None:
    """It was looked up once, at start; plain http through it is a request of its own form."""
    proxy = Server(always(OK))
    async with proxy.up() as url, _client("http://api.invalid", proxy=url) as client:
        assert await client.send(REQUEST) == GOOD
    assert proxy.requests[0].startswith(b"POST http://api.invalid/users/v1/individual/u/")


async def test_https_goes_through_a_tunnel_and_a_proxy_that_refuses_it_was_told_nothing() -> None:
    """The key and the event stay here."""
    proxy = Server(always(http("407 Proxy Authentication Required")))
    async with proxy.up() as url, _client("https://api.invalid", proxy=url) as client:
        assert await client.send(REQUEST) == NoResponse("proxy", sent=False)
    [asked] = proxy.requests
    assert asked.startswith(b"CONNECT api.invalid:443 ")
    assert b"na1.key" not in asked


async def test_a_proxy_that_is_not_there_is_known_not_to_have_been_told() -> None:
    """Nobody listens."""
    async with Server(always(OK)).up() as url:
        pass
    async with _client("http://api.invalid", proxy=url) as client:
        assert await client.send(REQUEST) == NoResponse("proxy", sent=False)


async def test_neither_proxies_nor_netrc_are_looked_up_per_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the environment says after the start changes nothing."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    server = Server(always(OK))
    async with server.up() as url, _client(url) as client:
        assert await client.send(REQUEST) == GOOD
    assert server.requests[0].count(b"Authorization: Basic na1.key") == 1


async def test_sessions_are_replaced_and_what_is_under_way_is_not_cut() -> None:
    """A name may lead elsewhere by now; the old connection ends when its request has."""

    async def reply(number: int, _request: bytes, writer: asyncio.StreamWriter) -> None:
        if number == 1:
            await asyncio.sleep(0.5)
        writer.write(OK)

    server = Server(reply)
    async with server.up() as url, _client(url, timeout_s=1.0, rotate_after_s=0.2) as client:
        slow = asyncio.create_task(client.send(REQUEST))
        await asyncio.sleep(0.3)
        found = [await client.send(REQUEST) for _ in range(3)]
        assert server.connections == 2
        assert [await slow, *found] == [GOOD] * 4
        assert len(client._retiring) == 1
        async with asyncio.timeout(4):
            await asyncio.gather(*client._retiring)
    assert server.connections == 2


async def test_a_name_that_leads_elsewhere_now_is_followed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not while one session lives: its kept connections see nothing of it."""
    leads_to = "127.0.0.1"

    async def getaddrinfo(_host: str, port: int, **_more: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (leads_to, port))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    old, new = Server(always(OK)), Server(always(OK))
    async with old.up() as url:
        port = int(url.rpartition(":")[2])
        name = _client(f"http://api.test:{port}", rotate_after_s=0.4)
        async with new.up(port, "127.0.0.2"), name as client:
            await client.send(REQUEST)
            leads_to = "127.0.0.2"
            await client.send(REQUEST)
            assert (len(old.requests), len(new.requests)) == (2, 0)
            await asyncio.sleep(0.5)
            await client.send(REQUEST)
    assert (len(old.requests), len(new.requests)) == (2, 1)


async def test_a_connection_idle_for_long_is_not_used_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The server would close it in the same moment: shorter than its patience is the cure."""
    monkeypatch.setattr(module, "KEEP_ALIVE_S", 0.2)
    server = Server(always(OK))
    async with server.up() as url, _client(url) as client:
        for pause_s in (0.0, 0.6, 0.0):
            await client.send(REQUEST)
            await asyncio.sleep(pause_s)
    assert server.connections == 2


async def test_a_kept_connection_closed_at_the_wrong_moment_is_a_failure_of_one_request() -> None:
    """The server closes on every third request, unread: told as unsure, never raised."""

    async def reply(number: int, _request: bytes, writer: asyncio.StreamWriter) -> None:
        if number % 3:
            writer.write(OK)
        else:
            writer.transport.abort()

    server = Server(reply)
    async with server.up() as url, _client(url) as client:
        found = [await client.send(REQUEST) for _ in range(9)]
    failed = [answer for answer in found if isinstance(answer, NoResponse)]
    assert [answer == GOOD for answer in found] == [True, True, False] * 3
    assert all(answer.sent for answer in failed)
    assert {answer.why for answer in failed} <= {"closed_without_answer", "connection"}


@pytest.mark.parametrize("segment", [".", "..", "%2E%2E", "a%2F..%2Fb", "%3F%23"])
async def test_no_segment_of_the_path_is_made_another_path(segment: str) -> None:
    """`..` is refused long before; if it came here, it would still not be another address."""
    server = Server(always(OK))
    request = Request("POST", f"/users/v1/individual/{segment}/customevent", b"{}")
    async with server.up() as url, _client(url) as client:
        await client.send(request)
    line = server.requests[0].split(b"\r\n")[0].decode()
    assert line == f"POST /users/v1/individual/{segment}/customevent HTTP/1.1"


async def test_a_close_that_hangs_does_not_hang_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_with_uvloop_a_tls_server_that_never_says_goodbye_does_not_hang_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own patience is half a minute (uvloop 471)."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    server = Server(always(OK), _server_tls(tmp_path))

    async def story() -> float:
        async with server.up() as url:
            client = _client(url)
            async with client:
                assert await client.send(REQUEST) == GOOD
                begun_s = time.monotonic()
            return time.monotonic() - begun_s

    assert uvloop.run(story()) < 2.5
