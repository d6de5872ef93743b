"""Parses FullStory's replies.

Invariant: a parsed reply contains nothing of a record that a server could have echoed.
"""

import email.utils
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import aiohttp
import orjson

from bridge.delivery.response_classifier import Response

REPLY_BYTES_MAX: Final = 65_536
"""FullStory replies with `{}` or a short error; a longer body is not from FullStory."""

CODE: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
"""The format of FullStory's codes; anything else could be an echoed value of the record."""

_ACCEPTED: Final = Response(200, is_json=True)
"""The response to nearly every event, shared by all of them."""


class HttpReply(NamedTuple):
    """An HTTP reply; `body` is None if it is longer than `REPLY_BYTES_MAX`."""

    status: int
    headers: Mapping[str, str]
    body: bytes | None


async def read_body(content: aiohttp.StreamReader) -> bytes | None:
    """The whole body; None if it is longer than `REPLY_BYTES_MAX`, since it may never end."""
    if content.is_eof() and content.total_bytes <= REPLY_BYTES_MAX:
        return content.read_nowait()  # it nearly always arrives with the headers
    body = bytearray()
    async for piece in content.iter_any():  # one read may return only a part of it
        body += piece
        if len(body) > REPLY_BYTES_MAX:
            return None
    return bytes(body)


def parse_reply(reply: HttpReply) -> tuple[Response, Any]:
    """The response of a reply, and its JSON."""
    status, headers, body = reply
    if body is None:
        return Response(status, is_json=False), None
    is_json, data = _parse_body(body)
    if status == 200 and is_json:
        return _ACCEPTED, data
    code = data.get("code") if isinstance(data, dict) else None
    valid_code = code if isinstance(code, str) and CODE.fullmatch(code) else None
    return Response(status, is_json, _retry_after_s(headers), valid_code), data


def failure_name(error: BaseException) -> str:
    """The kind of a failure without a reply; its message is not used, as it may contain the URL."""
    return next((name for kind, name in _FAILURE_NAMES if isinstance(error, kind)), "connection")


def _parse_body(body: bytes) -> tuple[bool, Any]:
    """Whether the body is JSON (an empty one counts as JSON), and its value."""
    if not body:
        return True, None
    try:
        return True, orjson.loads(body)
    except orjson.JSONDecodeError:
        return False, None


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    """`Retry-After` in seconds or as a date (RFC 9110, 10.2.3); None if missing or invalid."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


_FAILURE_NAMES: tuple[tuple[type[BaseException], str], ...] = (
    (aiohttp.ClientConnectorDNSError, "dns"),
    (aiohttp.ClientConnectorCertificateError, "tls_certificate"),
    (aiohttp.ClientConnectorSSLError, "tls"),
    (aiohttp.ClientHttpProxyError, "proxy"),
    (aiohttp.ClientProxyConnectionError, "proxy"),
    (aiohttp.ServerTimeoutError, "connect_timeout"),
    (aiohttp.ServerDisconnectedError, "closed_without_answer"),
    (aiohttp.ClientResponseError, "answer_is_not_http"),
    (aiohttp.ClientPayloadError, "answer_broke_off"),
)
