"""Posts events over the connections of an aiohttp session, without its overhead per request.

For every request, aiohttp's `session.request` builds a URL, headers, a payload and two objects with
dozens of fields. It also handles cookies, redirects and traces: half of the time of a request.
All events go to one host with the same headers, so the head is built once. aiohttp still connects,
does TLS, pools connections and reads the response.

Invariants:
- It raises what `session.request` raises, so callers need not know which one was used.
- A connection returns to the pool only after the whole response was read.
- No header value contains anything that could end the header early.
- It is not used behind a proxy: aiohttp builds those requests.
"""

import asyncio
import re
from collections.abc import Mapping
from typing import Final

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from bridge.fullstory.requests.request import Request
from bridge.fullstory.response import REPLY_BYTES_MAX, HttpReply, read_body

LINE_BYTES_MAX: Final = 32_768
"""The maximum length of a status line or a header."""

_HEADER_BREAK: Final = re.compile(r"[\r\n\0]")
_SWITCHING_PROTOCOLS: Final = 101


class ConnectionLost(aiohttp.ServerDisconnectedError):
    """The connection closed before the request was written."""


class Poster:
    """Posts to the host of `base`, with the same headers each time."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        base: URL,
        headers: Mapping[str, str],
    ) -> None:
        connector = session.connector
        if connector is None:
            raise RuntimeError("the session is closed")
        self._connector = connector
        self._timeout = session.timeout
        # Never sent: it tells aiohttp where to connect, and which headers aiohttp adds.
        self._request = aiohttp.ClientRequest(
            "POST", base, headers=headers, loop=asyncio.get_running_loop(), session=session
        )
        lines = [f"{name}: {_checked(value)}\r\n" for name, value in self._fixed_headers()]
        self._head = "".join(lines)

    def _fixed_headers(self) -> list[tuple[str, str]]:
        excluded = ("content-length", "transfer-encoding")
        return [pair for pair in self._request.headers.items() if pair[0].lower() not in excluded]

    async def post(self, request: Request) -> HttpReply:
        """Post a request once.

        Raises:
            aiohttp.ClientError: as `session.request` does.
            OSError: the connection broke.
        """
        connection = await self._connect()
        try:
            protocol = connection.protocol
            if protocol is None or protocol.transport is None:
                raise ConnectionLost  # noqa: TRY301 -- so that it is closed
            protocol.set_response_params(
                read_until_eof=True,
                read_bufsize=REPLY_BYTES_MAX,
                max_line_size=LINE_BYTES_MAX,
                max_field_size=LINE_BYTES_MAX,
            )
            protocol.transport.write(self._serialize(request))
            reply = await self._read_reply(protocol)
        except BaseException:
            connection.close()
            raise
        if reply.body is None:
            connection.close()  # the body may never end
        else:
            connection.release()
        return reply

    async def _connect(self) -> "aiohttp.connector.Connection":
        try:
            return await self._connector.connect(self._request, [], self._timeout)
        except TimeoutError as error:
            raise aiohttp.ConnectionTimeoutError("no connection in time") from error

    def _serialize(self, request: Request) -> bytes:
        _, path, body, key, source = request
        own = "" if key is None else f"Idempotency-Key: {_checked(key)}\r\n"
        if source is not None:
            own += f"Integration-Source: {_checked(source)}\r\n"
        length = f"Content-Length: {len(body)}\r\n\r\n"
        return f"POST {path} HTTP/1.1\r\n{self._head}{own}{length}".encode() + body

    async def _read_reply(self, protocol: ResponseHandler) -> HttpReply:
        """The final reply with its whole body; interim replies are skipped."""
        while True:
            try:
                message, content = await protocol.read()
            except HttpProcessingError as error:
                request_info = self._request.request_info
                raise aiohttp.ClientResponseError(request_info, (), status=error.code) from error
            if message.code >= 200 or message.code == _SWITCHING_PROTOCOLS:
                break
        return HttpReply(message.code, message.headers, await read_body(content))


def _checked(value: str) -> str:
    """The value of a header; a ValueError, without the value, if it would end the header."""
    if _HEADER_BREAK.search(value):
        raise ValueError("a header value contains a line break or NUL")
    return value
