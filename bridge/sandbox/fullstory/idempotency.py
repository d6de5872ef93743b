"""Applied v2 requests by their `Idempotency-Key`, kept for 24 hours.

Source: FullStory's page on idempotent requests. The response is stored and returned again, the body
is compared with the first one, and a key may be reused after 24 hours. The page does not state the
status for a different body; here it is 400. Requests that were not executed (wrong API key, rate
limit, refused body, server error) are not stored.

Invariants: pure; the monotonic time in seconds is an argument. Keys expire in the order of their
first use, so memory is bounded by one day of traffic.
"""

from collections import OrderedDict
from typing import NamedTuple

KEPT_S = 24 * 3600.0
KEY_CHARS_MAX = 255
"""FullStory publishes no limit; this is the common one of other vendors."""


class OtherBody(Exception):
    """The key was already used with a different body."""


class _First(NamedTuple):
    body: bytes
    at_s: float


class Idempotency:
    """The applied requests by idempotency key."""

    def __init__(self) -> None:
        self._first: OrderedDict[str, _First] = OrderedDict()

    def is_repeat(self, key: str, body: bytes, now_s: float) -> bool:
        """Whether this request was already applied.

        Raises:
            OtherBody: the key was used with a different body.
        """
        while self._first and next(iter(self._first.values())).at_s + KEPT_S <= now_s:
            self._first.popitem(last=False)
        first = self._first.get(key)
        if first is not None and first.body != body:
            raise OtherBody
        return first is not None

    def applied(self, key: str, body: bytes, now_s: float) -> None:
        """Stores the body that was applied under this key."""
        self._first[key] = _First(body, now_s)
