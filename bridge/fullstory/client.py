"""The HTTP client for FullStory: sends one request and returns its response.

Invariants (each avoids a pitfall of long-lived clients):
- Redirects are never followed: a POST would become a GET, and its 200 would hide a lost event.
- The response body is always read, or the connection is closed.
- No cookies, no proxy or netrc lookup per request, no wait for a connection in the pool.
- A kept-alive connection never notices a DNS change. So sessions are replaced every few minutes;
  the old one closes once its last request must have ended or timed out.
- A request that was never sent is distinguished from one that FullStory may have applied.
- The key appears in one header, built at start and renewed by a probe. A renewed key is used
  for events only after `GET /me` accepted it, and as a key of `fullstory.org` if that is set.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import aiohttp
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from bridge.delivery.response_classifier import NoResponse, Response, WrongOrganization
from bridge.errors import SetupError
from bridge.fullstory.poster import LINE_BYTES_MAX, ConnectionLost, Poster
from bridge.fullstory.requests.request import Request
from bridge.fullstory.response import CODE, HttpReply, failure_name, parse_reply, read_body
from bridge.fullstory.time_limit import TimeLimit

CONNECT_LIMIT_S = 5.0
KEEP_ALIVE_S = 10.0
"""Shorter than the idle timeout of common front ends, so the server does not close first."""

ROTATE_AFTER_S = 300.0
"""The maximum age of a session, and of its resolved addresses."""

PROBE_AGAIN_S = 2.0
"""If a probe gets no response for this long, another one is sent in parallel."""

CLOSE_LIMIT_S = 2.0
"""uvloop waits up to 30 s for the peer's TLS shutdown; the client waits less."""


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """FullStory's address and timeouts; `read_key` reads the current key on each call.

    `proxy` is the proxy's address, or None. `org` is the organization that a key must belong to, or
    None for any.
    """

    base_url: str
    read_key: Callable[[], str]
    timeout_s: float = 10.0
    user_agent: str = "fullstory-bridge"
    proxy: str | None = None
    org: str | None = None
    rotate_after_s: float = ROTATE_AFTER_S


