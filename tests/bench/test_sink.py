"""The sink's own reading of HTTP: requests in pieces, and many in one."""

import asyncio
from typing import cast

import pytest

from tests.bench.sink import Arrivals, Connection

_POST = b"POST /x HTTP/1.1\r\nHost: a\r\ncontent-length: 5\r\n\r\nab\r\n\r"
_GET = b"GET /me HTTP/1.1\r\nHost: a\r\n\r\n"


class _Wire(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.written = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return False


@pytest.mark.parametrize("size", [1, 7, 64, 10_000])
def test_every_request_is_answered_however_it_is_cut(size: int) -> None:
    """Pieces of one byte, and all of it at once."""
    sent = (_POST * 3 + _GET + _POST) * 5
    arrivals, wire = Arrivals(), _Wire()
    connection = Connection(arrivals, 0.0)
    connection.connection_made(wire)
    for start in range(0, len(sent), size):
        connection.data_received(sent[start : start + size])
    assert arrivals.count == 20
    assert wire.written.count(b"HTTP/1.1 200 OK") == 25
    assert wire.written.count(b'{"orgId":"o-1"}') == 5


def test_a_moment_is_that_of_its_post() -> None:
    """Not that of the one before."""
    arrivals = Arrivals()
    connection = Connection(arrivals, 0.0)
    connection.connection_made(cast("asyncio.Transport", _Wire()))
    moment = arrivals.moment_of(2)
    connection.data_received(_POST)
    assert not moment.come.is_set()
    connection.data_received(_POST)
    assert moment.come.is_set()
