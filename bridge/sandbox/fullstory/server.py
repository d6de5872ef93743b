"""A local FullStory stand-in: v1 `customevent`, `/v2/events`, `GET /me` and the quota.

Invariants: it listens on loopback only and enforces `contract_v1.py` and `contract_v2.py`. An event
counts as accepted once it is applied, even if no response is sent. The path is checked raw, as it
is in the request line. It uses one event loop and no locks. `control.py` runs it as a separate
process.
"""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import orjson
from aiohttp import hdrs, web

from bridge.sandbox.fullstory import contract_v1, contract_v2
from bridge.sandbox.fullstory.faults import FaultPeriod, Faults, TokenBucket
from bridge.sandbox.fullstory.idempotency import KEY_CHARS_MAX, Idempotency, OtherBody
from bridge.sandbox.fullstory.ledger import Accepted, Ledger
from bridge.sandbox.fullstory.responses import (
    JSON,
    StandInResponse,
    code_of,
    contract_violation,
    error_body,
    fault_response,
    quota,
    refused,
    too_many_requests,
)

HOST = "127.0.0.1"
_IDEMPOTENCY_KEY = "Idempotency-Key"
_INTEGRATION_SOURCE = "Integration-Source"
_EVENT_PREFIXES = ("/users/v1/individual/", contract_v2.PATH)
_SHUTDOWN_S = 0.2


def _always(_uid: str) -> bool:
    return True


def _never(_uid: str) -> bool:
    return False


