"""One request to FullStory, and what came back: the only place that speaks HTTP to it.

Invariants (each a pitfall of a long-lived client):
- Redirects are never followed: a POST would become a GET, and a 200 after it a lost event.
- The body is always read, or the connection is thrown away.
- No cookies, no proxy or netrc looked up per request, no place awaited in the pool.
- A connection that is kept alive never sees that a name leads elsewhere now: sessions are
  replaced every few minutes, the old one ends when its last request must have ended.
- A request that never left is told apart from one that may have been applied.
- The key stands in one header made at start, and in no message. A renewed one is taken when
  `GET /me` has answered to it, as one of `fullstory.org` where that is set: until then no event
  goes out with it.
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
from bridge.fullstory.poster import LINE_BYTES_MAX, Poster
from bridge.fullstory.requests.request import Request
from bridge.fullstory.response import CODE, HttpReply, name_of_failure, response_of, whole_body
from bridge.fullstory.time_limit import TimeLimit

CONNECT_LIMIT_S = 5.0
KEEP_ALIVE_S = 10.0
"""Shorter than the idle limit of common front ends, so that the server does not close first."""

ROTATE_AFTER_S = 300.0
"""How old a session gets, and with it what it knows of names and addresses."""

PROBE_AGAIN_S = 2.0
"""A probe that hangs so long is asked again beside it."""

CLOSE_LIMIT_S = 2.0
"""uvloop waits for the other side's goodbye for half a minute; we do not."""


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """Where FullStory is and how long it may take; `read_key` reads the key anew each time.

    `proxy` is the address of a proxy on the way; None: there is none. `org` is the organization
    that a key must belong to; None: any will do.
    """

    base_url: str
    read_key: Callable[[], str]
    timeout_s: float = 10.0
    user_agent: str = "fullstory-bridge"
    proxy: str | None = None
    org: str | None = None
    rotate_after_s: float = ROTATE_AFTER_S


class Client:
    """A session with FullStory; `async with` it."""

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
        self._begin_session()
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

    def _begin_session(self) -> None:
        connect_s = min(CONNECT_LIMIT_S, 0.8 * self._options.timeout_s)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_S, ssl=self._tls),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=connect_s),
            max_line_size=LINE_BYTES_MAX,
            max_field_size=LINE_BYTES_MAX,
        )
        self._use(self._headers)
        self._rotate_at_s = self._now_s() + self._options.rotate_after_s

    def _use(self, headers: CIMultiDictProxy[str]) -> None:
        """Send events with these headers from now on."""
        self._headers = headers
        direct = self._options.proxy is None
        self._poster = Poster(self._session, self._base, headers) if direct else None

    def _rotate(self) -> None:
        """Begin a new session; the old one is closed when no request of it can be under way."""
        task = asyncio.create_task(self._retire(self._session))
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)
        self._begin_session()

    async def _retire(self, session: aiohttp.ClientSession) -> None:
        try:
            await asyncio.sleep(self._options.timeout_s + 1)
        finally:
            await _close(session)

    async def send(self, request: Request) -> Response | NoResponse:
        """Send a request once and say what came back; raises nothing."""
        exchange = self._exchange("POST", request.path, self._headers, request)
        return (await self._ask(exchange))[0]

    async def probe(self) -> Response | NoResponse | WrongOrganization:
        """`GET /me`: does FullStory answer, and does it take the key that stands in its place now?

        If it does, this key is used from the next request on.
        """
        headers = self._headers
        with contextlib.suppress(SetupError):  # half written, or gone for a moment: keep the old
            headers = _headers(self._options)
        answer, me = await self._me(headers)
        if not isinstance(answer, Response) or not answer.is_success:
            return answer
        if self._options.org is not None:
            org = me.get("orgId") if isinstance(me, dict) else None
            if not isinstance(org, str) or CODE.fullmatch(org) is None:
                return NoResponse("no_organization_told", sent=False)
            if org != self._options.org:
                return WrongOrganization(org)
        self._use(headers)
        return answer

    async def _me(self, headers: Mapping[str, str]) -> tuple[Response | NoResponse, Any]:
        """Asked again every few seconds until one of them comes back.

        What was asked in an outage may hang until its time limit, though the next one would be
        answered at once.
        """
        asked: set[asyncio.Task[tuple[Response | NoResponse, Any]]] = set()
        try:
            while True:
                exchange = self._exchange("GET", "/me", headers)
                asked.add(asyncio.create_task(self._ask(exchange)))
                back, _ = await asyncio.wait(
                    asked, timeout=PROBE_AGAIN_S, return_when=asyncio.FIRST_COMPLETED
                )
                if back:
                    return back.pop().result()
        finally:
            for one in asked:
                one.cancel()

    async def is_quota_exhausted(self) -> bool:
        """Whether `GET /v2/organization/quotas` says that no more events are taken this month."""
        exchange = self._exchange("GET", "/v2/organization/quotas", self._headers)
        _, data = await self._ask(exchange)
        try:
            quota = data["server_event_quota"]
            return int(quota["usage"]) >= int(quota["limit"])
        except (KeyError, TypeError, ValueError):
            return False

    def _exchange(
        self, method: str, path: str, headers: Mapping[str, str], request: Request | None = None
    ) -> Coroutine[Any, Any, HttpReply]:
        """How to ask: events by the fast way, where there is one."""
        if self._now_s() >= self._rotate_at_s:
            self._rotate()
        if request is None:
            return self._by_session(method, path, headers)
        key = request.idempotency_key
        if self._poster is not None:
            return self._poster.post(path, request.body, key)
        if key is not None:
            headers = CIMultiDict(headers, **{"Idempotency-Key": key})
        return self._by_session(method, path, headers, request.body)

    async def _by_session(
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
            reply = HttpReply(response.status, response.headers, await whole_body(response.content))
            if reply.body is None:
                response.close()
            return reply

    async def _ask(
        self, exchange: Coroutine[Any, Any, HttpReply]
    ) -> tuple[Response | NoResponse, Any]:
        """What came back, and its JSON; raises nothing."""
        task = self._limit.begin(self._now_s())
        try:
            return response_of(await exchange)
        except asyncio.CancelledError:
            if not self._limit.was_reached_by(task):
                raise
            return NoResponse("timeout", sent=True), None
        except (
            aiohttp.ClientConnectorError,
            aiohttp.ServerTimeoutError,
            aiohttp.ClientHttpProxyError,
        ) as error:
            return NoResponse(name_of_failure(error), sent=False), None
        except TimeoutError:
            return NoResponse("timeout", sent=True), None
        except (aiohttp.ClientError, OSError) as error:
            return NoResponse(name_of_failure(error), sent=True), None
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
