"""Posts events over the connections of an aiohttp session, without what each request repeats.

aiohttp's `session.request` builds a URL, headers, a payload and two objects with dozens of fields
for every request, and looks after cookies, redirects and traces: half of its time. All our events
go to one host with the same headers, so the head is text that was made once. Connecting, TLS, the
pool, and reading the answer are aiohttp's.

Invariants:
- It raises what `session.request` raises, so that whoever calls need not know which was used.
- A connection goes back to the pool only when the whole answer was read.
- Nothing that could end a header early gets into one.
- Behind a proxy it is not used: what a request to one looks like is aiohttp's to know.
"""

import asyncio
import re
from collections.abc import Mapping
from typing import Final

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from bridge.fullstory.response import REPLY_BYTES_MAX, HttpReply, whole_body

LINE_BYTES_MAX: Final = 32_768
"""Of a status line or a header."""

_ENDS_A_HEADER: Final = re.compile(r"[\r\n\0]")
_SWITCHING_PROTOCOLS: Final = 101


class Poster:
    """Posts to the host of `base`, with headers that are the same each time."""

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
        # Never sent: it says where to connect to, and which headers aiohttp adds.
        self._request = aiohttp.ClientRequest(
            "POST", base, headers=headers, loop=asyncio.get_running_loop(), session=session
        )
        lines = [f"{name}: {_checked(value)}\r\n" for name, value in self._written_headers()]
        self._head = "".join(lines)

    def _written_headers(self) -> list[tuple[str, str]]:
        left_out = ("content-length", "transfer-encoding")
        return [pair for pair in self._request.headers.items() if pair[0].lower() not in left_out]

    async def post(self, path: str, body: bytes, idempotency_key: str | None = None) -> HttpReply:
        """Post once to a path that is percent-encoded.

        Raises:
            aiohttp.ClientError: as `session.request` does.
            OSError: the connection broke.
        """
        connection = await self._connect()
        try:
            protocol = connection.protocol
            if protocol is None or protocol.transport is None:
                raise aiohttp.ServerDisconnectedError  # noqa: TRY301 -- so that it is closed
            protocol.set_response_params(
                read_until_eof=True,
                read_bufsize=REPLY_BYTES_MAX,
                max_line_size=LINE_BYTES_MAX,
                max_field_size=LINE_BYTES_MAX,
            )
            protocol.transport.write(self._written(path, body, idempotency_key))
            reply = await self._reply(protocol)
        except BaseException:
            connection.close()
            raise
        if reply.body is None:
            connection.close()  # a body without end
        else:
            connection.release()
        return reply

    async def _connect(self) -> "aiohttp.connector.Connection":
        try:
            return await self._connector.connect(self._request, [], self._timeout)
        except TimeoutError as error:
            raise aiohttp.ConnectionTimeoutError("no connection in time") from error

    def _written(self, path: str, body: bytes, idempotency_key: str | None) -> bytes:
        key = "" if idempotency_key is None else f"Idempotency-Key: {_checked(idempotency_key)}\r\n"
        length = f"Content-Length: {len(body)}\r\n\r\n"
        return f"POST {path} HTTP/1.1\r\n{self._head}{key}{length}".encode() + body

    async def _reply(self, protocol: ResponseHandler) -> HttpReply:
        """The final reply with all of its body."""
        while True:
            try:
                message, content = await protocol.read()
            except HttpProcessingError as error:
                asked = self._request.request_info
                raise aiohttp.ClientResponseError(asked, (), status=error.code) from error
            if message.code >= 200 or message.code == _SWITCHING_PROTOCOLS:
                break
        return HttpReply(message.code, message.headers, await whole_body(content))


def _checked(value: str) -> str:
    """The value of a header; ValueError for one that would end it, which is not told."""
    if _ENDS_A_HEADER.search(value):
        raise ValueError("a header's value holds a line break or NUL")
    return value
