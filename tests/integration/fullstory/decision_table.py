"""What a FullStory does at first, byte for byte, and what is to become of the event."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bridge.delivery.decision import Done, Reject, Skip
from tests.integration.fullstory.misbehaving_server import http

TIMEOUT_S = 0.4
"""How long the client waits for an answer."""

Doing = Callable[[asyncio.StreamWriter], Awaitable[None]]


def says(answer: bytes) -> Doing:
    """Answer with these bytes."""

    async def do(writer: asyncio.StreamWriter) -> None:
        writer.write(answer)

    return do


async def nothing(_writer: asyncio.StreamWriter) -> None:
    """Never answer."""
    await asyncio.sleep(30)


async def closes(writer: asyncio.StreamWriter) -> None:
    """Close the connection in place of an answer."""
    writer.close()


async def resets(writer: asyncio.StreamWriter) -> None:
    """Reset the connection."""
    writer.transport.abort()


async def breaks_off(writer: asyncio.StreamWriter) -> None:
    """Send less than was announced."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}")
    writer.close()


async def never_ends(writer: asyncio.StreamWriter) -> None:
    """Send a body without end, as fast as it goes."""
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"1000\r\n" + b" " * 0x1000 + b"\r\n")
        await writer.drain()


async def drips(writer: asyncio.StreamWriter) -> None:
    """Send a body so slowly that it never ends."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.05)


NOT_FOUND = says(http("404 Not Found", body=b'{"code":"resource_not_found"}'))
BAD = says(http("400 Bad Request", body=b'{"code":"invalid_argument","message":"secret"}'))
UNAUTHORIZED = says(http("401 Unauthorized", body=b"{}"))
HTML = says(http("200 OK", "Content-Type: text/html", body=b"<html>"))
USED_UP = http("200 OK", body=b'{"server_event_quota":{"usage":"500000","limit":"500000"}}')
LEFT = http("200 OK", body=b'{"server_event_quota":{"usage":"1","limit":"500000"}}')


ACCEPTED = Done()


@dataclass(frozen=True)
class Row:
    """What FullStory does at first, then all is well; and what comes of it."""

    does: Sequence[Doing]
    tries: int
    decision: Done | Skip | Reject = ACCEPTED
    unsure: int = 0
    waiting: Sequence[str] = ()
    least_s: float = 0.0
    policy: dict[str, Any] = field(default_factory=dict)
    quota: Sequence[bytes] = (LEFT,)
    is_known: bool = False
    """Whether another user is known already."""


ROWS = {
    "200 with {}": Row([], 1),
    "204 without a body": Row([says(b"HTTP/1.1 204 No Content\r\n\r\n")], 1),
    "429 with seconds": Row(
        [says(http("429 Too Many Requests", "Retry-After: 1"))], 2, least_s=1.0
    ),
    "429 with nothing": Row([says(http("429 Too Many Requests"))], 2, least_s=1.0),
    "408": Row([says(http("408 Request Timeout"))], 2),
    "409": Row([says(http("409 Conflict"))], 2),
    "425": Row([says(http("425 Too Early"))], 2),
    "500": Row([says(http("500 Internal Server Error"))] * 3, 4),
    "502 with HTML": Row([says(http("502 Bad Gateway", body=b"<html>"))], 2),
    "503 with seconds": Row(
        [says(http("503 Service Unavailable", "Retry-After: 1"))], 2, least_s=1.0
    ),
    "no answer": Row([nothing], 2, unsure=1, waiting=["timeout"], least_s=TIMEOUT_S),
    "closed without an answer": Row([closes], 2, unsure=1),
    "reset": Row([resets], 2, unsure=1),
    "an answer that breaks off": Row([breaks_off], 2, unsure=1),
    "a body that never ends": Row([never_ends], 2),
    "a body that drips": Row([drips], 2, unsure=1, waiting=["timeout"], least_s=TIMEOUT_S),
    "a header too large": Row([says(http("200 OK", f"X: {'x' * 200_000}"))], 2, unsure=1),
    "no HTTP": Row([says(b"SSH-2.0-OpenSSH_9\r\n\r\n\r\n")], 2, unsure=1),
    "301": Row([says(http("301 Moved Permanently", "Location: /me"))], 2),
    "302": Row([says(http("302 Found", "Location: /me"))], 2),
    "307": Row([says(http("307 Temporary Redirect", "Location: /me"))], 2),
    "200 with HTML": Row([HTML], 2),
    "a proxy's page for long": Row([HTML] * 60, 61, waiting=["answer_is_not_json"]),
    "503 for long": Row([says(http("503 Service Unavailable"))] * 60, 61, waiting=["status_503"]),
    "401": Row([UNAUTHORIZED], 2, waiting=["key_refused"]),
    "403": Row([says(http("403 Forbidden", body=b"{}"))], 2, waiting=["key_refused"]),
    "404, then known": Row([NOT_FOUND], 2, least_s=0.1),
    "404 for ever, somebody is known": Row([NOT_FOUND] * 9, 2, Skip("unknown_user"), is_known=True),
    "404 for ever, dead letters wanted": Row(
        [NOT_FOUND] * 9,
        2,
        Reject("unknown_user", 404, "resource_not_found"),
        policy={"unknown_user": "dead_letter"},
        is_known=True,
    ),
    "404, nobody is known": Row([NOT_FOUND] * 5, 6, least_s=0.5),
    "400": Row([BAD], 1, Reject("refused_by_fullstory", 400, "invalid_argument")),
    "413 with HTML": Row(
        [says(http("413 Content Too Large", body=b"<html>"))],
        1,
        Reject("refused_by_fullstory", 413, None),
    ),
    "422": Row([says(http("422 Unprocessable"))], 1, Reject("refused_by_fullstory", 422, None)),
    "400 while the quota is used up": Row(
        [BAD], 2, waiting=["quota_used_up"], quota=[USED_UP, USED_UP, LEFT]
    ),
}
