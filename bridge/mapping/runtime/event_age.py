"""Events that are late or too old, or have an implausible timestamp.

Invariants: pure; the current time is an argument, read once for all events of a record. An event's
age is checked when its record is polled; waiting for FullStory afterwards does not add to it.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bridge.mapping.runtime.outcome import (
    NO_UID,
    Event,
    MappingRejected,
    MappingSkipped,
    NoSession,
    Outcome,
)

LATE: Final = "late"
TOO_OLD: Final = "too_old"

AHEAD_S_MAX: Final = 3_600.0
"""Clocks differ by minutes; a larger difference is an error."""

_YEAR_2000_S: Final = 946_684_800.0

_IS_LATE: Final = "the event is older than the session window"
_IS_TOO_OLD: Final = "the event is older than `fullstory.max_event_age`"
_IS_IN_THE_FUTURE: Final = (
    "the event's time is over an hour ahead: milliseconds read as seconds, or a wrong clock?"
)
_IS_BEFORE_2000: Final = (
    "the event's time is before the year 2000: seconds read as milliseconds, or a time not set?"
)


@dataclass(frozen=True, slots=True)
class AgeLimits:
    """The age limits in seconds: an event beyond the session window is late; None: no limit."""

    session_window_s: float
    event_age_s_max: float | None


def check_age(outcome: Outcome, now_s: float, limits: AgeLimits) -> Outcome:
    """The outcome itself, or its replacement if it is an event with a time outside the limits.

    `now_s` is in seconds since 1970. An event exactly as old as a limit is still within it.
    """
    if not isinstance(outcome, Event):
        return outcome
    at_s = datetime.fromisoformat(outcome.timestamp).timestamp()
    age_s = now_s - at_s
    if age_s < -AHEAD_S_MAX:
        return MappingRejected(outcome.mapping, "in_the_future", _IS_IN_THE_FUTURE)
    if at_s < _YEAR_2000_S:
        return MappingRejected(outcome.mapping, "before_2000", _IS_BEFORE_2000)
    if limits.event_age_s_max is not None and age_s > limits.event_age_s_max:
        return MappingRejected(outcome.mapping, TOO_OLD, _IS_TOO_OLD)
    return outcome if age_s <= limits.session_window_s else _late(outcome)


def _late(event: Event) -> Outcome:
    match event.late:
        case "send":
            return event
        case "skip":
            return MappingSkipped(event.mapping, LATE)
        case "dead_letter":
            return MappingRejected(event.mapping, LATE, _IS_LATE)
        case "send_without_session" if not event.uid:
            return MappingSkipped(event.mapping, NO_UID)
        case "send_without_session":
            return event._replace(session=NoSession())
