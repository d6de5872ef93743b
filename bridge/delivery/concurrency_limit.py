"""How many requests may be unanswered at one time: pure, time is an argument.

Invariants:
- It falls on timeouts and 5xx only, when they are half of what comes back: a few events that
  always get a 500 must not slow down the good ones. A 429 says nothing about how much FullStory
  can work on at once; it is the rate's, see `rate.py`.
- One fall for one spell: a failure of a request that began before the last fall changes nothing.
- Each success gives a part of a place back, so it recovers by itself.
"""

IN_FLIGHT_MIN = 4

_PART_PER_SUCCESS = 0.25
_SHARE_TO_FALL = 0.5
_MEMORY = 1 / 16
"""The weight of the newest answer in the share of failures: about sixteen answers count."""


class ConcurrencyLimit:
    """The most requests that may be unanswered now; never above `most`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._least = min(most, IN_FLIGHT_MIN)
        self._limit = float(most)
        self._failing = 0.0
        self._fell_s = float("-inf")

    @property
    def limit(self) -> int:
        """So many now."""
        return int(self._limit)

    def succeeded(self) -> None:
        """FullStory worked on a request, whatever its answer was."""
        self._failing -= self._failing * _MEMORY
        if self._limit < self._most:
            self._limit = min(self._most, self._limit + _PART_PER_SUCCESS)

    def failed(self, begun_s: float, now_s: float, in_flight: int) -> None:
        """A request that began at `begun_s` got a 5xx or no answer in time.

        `in_flight` is how many were unanswered then, this one included.
        """
        self._failing += (1 - self._failing) * _MEMORY
        if begun_s <= self._fell_s or self._failing < _SHARE_TO_FALL:
            return
        self._limit = max(self._least, min(self._limit, in_flight) / 2)
        self._fell_s = now_s