class FullStoryStandIn:
    """A FullStory account during an `async with` block.

    - `known` says whether a user exists: v1 responds 404 for other users, v2 creates them.
    - `fails` selects users whose v1 events always get 500.
    - `faults` are the injected faults; `ledger` has accepted events and response counts.
    - `quota` is (usage, limit) of server events.
    """

    def __init__(
        self,
        *,
        key: str = "na1.sandbox-key",
        org: str = "o-SANDBOX-na1",
        port: int = 0,
        known: Callable[[str], bool] = _always,
        ledger_file: Path | None = None,
    ) -> None:
        self.key = key
        self.org = org
        self.known = known
        self.fails: Callable[[str], bool] = _never
        self.quota = (0, 500_000)
        self.faults = Faults()
        self.ledger = Ledger(ledger_file)
        self.created: set[str] = set()
        self.idempotency = Idempotency()
        self._revoked = False
        self._port = port
        self._server: web.Server | None = None
        self._listener: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        await self.up()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.down()
        self.ledger.close()

    @property
    def url(self) -> str:
        """The base URL, without a trailing slash; the same before and after `down`."""
        return f"http://{HOST}:{self._port}"

    @property
    def accepted(self) -> list[Accepted]:
        """All applied events, in order."""
        return self.ledger.accepted

    @property
    def answers(self) -> Counter[int]:
        """The number of responses by status, over all endpoints."""
        return self.ledger.answers

    async def up(self) -> None:
        """Starts listening; after `down`, on the same port."""
        if self._listener is None:
            loop = asyncio.get_running_loop()
            self._server = web.Server(self._handle, access_log=None, handler_cancellation=True)
            self._listener = await loop.create_server(self._server, HOST, self._port)
            self._port = self._listener.sockets[0].getsockname()[1]

    async def down(self) -> None:
        """Stops listening and closes every connection: new connections are refused."""
        if self._listener is None or self._server is None:
            return
        self._listener.close()
        self._listener = None
        for connection in self._server.connections:
            if connection.transport is not None:
                connection.transport.abort()
        await self._server.shutdown(_SHUTDOWN_S)

    def start_fault_period(
        self,
        status: int,
        *,
        seconds: float = math.inf,
        count: float = math.inf,
        retry_after: str | int | None = None,
        also_me: bool | None = None,
        body: bytes | None = None,
        content_type: str = JSON,
        location: str | None = None,
        applied: bool = False,
    ) -> None:
        """Responds with `status` for `seconds` or for `count` requests; see `FaultPeriod`.

        This affects `GET /me` too, unless the status is 429: rate limits are per endpoint.
        """
        self.faults.fault_period = FaultPeriod(
            status,
            until_s=time.monotonic() + seconds,
            left=count,
            retry_after=None if retry_after is None else str(retry_after),
            also_me=status != 429 if also_me is None else also_me,
            body=error_body(code_of(status), "injected fault") if body is None else body,
            content_type=content_type,
            location=location,
            applied=applied,
        )

    def limit(self, rate: float, burst: float) -> None:
        """Sets a rate limit: `burst` events at once, then `rate` per second."""
        self.faults.bucket = TokenBucket(rate, burst, filled_at_s=time.monotonic())

    def revoke_key(self) -> None:
        """Revokes the key: every request gets 401."""
        self._revoked = True

    def renew_key(self, key: str | None = None) -> None:
        """Makes `key` (default: the old one) the valid key."""
        self.key = key or self.key
        self._revoked = False

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        is_event = request.raw_path.startswith(_EVENT_PREFIXES)
        if is_event:
            self.ledger.events += 1
        else:
            self.ledger.probes += 1
        try:
            body = await request.read()
            return await self._answer(request, body, is_event=is_event)
        except asyncio.CancelledError:
            self.ledger.unanswered += 1
            raise

    async def _answer(
        self, request: web.BaseRequest, body: bytes, *, is_event: bool
    ) -> web.StreamResponse:
        """Responds with faults injected; aiohttp cancels this when the caller disconnects."""
        faults = self.faults
        affected = is_event or not faults.spare_me
        if affected and faults.hang_s:
            await asyncio.sleep(faults.hang_s)
        answer = self._respond(request, body, is_event=is_event)
        if affected and faults.latency_s:
            await asyncio.sleep(faults.latency_s)
        if is_event and faults.close_without_answer > 0:
            faults.close_without_answer -= 1
            await _abort_connection(request)
        if affected and faults.black_hole:
            await asyncio.Event().wait()
        self.ledger.answers[answer.status] += 1
        headers = None if answer.header is None else dict([answer.header])
        return web.Response(
            status=answer.status,
            body=answer.body,
            content_type=answer.content_type,
            headers=headers,
        )

    def _respond(self, request: web.BaseRequest, body: bytes, *, is_event: bool) -> StandInResponse:
        """Checks in the order of a real server: outage, key, rate limit, then the endpoint."""
        now_s = time.monotonic()
        fault_period = self.faults.fault_period
        if fault_period is not None and fault_period.hits(now_s, me=not is_event):
            if fault_period.applied and is_event:
                self._event(request, body, now_s)
            return fault_response(fault_period)
        if self._revoked or request.headers.get(hdrs.AUTHORIZATION) != f"Basic {self.key}":
            return refused(401, "invalid key; it must follow Basic verbatim")
        if not is_event:
            return self._account_response(request)
        wait_s = 0.0 if self.faults.bucket is None else self.faults.bucket.wait_s(now_s)
        if wait_s:
            return too_many_requests(wait_s)
        return self._event(request, body, now_s)

    def _event(self, request: web.BaseRequest, body: bytes, now_s: float) -> StandInResponse:
        """The response to an event of either API."""
        if request.raw_path.startswith(contract_v2.PATH):
            return self._v2_event(request, body, now_s)
        return self._customevent(request, body)

    def _v2_event(self, request: web.BaseRequest, body: bytes, now_s: float) -> StandInResponse:
        if request.raw_path != contract_v2.PATH:
            return refused(404, "no such resource")
        key = request.headers.get(_IDEMPOTENCY_KEY)
        if key is not None and not 1 <= len(key) <= KEY_CHARS_MAX:
            return refused(400, "the idempotency key is empty or too long")
        source = request.headers.get(_INTEGRATION_SOURCE)
        if source == "":
            return refused(400, "the integration source is empty")
        answer = contract_violation(request, body, contract_v2.refusal)
        if answer is not None:
            return answer
        try:
            if key is not None and self.idempotency.is_repeat(key, body, now_s):
                self.ledger.repeats += 1
                return StandInResponse(200, b"{}")
        except OtherBody:
            return refused(400, "the idempotency key was used with a different body")
        if key is not None:
            self.idempotency.applied(key, body, now_s)
        uid = contract_v2.uid_of(body)
        if uid and not self.known(uid):
            self.created.add(uid)
        self.ledger.add(Accepted(uid, request.raw_path, body, now_s, source))
        return StandInResponse(200, b"{}")

    def _customevent(self, request: web.BaseRequest, body: bytes) -> StandInResponse:
        uid = contract_v1.uid_of(request.raw_path)
        if uid is None:
            return refused(404, "no such resource: the uid must be one percent-encoded segment")
        if self.fails(uid):
            return refused(500, "something went wrong")
        if _INTEGRATION_SOURCE in request.headers:
            return refused(400, "v1 has a field for the integration")
        answer = contract_violation(request, body, contract_v1.refusal)
        if answer is not None:
            return answer
        if not self.known(uid) and uid not in self.created:
            return refused(404, "user not found")
        self.ledger.add(Accepted(uid, request.raw_path, body, time.monotonic()))
        return StandInResponse(200, b"{}")

    def _account_response(self, request: web.BaseRequest) -> StandInResponse:
        if request.method != hdrs.METH_GET:
            return refused(405, "only GET")
        if request.raw_path == "/me":
            me = {"email": "bridge@sandbox.invalid", "orgId": self.org, "role": "USER"}
            return StandInResponse(200, orjson.dumps(me))
        if request.raw_path == "/v2/organization/quotas":
            return StandInResponse(200, orjson.dumps({"server_event_quota": quota(*self.quota)}))
        return refused(404, "no such resource")


async def _abort_connection(request: web.BaseRequest) -> None:
    """Aborts the connection and waits for the resulting cancellation."""
    if request.transport is not None:
        request.transport.abort()
    await asyncio.Event().wait()
