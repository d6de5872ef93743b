"""Requests of v2 that were answered, by their `Idempotency-Key`, for 24 hours.

Source: FullStory's page on idempotent requests: the answer is stored and given again, the body is
compared with the first one, a key may be used anew after 24 hours. Which status another body gets
is not stated; here it is 400. What never began to be executed (a wrong key, a limit, a refused
body, a failure) is not stored.

Invariants: pure; the monotonic time in seconds is an argument. Keys are forgotten in the order in
which they came, so memory follows the traffic of one day.
"""

from collections import OrderedDict
from typing import NamedTuple

KEPT_S = 24 * 3600.0
KEY_CHARS_MAX = 255
"""No limit is published; this one is what other vendors have."""


class OtherBody(Exception):
    """The key was used for another body."""


class _First(NamedTuple):
    body: bytes
    at_s: float


class Idempotency:
    """What was applied under which key."""

    def __init__(self) -> None:
        self._first: OrderedDict[str, _First] = OrderedDict()

    def is_repeat(self, key: str, body: bytes, now_s: float) -> bool:
        """Whether this very request was applied before.

        Raises:
            OtherBody: the key belongs to another request.
        """
        while self._first and next(iter(self._first.values())).at_s + KEPT_S <= now_s:
            self._first.popitem(last=False)
        first = self._first.get(key)
        if first is not None and first.body != body:
            raise OtherBody
        return first is not None

    def applied(self, key: str, body: bytes, now_s: float) -> None:
        """From now on this key stands for this body."""
        self._first[key] = _First(body, now_s)
