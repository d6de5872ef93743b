"""Late events: older than the session window, and what their mapping says then."""

import pytest

from bridge.mapping.late import in_time
from bridge.mapping.outcome import (
    Event,
    Late,
    NoSession,
    Outcome,
    Recent,
    Rejected,
    SessionUrl,
    Skipped,
)

MOMENT_S = 1_795_515_300.0
"""2026-11-24T10:15:00Z."""
WINDOW_S = 1800.0


def event(late: Late, timestamp: str = "2026-11-24T10:15:00.000Z") -> Event:
    """An event of a mapping."""
    return Event("m", "u1", "E", timestamp, Recent(), (), late=late)


@pytest.mark.parametrize(
    ("late", "expected"),
    [
        ("send", event("send")),
        ("skip", Skipped("m", "late")),
        ("dead_letter", Rejected("m", "late", "the event is older than the session window")),
        (
            "send_without_session",
            Event(
                "m",
                "u1",
                "E",
                "2026-11-24T10:15:00.000Z",
                NoSession(),
                (),
                late="send_without_session",
            ),
        ),
    ],
)
def test_an_event_older_than_the_window_becomes_what_its_mapping_says(
    late: Late, expected: Outcome
) -> None:
    """A millisecond decides; an event from the future is never late."""
    on_time = [MOMENT_S - 1e9, MOMENT_S, MOMENT_S + WINDOW_S]

    assert [in_time(event(late), now_s, WINDOW_S) for now_s in on_time] == [event(late)] * 3
    assert in_time(event(late), MOMENT_S + WINDOW_S + 0.001, WINDOW_S) == expected


def test_the_first_and_the_last_moment_that_can_be_written_are_compared_too() -> None:
    """Years 1 and 9999 are times like any other."""
    old, far = (event("skip", f"{year}-12-31T23:59:59.999Z") for year in ("0001", "9999"))

    assert in_time(old, MOMENT_S, WINDOW_S) == Skipped("m", "late")
    assert in_time(far, MOMENT_S, WINDOW_S) == far


def test_what_is_no_event_cannot_be_late() -> None:
    """Skips and rejects pass; an event is not changed in anything but its session."""
    named = Event(
        "m", "u", "E", "2000-01-01T00:00:00.000Z", SessionUrl("s"), (), True, "i", True,
        "send_without_session",
    )  # fmt: skip
    found = in_time(named, MOMENT_S, WINDOW_S)

    for outcome in (Skipped("m", "no_uid"), Rejected("m", "missing_uid", "…", "u")):
        assert in_time(outcome, MOMENT_S, 0) is outcome
    assert isinstance(found, Event)
    assert found.session == NoSession()
    assert (found.user_initiated, found.integration, found.shadow) == (True, "i", True)
