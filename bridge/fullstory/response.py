"""What FullStory replied, and what that says.

Law: what is made of a reply holds nothing that a server could have echoed of a record.
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
"""A reply is `{}` or an error of a few words; more than this is not FullStory's."""

CODE: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
"""What a code of FullStory's looks like; anything else might be a value of the record, echoed."""

_ACCEPTED: Final = Response(200, is_json=True)
"""The answer to nearly every event: one object for all of them."""


class HttpReply(NamedTuple):
    """What came back; `body` is None where it is longer than any of FullStory's."""

    status: int
    headers: Mapping[str, str]
    body: bytes | None


async def whole_body(content: aiohttp.StreamReader) -> bytes | None:
    """All of a body; None where it is longer than any of FullStory's: then it may have no end."""
    if content.is_eof() and content.total_bytes <= REPLY_BYTES_MAX:
        return content.read_nowait()  # it came with the headers, as nearly always
    body = bytearray()
    async for piece in content.iter_any():  # one read may give a part of it only
        body += piece
        if len(body) > REPLY_BYTES_MAX:
            return None
    return bytes(body)


def response_of(reply: HttpReply) -> tuple[Response, Any]:
    """What a reply says, and its JSON."""
    status, headers, body = reply
    if body is None:
        return Response(status, is_json=False), None
    is_json, data = _read(body)
    if status == 200 and is_json:
        return _ACCEPTED, data
    code = data.get("code") if isinstance(data, dict) else None
    said = code if isinstance(code, str) and CODE.fullmatch(code) else None
    return Response(status, is_json, _retry_after_s(headers), said), data


def name_of_failure(error: BaseException) -> str:
    """What kind of failure it was that there is no reply; its message could hold the URL."""
    return next((name for kind, name in _NAMES if isinstance(error, kind)), "connection")


def _read(body: bytes) -> tuple[bool, Any]:
    """Whether the body is JSON (an empty one is taken for it), and what it says."""
    if not body:
        return True, None
    try:
        return True, orjson.loads(body)
    except orjson.JSONDecodeError:
        return False, None


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    """`Retry-After` in seconds or as a date (RFC 9110, 10.2.3); None when there is none."""
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


_NAMES: tuple[tuple[type[BaseException], str], ...] = (
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
