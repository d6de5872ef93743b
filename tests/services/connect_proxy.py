"""An HTTP proxy on loopback that opens tunnels (CONNECT), and records who asked for which."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_REFUSED = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
_OPENED = b"HTTP/1.1 200 Connection established\r\n\r\n"


class ConnectProxy:
    """Tunnels to the requested address, if the request has the expected credentials.

    `authorization` is the required value of `Proxy-Authorization`; None: none required.
    """

    def __init__(self, authorization: str | None = None) -> None:
        self._authorization = authorization
        self._tasks: set[asyncio.Task[None]] = set()
        self.requests: list[bytes] = []

    @asynccontextmanager
    async def up(self) -> AsyncIterator[int]:
        """The proxy's port on 127.0.0.1, for the duration of the block."""
        server = await asyncio.start_server(self._begin, "127.0.0.1", 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.add(asyncio.create_task(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.requests.append(head)
        expected = self._authorization
        if expected is not None and f"proxy-authorization: {expected}".lower() not in (
            head.decode().lower()
        ):
            writer.write(_REFUSED)
            await writer.drain()
            writer.close()
            return
        host, _, port = head.split()[1].decode().rpartition(":")
        target_reader, target_writer = await asyncio.open_connection(host, int(port))
        writer.write(_OPENED)
        await asyncio.gather(_copy(reader, target_writer), _copy(target_reader, writer))


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """Copy until the source ends, then close the target."""
    try:
        while data := await source.read(65_536):
            target.write(data)
            await target.drain()
    except ConnectionError:
        pass
    finally:
        target.close()
