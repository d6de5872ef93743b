"""Late events: what becomes of those that are older than FullStory's session window.

Laws: pure; the time is an argument, taken once for all events of a record. Nothing is parsed for
mappings that send late events like any other.
"""

from dataclasses import replace
from datetime import datetime
from typing import Final

from bridge.mapping.outcome import Event, NoSession, Outcome, Rejected, Skipped

REASON: Final = "late"
_MESSAGE: Final = "the event is older than the session window"


def in_time(outcome: Outcome, now_s: float, window_s: float) -> Outcome:
    """The same outcome, unless it is an event that is late and its mapping says what then.

    `now_s` is in seconds since 1970. An event as old as the window is not late yet.
    """
    if not isinstance(outcome, Event) or outcome.late == "send":
        return outcome
    if now_s - datetime.fromisoformat(outcome.timestamp).timestamp() <= window_s:
        return outcome
    if outcome.late == "skip":
        return Skipped(outcome.mapping, REASON)
    if outcome.late == "dead_letter":
        return Rejected(outcome.mapping, REASON, _MESSAGE)
    return replace(outcome, session=NoSession())
