"""Whether a mapping rejects so much of what it matches that a person must look.

A mapping that is wholly wrong would fill the dead-letter topic, and hide there what else is in it.

Invariants:
- Pure. A match that goes well costs one addition; a rejection costs the same on average. What is
  remembered is the rejections among the last matches, never more.
- Judged when something is rejected, and not before twenty matches: none that goes well is a
  ground to halt.
- A match is a record of which the mapping made an event, or which it rejected. A skip is none:
  guests say nothing about whether events can be made of the others.
- What counts against a mapping is what it is made of: its own errors, a schema that it does not
  fit, what the request's builder refuses, what FullStory refuses for its content; and a mistake
  of ours in one of its events, for an update mends that and nothing is lost meanwhile.
- What does not count: the age of an event, or a backlog after an outage would halt every mapping;
  FullStory's illness (`exhausted`); who its users are (`unknown_user`). Nor what names no
  mapping: of a record that cannot be decoded nobody knows which mapping would have matched.
- What a mapping makes of its records and what FullStory says to its events are counted apart,
  each in its own order. Rejections of ours are known at once and answers come late: counted
  together, a slow FullStory would make every mapping look worse than it is.
"""

from collections import Counter, deque
from dataclasses import dataclass
from typing import Final, NamedTuple

from bridge.delivery.dead_letter import Failure

JUDGED_FROM: Final = 20
"""Fewer matches say nothing."""

_OF_NO_ACCOUNT: Final = frozenset({"late", "too_old", "exhausted", "unknown_user"})
"""Reasons that lie in time, in FullStory or in its users."""


@dataclass(frozen=True, slots=True)
class RejectionThreshold:
    """How much of its last matches a mapping may reject; more is too much."""

    rejected_share: float = 0.5
    of_last_matches: int = 500


NEVER_EXCEEDED: Final = RejectionThreshold(1.0, JUDGED_FROM)
"""Nothing is too much."""


class RejectionRateExceeded(NamedTuple):
    """A mapping rejects too much; `why` says how much and what for, and holds no payload value."""

    mapping: str
    why: str


class RejectionRate:
    """What mappings reject of their last matches; `matches` is what the count calls these."""

    def __init__(self, rejection_threshold: RejectionThreshold, matches: str) -> None:
        self._matches = matches
        self._of = _ByMapping(rejection_threshold)

    def passed(self, mapping: str) -> None:
        """A match went well."""
        self._of[mapping].count += 1

    def rejected(self, failure: Failure) -> RejectionRateExceeded | None:
        """A match was rejected; something is told when that is too much now."""
        if failure.mapping is None or failure.reason in _OF_NO_ACCOUNT:
            return None
        last = self._of[failure.mapping]
        if not last.reject(_Cause(failure.reason, failure.path, failure.status)):
            return None
        cause = last.commonest()
        share = f"{last.rejected} of its last {last.judged} {self._matches}"
        return RejectionRateExceeded(failure.mapping, f"{share} were rejected, mostly: {cause}")


class _Cause(NamedTuple):
    """What something is rejected for, in words of ours and of the mapping file."""

    reason: str
    path: str | None
    status: int | None

    def __str__(self) -> str:
        where = "" if self.path is None else f" at `{self.path}`"
        return self.reason + where + ("" if self.status is None else f" with status {self.status}")


class _LastMatches:
    """One mapping's last matches: how many there were, and which of the last were rejected."""

    __slots__ = ("_rejected", "_tolerance", "count")

    def __init__(self, rejection_threshold: RejectionThreshold) -> None:
        self._tolerance = rejection_threshold
        self._rejected: deque[tuple[int, _Cause]] = deque()
        self.count = 0

    def reject(self, cause: _Cause) -> bool:
        """Note a rejection; whether there are too many."""
        self.count += 1
        self._rejected.append((self.count, cause))
        while self._rejected[0][0] <= self.count - self._tolerance.of_last_matches:
            self._rejected.popleft()
        too_many = self.rejected > self._tolerance.rejected_share * self.judged
        return too_many and self.count >= JUDGED_FROM

    @property
    def judged(self) -> int:
        """How many matches are the last ones."""
        return min(self.count, self._tolerance.of_last_matches)

    @property
    def rejected(self) -> int:
        """How many of them were rejected, as of the last rejection."""
        return len(self._rejected)

    def commonest(self) -> _Cause:
        """What most of them were rejected for."""
        return Counter(cause for _, cause in self._rejected).most_common(1)[0][0]


class _ByMapping(dict[str, _LastMatches]):
    """By mapping, each begun when it is first met."""

    def __init__(self, rejection_threshold: RejectionThreshold) -> None:
        super().__init__()
        self._tolerance = rejection_threshold

    def __missing__(self, mapping: str) -> _LastMatches:
        last = self[mapping] = _LastMatches(self._tolerance)
        return last
