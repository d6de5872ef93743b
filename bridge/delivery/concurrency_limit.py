"""Limits how many requests are in flight at once: pure, time is an argument.

Invariants:
- The limit decreases only on timeouts and 5xx, and only if they are half of all responses: a few
  events that always get a 500 must not slow down the others. A 429 says nothing about how many
  requests FullStory can process at once; it concerns the rate, see `rate_limit.py`.
- An outage decreases the limit once: a failed request that started before the last decrease
  changes nothing.
- Each success raises the limit by a fraction, so it recovers by itself.
"""

IN_FLIGHT_MIN = 4

_INCREASE_PER_SUCCESS = 0.25
_FAILURE_SHARE_MIN = 0.5
_SMOOTHING = 1 / 16
"""The weight of the newest response in the failure share: about 16 responses count."""


class ConcurrencyLimit:
    """The current limit of requests in flight; never above `maximum`."""

    def __init__(self, maximum: int) -> None:
        self._maximum = maximum
        self._minimum = min(maximum, IN_FLIGHT_MIN)
        self._limit = float(maximum)
        self._failure_share = 0.0
        self._decreased_s = float("-inf")

    @property
    def limit(self) -> int:
        """How many requests may be in flight now."""
        return int(self._limit)

    def succeeded(self) -> None:
        """FullStory processed a request, whatever its response was."""
        self._failure_share -= self._failure_share * _SMOOTHING
        if self._limit < self._maximum:
            self._limit = min(self._maximum, self._limit + _INCREASE_PER_SUCCESS)

    def failed(self, started_s: float, now_s: float, in_flight: int) -> None:
        """A request that started at `started_s` got a 5xx or timed out.

        `in_flight` counts the requests in flight at that time, including this one.
        """
        self._failure_share += (1 - self._failure_share) * _SMOOTHING
        if started_s <= self._decreased_s or self._failure_share < _FAILURE_SHARE_MIN:
            return
        self._limit = max(self._minimum, min(self._limit, in_flight) / 2)
        self._decreased_s = now_s