class Client:
    """A client for FullStory; use it with `async with`."""

    def __init__(self, options: ClientOptions) -> None:
        self._options = options
        self._base = URL(options.base_url)
        self._headers = _headers(options)
        self._tls = ssl.create_default_context()
        self._tls.minimum_version = ssl.TLSVersion.TLSv1_2
        self._retiring: set[asyncio.Task[None]] = set()
        self._limit = TimeLimit(options.timeout_s)

    async def __aenter__(self) -> "Client":
        self._now_s = asyncio.get_running_loop().time
        self._open_session()
        self._limit.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._limit.stop()
        retiring = list(self._retiring)
        for task in retiring:
            task.cancel()
        await asyncio.gather(_close(self._session), *retiring, return_exceptions=True)

    def _open_session(self) -> None:
        connect_s = min(CONNECT_LIMIT_S, 0.8 * self._options.timeout_s)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_S, ssl=self._tls),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=connect_s),
            max_line_size=LINE_BYTES_MAX,
            max_field_size=LINE_BYTES_MAX,
        )
        self._use_headers(self._headers)
        self._rotate_at_s = self._now_s() + self._options.rotate_after_s

    def _use_headers(self, headers: CIMultiDictProxy[str]) -> None:
        """Use these headers for the following events."""
        self._headers = headers
        direct = self._options.proxy is None
        self._poster = Poster(self._session, self._base, headers) if direct else None

    def _rotate(self) -> None:
        """Open a new session; the old one closes when none of its requests can be in flight."""
        task = asyncio.create_task(self._retire(self._session))
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)
        self._open_session()

    async def _retire(self, session: aiohttp.ClientSession) -> None:
        try:
            await asyncio.sleep(self._options.timeout_s + 1)
        finally:
            await _close(session)

    async def send(self, request: Request) -> Response | NoResponse:
        """Send a request once and return the response; raises nothing."""
        exchange = self._exchange("POST", request.path, self._headers, request)
        return (await self._receive(exchange))[0]

    async def probe(self) -> Response | NoResponse | WrongOrganization:
        """Send `GET /me` with the current key; if FullStory accepts it, later requests use it."""
        headers = self._headers
        with contextlib.suppress(SetupError):  # half written or missing: keep the old key
            headers = _headers(self._options)
        answer, me = await self._get_me(headers)
        if not isinstance(answer, Response) or not answer.is_success:
            return answer
        if self._options.org is not None:
            org = me.get("orgId") if isinstance(me, dict) else None
            if not isinstance(org, str) or CODE.fullmatch(org) is None:
                return NoResponse("no_organization_told", sent=False)
            if org != self._options.org:
                return WrongOrganization(org)
        self._use_headers(headers)
        return answer

    async def _get_me(self, headers: Mapping[str, str]) -> tuple[Response | NoResponse, Any]:
        """Send `GET /me` every few seconds in parallel until one of them returns.

        A request that started in an outage may hang until its timeout, although the next one would
        get a response immediately.
        """
        requests: set[asyncio.Task[tuple[Response | NoResponse, Any]]] = set()
        try:
            while True:
                exchange = self._exchange("GET", "/me", headers)
                requests.add(asyncio.create_task(self._receive(exchange)))
                done, _ = await asyncio.wait(
                    requests, timeout=PROBE_AGAIN_S, return_when=asyncio.FIRST_COMPLETED
                )
                if done:
                    return done.pop().result()
        finally:
            for pending in requests:
                pending.cancel()

    async def is_quota_exhausted(self) -> bool:
        """Whether this month's quota is used up, by `GET /v2/organization/quotas`."""
        exchange = self._exchange("GET", "/v2/organization/quotas", self._headers)
        _, data = await self._receive(exchange)
        try:
            quota = data["server_event_quota"]
            return int(quota["usage"]) >= int(quota["limit"])
        except (KeyError, TypeError, ValueError):
            return False

    def _exchange(
        self, method: str, path: str, headers: Mapping[str, str], request: Request | None = None
    ) -> Coroutine[Any, Any, HttpReply]:
        """The coroutine that sends a request; events use the `Poster` if there is one."""
        if self._now_s() >= self._rotate_at_s:
            self._rotate()
        if request is None:
            return self._request_by_session(method, path, headers)
        if self._poster is not None:
            return self._poster.post(request)
        own = {
            "Idempotency-Key": request.idempotency_key,
            "Integration-Source": request.integration_source,
        }
        headers = CIMultiDict(headers, **{name: value for name, value in own.items() if value})
        return self._request_by_session(method, path, headers, request.body)

    async def _request_by_session(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> HttpReply:
        async with self._session.request(
            method,
            self._base.with_path(path, encoded=True),
            data=body,
            headers=headers,
            allow_redirects=False,
            proxy=self._options.proxy,
        ) as response:
            reply = HttpReply(response.status, response.headers, await read_body(response.content))
            if reply.body is None:
                response.close()
            return reply

    async def _receive(
        self, exchange: Coroutine[Any, Any, HttpReply]
    ) -> tuple[Response | NoResponse, Any]:
        """The response and its JSON; raises nothing."""
        task = self._limit.begin(self._now_s())
        try:
            return parse_reply(await exchange)
        except asyncio.CancelledError:
            if not self._limit.timed_out(task):
                raise
            return NoResponse("timeout", sent=True), None
        except (
            aiohttp.ClientConnectorError,
            aiohttp.ServerTimeoutError,
            aiohttp.ClientHttpProxyError,
            ConnectionLost,
        ) as error:
            return NoResponse(failure_name(error), sent=False), None
        except TimeoutError:
            return NoResponse("timeout", sent=True), None
        except (aiohttp.ClientError, OSError) as error:
            return NoResponse(failure_name(error), sent=True), None
        finally:
            self._limit.end(task)


async def _close(session: aiohttp.ClientSession) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(CLOSE_LIMIT_S):
            await session.close()


def _headers(options: ClientOptions) -> CIMultiDictProxy[str]:
    return CIMultiDictProxy(
        CIMultiDict(
            {
                "Authorization": f"Basic {options.read_key()}",
                "Content-Type": "application/json",
                "Accept": "application/json",
                "User-Agent": options.user_agent,
            }
        )
    )
