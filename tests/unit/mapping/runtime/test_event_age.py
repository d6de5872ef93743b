"""Events that are late or too old, or have an implausible timestamp."""

import pytest

from bridge.mapping.runtime.event_age import AgeLimits, check_age
from bridge.mapping.runtime.outcome import (
    Event,
    Late,
    MappingRejected,
    MappingSkipped,
    NoSession,
    Outcome,
    Recent,
    SessionId,
    SessionUrl,
)

MOMENT_S = 1_795_515_300.0
"""2026-11-24T10:15:00Z."""
WINDOW_S, AGE_S = 1800.0, 86_400.0
LIMITS = AgeLimits(WINDOW_S, AGE_S)
NO_LIMIT = AgeLimits(WINDOW_S, None)


def event(late: Late = "send", timestamp: str = "2026-11-24T10:15:00.000Z") -> Event:
    """An event of a mapping."""
    return Event("m", "u1", "E", timestamp, Recent(), (), late=late)


def _reason(outcome: Outcome) -> str | None:
    return outcome.reason if isinstance(outcome, MappingRejected) else None


@pytest.mark.parametrize(
    ("late", "expected"),
    [
        ("send", event("send")),
        ("skip", MappingSkipped("m", "late")),
        ("dead_letter", MappingRejected("m", "late", "the event is older than the session window")),
        ("send_without_session", event("send_without_session")._replace(session=NoSession())),
    ],
)
def test_a_late_event_is_handled_as_its_mapping_says(late: Late, expected: Outcome) -> None:
    """One millisecond decides; an event slightly in the future is not late."""
    on_time = [MOMENT_S - 3_600.0, MOMENT_S, MOMENT_S + WINDOW_S]

    assert [check_age(event(late), now_s, LIMITS) for now_s in on_time] == [event(late)] * 3
    assert check_age(event(late), MOMENT_S + WINDOW_S + 0.001, LIMITS) == expected


@pytest.mark.parametrize("late", ["send", "skip", "dead_letter", "send_without_session"])
def test_a_too_old_event_is_rejected_for_any_late_setting(
    late: Late,
) -> None:
    """One millisecond decides; without a limit the event is only late."""
    at_the_limit, beyond_s = MOMENT_S + AGE_S, MOMENT_S + AGE_S + 0.001

    assert _reason(check_age(event(late), at_the_limit, LIMITS)) != "too_old"
    assert _reason(check_age(event(late), beyond_s, LIMITS)) == "too_old"
    assert check_age(event(late), beyond_s, NO_LIMIT) == check_age(
        event(late), at_the_limit, LIMITS
    )


@pytest.mark.parametrize(
    ("timestamp", "reason"),
    [
        ("2026-11-24T11:15:00.000Z", None),
        ("2026-11-24T11:15:00.001Z", "in_the_future"),
        ("9999-12-31T23:59:59.999Z", "in_the_future"),
        ("2000-01-01T00:00:00.000Z", None),
        ("1999-12-31T23:59:59.999Z", "before_2000"),
        ("1970-01-21T18:45:15.300Z", "before_2000"),
        ("0001-01-01T00:00:00.000Z", "before_2000"),
    ],
)
def test_an_implausible_timestamp_is_rejected_without_an_age_limit(
    timestamp: str, reason: str | None
) -> None:
    """The cause is a mistake in the mapping or a wrong clock, not the event's age."""
    assert _reason(check_age(event("send", timestamp), MOMENT_S, NO_LIMIT)) == reason


def test_skips_and_rejects_have_no_age() -> None:
    """They are returned unchanged."""
    for outcome in (MappingSkipped("m", "no_uid"), MappingRejected("m", "missing_uid", "…", "u")):
        assert check_age(outcome, MOMENT_S, AgeLimits(0, 0)) is outcome


def test_send_without_session_changes_only_the_session() -> None:
    """All other fields of the event stay the same."""
    named = Event(
        "m", "u", "E", "2026-11-24T09:00:00.000Z", SessionUrl("s"), (), True, "i", True,
        "send_without_session",
    )  # fmt: skip
    assert check_age(named, MOMENT_S, LIMITS) == named._replace(session=NoSession())


def test_a_late_event_without_a_user_is_not_sent_without_its_session() -> None:
    """Nothing would be left that says whose event it is."""
    guest = event("send_without_session", "2026-11-24T09:00:00.000Z")
    guest = guest._replace(uid="", session=SessionId("1:2"))
    assert check_age(guest, MOMENT_S, LIMITS) == MappingSkipped("m", "no_uid")
    assert check_age(guest._replace(late="send"), MOMENT_S, LIMITS) == guest._replace(late="send")
