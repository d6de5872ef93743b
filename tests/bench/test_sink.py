"""The sink's HTTP parser: requests in pieces, and several at once."""

import asyncio
from typing import cast

import pytest

from tests.bench.sink import Arrivals, Connection

_POST = b"POST /x HTTP/1.1\r\nHost: a\r\ncontent-length: 5\r\n\r\nab\r\n\r"
_GET = b"GET /me HTTP/1.1\r\nHost: a\r\n\r\n"


class _FakeTransport(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.written = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return False


@pytest.mark.parametrize("size", [1, 7, 64, 10_000])
def test_every_request_gets_a_response_for_any_chunk_size(size: int) -> None:
    """From chunks of one byte to all requests in one chunk."""
    sent = (_POST * 3 + _GET + _POST) * 5
    arrivals, transport = Arrivals(), _FakeTransport()
    connection = Connection(arrivals, 0.0)
    connection.connection_made(transport)
    for start in range(0, len(sent), size):
        connection.data_received(sent[start : start + size])
    assert arrivals.count == 20
    assert transport.written.count(b"HTTP/1.1 200 OK") == 25
    assert transport.written.count(b'{"orgId":"o-1"}') == 5


def test_a_moment_occurs_at_its_own_post() -> None:
    """It does not occur at an earlier one."""
    arrivals = Arrivals()
    connection = Connection(arrivals, 0.0)
    connection.connection_made(cast("asyncio.Transport", _FakeTransport()))
    moment = arrivals.moment_of(2)
    connection.data_received(_POST)
    assert not moment.occurred.is_set()
    connection.data_received(_POST)
    assert moment.occurred.is_set()
