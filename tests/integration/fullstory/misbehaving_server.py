"""A server that responds to requests as a test says, byte for byte."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"

Reply = Callable[[int, bytes, asyncio.StreamWriter], Awaitable[None]]
"""Handles a request by its number and bytes, and writes to the stream."""


class Server:
    """Reads whole requests and responds as the test says, byte for byte."""

    def __init__(self, reply: Reply, tls: ssl.SSLContext | None = None) -> None:
        self._reply = reply
        self._tls = tls
        self.requests: list[bytes] = []
        self.connections = 0
        self._tasks: list[asyncio.Task[None]] = []

    @asynccontextmanager
    async def up(self, port: int = 0, host: str = "127.0.0.1") -> AsyncIterator[str]:
        """The server's URL, for the duration of the block."""
        server = await asyncio.start_server(self._begin, host, port, ssl=self._tls)
        port = server.sockets[0].getsockname()[1]
        try:
            yield f"http{'s' if self._tls else ''}://{host}:{port}"
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._tasks.append(asyncio.create_task(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while not reader.at_eof() and not writer.is_closing():
                head = await reader.readuntil(b"\r\n\r\n")
                self.requests.append(head + await reader.readexactly(_length(head)))
                await self._reply(len(self.requests), self.requests[-1], writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def _length(head: bytes) -> int:
    lines = head.lower().split(b"\r\n")
    return int(next((line[15:] for line in lines if line.startswith(b"content-length:")), b"0"))


def always(answer: bytes) -> Reply:
    """The same response to every request."""

    async def reply(_number: int, _request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()

    return reply


def http(status: str, *headers: str, body: bytes = b"") -> bytes:
    """A whole HTTP response."""
    head = "\r\n".join([f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "", ""])
    return head.encode() + body
