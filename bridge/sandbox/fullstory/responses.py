"""Responses of the FullStory stand-in.

Invariants: pure, except for the date in the quota. Error bodies have v2's format,
`{"message", "code"}`, because v1's format is not documented.
"""

import math
import time
from collections.abc import Callable
from typing import NamedTuple

import orjson
from aiohttp import hdrs, web

from bridge.sandbox.fullstory import contract_v1
from bridge.sandbox.fullstory.faults import FaultPeriod

JSON = "application/json"


class StandInResponse(NamedTuple):
    """A response: status, body, content type, and an optional header."""

    status: int
    body: bytes
    content_type: str = JSON
    header: tuple[str, str] | None = None


def quota(usage: int, limit: int) -> dict[str, str]:
    """The quota with numbers as strings, as in the contract of `GET /v2/organization/quotas`."""
    now = time.gmtime()
    after = (now.tm_year + now.tm_mon // 12, now.tm_mon % 12 + 1)
    return {
        "usage": str(usage),
        "limit": str(limit),
        "period_start": f"{now.tm_year:04}-{now.tm_mon:02}-01T00:00:00Z",
        "period_end": f"{after[0]:04}-{after[1]:02}-01T00:00:00Z",
    }


def fault_response(fault_period: FaultPeriod) -> StandInResponse:
    """The response during a fault period."""
    header = None
    if fault_period.location is not None:
        header = (hdrs.LOCATION, fault_period.location)
    elif fault_period.retry_after is not None:
        header = (hdrs.RETRY_AFTER, fault_period.retry_after)
    return StandInResponse(
        fault_period.status, fault_period.body, fault_period.content_type, header
    )


def too_many_requests(wait_s: float) -> StandInResponse:
    """429 with `Retry-After` in whole seconds, at least one."""
    retry_after = (hdrs.RETRY_AFTER, str(max(1, math.ceil(wait_s))))
    return StandInResponse(429, error_body(code_of(429), "rate limit exceeded"), JSON, retry_after)


def refused(status: int, message: str) -> StandInResponse:
    """An error response defined by the contract."""
    return StandInResponse(status, error_body(code_of(status), message))


def error_body(code: str, message: str) -> bytes:
    """An error body in v2's format; v1's format is not documented."""
    return orjson.dumps({"message": message, "code": code})


_CODES = {
    400: "invalid_argument",
    401: "unauthorized",
    403: "forbidden",
    404: "resource_not_found",
    429: "too_many_requests",
}


def code_of(status: int) -> str:
    """The `code` for a status."""
    return _CODES.get(status, "server_error" if status >= 500 else "invalid_argument")


def contract_violation(
    request: web.BaseRequest, body: bytes, refusal: Callable[[bytes], str | None]
) -> StandInResponse | None:
    """The error response for a request that violates the contract; None if it is valid."""
    if request.method != hdrs.METH_POST:
        return refused(405, "only POST")
    content_type = request.headers.get(hdrs.CONTENT_TYPE, "")
    if content_type.partition(";")[0].strip().lower() != JSON:
        return refused(415, "the content type must be application/json")
    if len(body) > contract_v1.BODY_BYTES_MAX:
        return refused(413, "the body is too large")
    problem = refusal(body)
    return None if problem is None else refused(400, problem)
