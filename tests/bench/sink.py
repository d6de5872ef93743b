"""A minimal FullStory stand-in for speed: it counts POSTs, takes the time, and responds `{}`.

Invariants: it has a separate event loop and thread, so that the harness never blocks it. Each run
has a separate server, so that late requests are not counted in the next run. Bodies must have a
Content-Length, which all clients here send.
"""

import asyncio
import re
import ssl
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

import uvloop

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
_BACKLOG = 1024
_START_S = 10.0
_T = TypeVar("_T")


def _response(body: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % len(body) + body


_ACCEPTED = _response(b"{}")
_ME = _response(b'{"orgId":"o-1"}')


class Arrivals:
    """Counts the POSTs of one run, and runs callbacks at some of them."""

    def __init__(self) -> None:
        self.count = 0
        self._at: dict[int, Callable[[], None]] = {}

    def at(self, number: int, do: Callable[[], None]) -> None:
        """Run a short callback in the sink's thread when POST `number` (from 1) arrives."""
        self._at[number] = do

    def arrived(self) -> None:
        """Count one POST."""
        self.count += 1
        do = self._at.get(self.count)
        if do is not None:
            do()

    def moment_of(self, number: int) -> "Moment":
        """The moment at which POST `number` arrives."""
        moment = Moment()
        self.at(number, moment.mark_now)
        return moment


class Moment:
    """The time of an event by `time.perf_counter`; `occurred` is set when it happens."""

    def __init__(self) -> None:
        self.occurred = threading.Event()
        self.at_s = 0.0

    def mark_now(self) -> None:
        """Set the time, and set `occurred`."""
        self.at_s = time.perf_counter()
        self.occurred.set()


class Connection(asyncio.Protocol):
    """One keep-alive connection; requests may arrive in pieces, or several at once."""

    def __init__(self, arrivals: Arrivals, delay_s: float) -> None:
        self._arrivals = arrivals
        self._delay_s = delay_s
        self._rest = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport for the responses."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Respond to every complete request, and keep the rest."""
        received = self._rest + data if self._rest else data
        place, posts = 0, 0
        while (head_end := received.find(b"\r\n\r\n", place)) >= 0:
            found = _LENGTH.search(received, place, head_end)
            end = head_end + 4 + (int(found[1]) if found else 0)
            if end > len(received):
                break
            if received.startswith(b"POST ", place):
                self._arrivals.arrived()
                posts += 1
            else:
                self._write(_ME)
            place = end
        self._rest = received[place:]
        if posts:
            self._answer(_ACCEPTED * posts)

    def _answer(self, answers: bytes) -> None:
        if self._delay_s:
            asyncio.get_running_loop().call_later(self._delay_s, self._write, answers)
        else:
            self._write(answers)

    def _write(self, answers: bytes) -> None:
        assert self._transport is not None
        if not self._transport.is_closing():
            self._transport.write(answers)


class Sink:
    """The thread and event loop of the servers, during a `with` block."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        self._tls = tls
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="sink", daemon=True)

    def __enter__(self) -> "Sink":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_START_S)

    @contextmanager
    def server(self, *, delay_s: float = 0.0, tls: bool = False) -> Iterator[tuple[str, Arrivals]]:
        """A server for one run: its URL and its arrivals."""
        arrivals = Arrivals()
        server = self._run(self._serve(arrivals, delay_s, self._tls if tls else None))
        port = server.sockets[0].getsockname()[1]
        try:
            yield f"{'https' if tls else 'http'}://127.0.0.1:{port}", arrivals
        finally:
            self._loop.call_soon_threadsafe(server.close)

    async def _serve(
        self, arrivals: Arrivals, delay_s: float, tls: ssl.SSLContext | None
    ) -> asyncio.Server:
        made = await self._loop.create_server(
            lambda: Connection(arrivals, delay_s), "127.0.0.1", 0, backlog=_BACKLOG, ssl=tls
        )
        return cast("asyncio.Server", made)

    def _run(self, work: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_START_S)
