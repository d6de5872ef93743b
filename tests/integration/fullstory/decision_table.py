"""The decision table: FullStory's behavior, byte for byte, and the outcome of the event."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bridge.delivery.decision import Done, Reject, Skip
from tests.integration.fullstory.misbehaving_server import http

TIMEOUT_S = 0.4
"""How long the client waits for a response."""

Behavior = Callable[[asyncio.StreamWriter], Awaitable[None]]


def responds(answer: bytes) -> Behavior:
    """Respond with these bytes."""

    async def do(writer: asyncio.StreamWriter) -> None:
        writer.write(answer)

    return do


async def hangs(_writer: asyncio.StreamWriter) -> None:
    """Never respond."""
    await asyncio.sleep(30)


async def closes(writer: asyncio.StreamWriter) -> None:
    """Close the connection instead of responding."""
    writer.close()


async def resets(writer: asyncio.StreamWriter) -> None:
    """Reset the connection."""
    writer.transport.abort()


async def sends_partial_body(writer: asyncio.StreamWriter) -> None:
    """Send less than the announced length."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}")
    writer.close()


async def never_ends(writer: asyncio.StreamWriter) -> None:
    """Send an endless body as fast as possible."""
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


NOT_FOUND = responds(http("404 Not Found", body=b'{"code":"resource_not_found"}'))
BAD = responds(http("400 Bad Request", body=b'{"code":"invalid_argument","message":"secret"}'))
UNAUTHORIZED = responds(http("401 Unauthorized", body=b"{}"))
HTML = responds(http("200 OK", "Content-Type: text/html", body=b"<html>"))
EXHAUSTED = http("200 OK", body=b'{"server_event_quota":{"usage":"500000","limit":"500000"}}')
AVAILABLE = http("200 OK", body=b'{"server_event_quota":{"usage":"1","limit":"500000"}}')


ACCEPTED = Done()


@dataclass(frozen=True)
class Row:
    """The first responses of FullStory, which succeeds afterwards, and the expected outcome."""

    behaviors: Sequence[Behavior]
    tries: int
    decision: Done | Skip | Reject = ACCEPTED
    unsure: int = 0
    waiting: Sequence[str] = ()
    min_s: float = 0.0
    policy: dict[str, Any] = field(default_factory=dict)
    quota: Sequence[bytes] = (AVAILABLE,)
    has_known_user: bool = False
    """Whether FullStory knows another user already."""


ROWS = {
    "200 with {}": Row([], 1),
    "204 without a body": Row([responds(b"HTTP/1.1 204 No Content\r\n\r\n")], 1),
    "429 with seconds": Row(
        [responds(http("429 Too Many Requests", "Retry-After: 1"))], 2, min_s=1.0
    ),
    "429 without Retry-After": Row([responds(http("429 Too Many Requests"))], 2, min_s=1.0),
    "408": Row([responds(http("408 Request Timeout"))], 2),
    "409": Row([responds(http("409 Conflict"))], 2),
    "425": Row([responds(http("425 Too Early"))], 2),
    "500": Row([responds(http("500 Internal Server Error"))] * 3, 4),
    "502 with HTML": Row([responds(http("502 Bad Gateway", body=b"<html>"))], 2),
    "503 with seconds": Row(
        [responds(http("503 Service Unavailable", "Retry-After: 1"))], 2, min_s=1.0
    ),
    "no response": Row([hangs], 2, unsure=1, waiting=["timeout"], min_s=TIMEOUT_S),
    "closed without a response": Row([closes], 2, unsure=1),
    "reset": Row([resets], 2, unsure=1),
    "a partial body": Row([sends_partial_body], 2, unsure=1),
    "a body that never ends": Row([never_ends], 2),
    "a body that drips": Row([drips], 2, unsure=1, waiting=["timeout"], min_s=TIMEOUT_S),
    "a header too large": Row([responds(http("200 OK", f"X: {'x' * 200_000}"))], 2, unsure=1),
    "not HTTP": Row([responds(b"SSH-2.0-OpenSSH_9\r\n\r\n\r\n")], 2, unsure=1),
    "301": Row([responds(http("301 Moved Permanently", "Location: /me"))], 2),
    "302": Row([responds(http("302 Found", "Location: /me"))], 2),
    "307": Row([responds(http("307 Temporary Redirect", "Location: /me"))], 2),
    "200 with HTML": Row([HTML], 2),
    "a proxy's page for long": Row([HTML] * 60, 61, waiting=["answer_is_not_json"]),
    "503 for long": Row(
        [responds(http("503 Service Unavailable"))] * 60, 61, waiting=["status_503"]
    ),
    "401": Row([UNAUTHORIZED], 2, waiting=["key_refused"]),
    "403": Row([responds(http("403 Forbidden", body=b"{}"))], 2, waiting=["key_refused"]),
    "404, then known": Row([NOT_FOUND], 2, min_s=0.1),
    "404 always, another user is known": Row(
        [NOT_FOUND] * 9, 2, Skip("unknown_user"), has_known_user=True
    ),
    "404 always, with dead letters": Row(
        [NOT_FOUND] * 9,
        2,
        Reject("unknown_user", 404, "resource_not_found"),
        policy={"unknown_user": "dead_letter"},
        has_known_user=True,
    ),
    "404, no user is known": Row([NOT_FOUND] * 5, 6, min_s=0.5),
    "400": Row([BAD], 1, Reject("refused_by_fullstory", 400, "invalid_argument")),
    "413 with HTML": Row(
        [responds(http("413 Content Too Large", body=b"<html>"))],
        1,
        Reject("refused_by_fullstory", 413, None),
    ),
    "422": Row([responds(http("422 Unprocessable"))], 1, Reject("refused_by_fullstory", 422, None)),
    "400 while the quota is exhausted": Row(
        [BAD], 2, waiting=["quota_used_up"], quota=[EXHAUSTED, EXHAUSTED, AVAILABLE]
    ),
}
