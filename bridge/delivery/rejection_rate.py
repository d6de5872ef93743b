"""Detects a mapping that rejects too many of the records that it matches.

A wrong mapping would fill the dead-letter topic and hide the other dead letters.

Invariants:
- Pure. A successful match costs one addition; a rejection costs the same on average. Only the
  rejections among the last matches are remembered.
- The rate is checked at each rejection, from 20 matches on. A successful match never halts.
- A match is a record that the mapping turned into an event or rejected. A skipped record is not a
  match: skipped guests say nothing about the other records.
- These count against a mapping: its own errors, a schema that it does not fit, a request that the
  builder rejects, and content that FullStory rejects. A bug of the bridge in one of its events
  counts too: an update fixes it, and nothing is lost meanwhile.
- These do not count: the age of an event, since a backlog after an outage would halt every
  mapping; FullStory's failures (`exhausted`); and unknown users (`unknown_user`). A record that
  cannot be decoded does not count either: nobody knows which mapping would have matched it. It
  counts against its topic (`decode_failures.py`).
- Results of the mapping and responses of FullStory are counted separately, each in order. The
  bridge rejects immediately, but responses come late. In one count, a slow FullStory would make
  every mapping look worse than it is.
"""

from collections import Counter, deque
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final, NamedTuple

from bridge.delivery.dead_letter import Failure

MATCHES_MIN: Final = 20
"""Fewer matches are too few to judge."""

_IGNORED_REASONS: Final = frozenset({"late", "too_old", "exhausted", "unknown_user"})
"""Reasons that the mapping does not cause: time, FullStory or its users."""


@dataclass(frozen=True, slots=True)
class RejectionThreshold:
    """The largest share of its last matches that a mapping may reject."""

    rejected_share: float = 0.5
    of_last_matches: int = 500


NEVER_EXCEEDED: Final = RejectionThreshold(1.0, MATCHES_MIN)
"""No rejection rate is too high."""


class RejectionRateExceeded(NamedTuple):
    """A mapping rejects too many records; `why` gives share and cause, without payload values."""

    mapping: str
    why: str


class RejectionRate:
    """The rejection rate of each mapping; `matches` is what messages call the counted things."""

    def __init__(self, threshold: RejectionThreshold, matches: str) -> None:
        self._matches = matches
        self._by_mapping = _ByMapping(threshold)

    def passed(self, mapping: str) -> None:
        """Count a successful match."""
        self._by_mapping[mapping].count += 1

    def rejected(self, failure: Failure) -> RejectionRateExceeded | None:
        """Count a rejected match; returns a value if the rate exceeds the threshold now."""
        if failure.mapping is None or failure.reason in _IGNORED_REASONS:
            return None
        last = self._by_mapping[failure.mapping]
        if not last.reject(_Cause(failure.reason, failure.path, failure.status)):
            return None
        cause = last.most_common_cause()
        share = f"{last.rejected} of its last {last.considered} {self._matches}"
        return RejectionRateExceeded(failure.mapping, f"{share} were rejected, mostly: {cause}")


class _Cause(NamedTuple):
    """Why a record was rejected; holds no payload value."""

    reason: str
    path: str | None
    status: int | None

    def __str__(self) -> str:
        where = "" if self.path is None else f" at `{self.path}`"
        return self.reason + where + ("" if self.status is None else f" with status {self.status}")


class LastMatches:
    """The matches of one mapping: their count, and the rejections among the last ones."""

    __slots__ = ("_rejected", "_threshold", "count")

    def __init__(self, threshold: RejectionThreshold) -> None:
        self._threshold = threshold
        self._rejected: deque[tuple[int, Hashable]] = deque()
        self.count = 0

    def reject(self, cause: Hashable) -> bool:
        """Add a rejection; returns whether there are too many now."""
        self.count += 1
        self._rejected.append((self.count, cause))
        while self._rejected[0][0] <= self.count - self._threshold.of_last_matches:
            self._rejected.popleft()
        too_many = self.rejected > self._threshold.rejected_share * self.considered
        return too_many and self.count >= MATCHES_MIN

    @property
    def considered(self) -> int:
        """How many of the last matches are considered."""
        return min(self.count, self._threshold.of_last_matches)

    @property
    def rejected(self) -> int:
        """How many of them were rejected, as of the latest rejection."""
        return len(self._rejected)

    def most_common_cause(self) -> Hashable:
        """The most common cause of the rejections."""
        return Counter(cause for _, cause in self._rejected).most_common(1)[0][0]


class _ByMapping(dict[str, LastMatches]):
    """Creates the entry of a mapping at its first match."""

    def __init__(self, threshold: RejectionThreshold) -> None:
        super().__init__()
        self._threshold = threshold

    def __missing__(self, mapping: str) -> LastMatches:
        last = self[mapping] = LastMatches(self._threshold)
        return last
