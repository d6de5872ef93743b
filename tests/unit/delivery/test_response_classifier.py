"""The decision table, row by row."""

from dataclasses import replace
from typing import Any

import pytest

from bridge.delivery.decision import Decision, Done, HaltDecision, Pause, Reject, RetryAfter, Skip
from bridge.delivery.delivery_stats import UNKNOWN_USERS_MAX, DeliveryStats
from bridge.delivery.response_classifier import (
    RETRY_AFTER_MAX_S,
    Backoff,
    DeliveryPolicy,
    NoResponse,
    Response,
    ResponseClassifier,
)

POLICY = DeliveryPolicy(unknown_user_wait_s=60.0, backoff=Backoff(base_s=1.0, max_s=8.0))
ROWS: list[tuple[str, Response | NoResponse, Decision]] = [
    ("accepted", Response(200, is_json=True), Done()),
    ("accepted without a body", Response(204, is_json=True), Done()),
    ("a proxy's page", Response(200, is_json=False), RetryAfter(2.0, "answer_is_not_json")),
    ("a redirect", Response(302, is_json=False), RetryAfter(2.0, "status_302")),
    ("throttled", Response(429, True, 7.0), RetryAfter(7.0, "throttled", "account")),
    ("throttled without a time", Response(429, True), RetryAfter(1.0, "throttled", "account")),
    (
        "throttled for a day",
        Response(429, True, 86_400.0),
        RetryAfter(RETRY_AFTER_MAX_S, "throttled", "account"),
    ),
    ("key refused", Response(401, True), Pause("key_refused")),
    ("key without the right", Response(403, True), Pause("key_refused")),
    ("unknown user", Response(404, True), RetryAfter(60.0, "unknown_user", min_s=60.0)),
    ("request timeout", Response(408, True), RetryAfter(2.0, "status_408")),
    ("conflict", Response(409, True), RetryAfter(2.0, "status_409")),
    ("server error", Response(500, False), RetryAfter(2.0, "status_500")),
    (
        "unavailable, with a time",
        Response(503, True, 30.0),
        RetryAfter(30.0, "status_503", min_s=30.0),
    ),
    ("refused", Response(400, True, None, "bad"), Reject("refused_by_fullstory", 400, "bad")),
    ("too large", Response(413, False), Reject("refused_by_fullstory", 413, None)),
    ("no answer", NoResponse("timeout", sent=True), RetryAfter(2.0, "timeout")),
    ("no connection", NoResponse("connection", sent=False), RetryAfter(2.0, "connection")),
]


OK = Response(200, is_json=True)
FAILED = Response(500, is_json=True, code="server_error")
UNKNOWN = Response(404, is_json=True)


class Event:
    """An event and the decisions about its responses."""

    def __init__(
        self, stats: DeliveryStats, user: str = "u", chance: float = 1.0, **more: Any
    ) -> None:
        policy = replace(POLICY, **more)
        self.classifier = ResponseClassifier(policy, stats, user, lambda: chance)

    def classify(self, answer: Response | NoResponse, now_s: float = 0.0) -> Decision:
        """Classify a response."""
        return self.classifier.decide(answer, now_s)


def _stats_with_known_user() -> DeliveryStats:
    """Stats with one accepted event."""
    stats = DeliveryStats()
    stats.accept()
    return stats


@pytest.mark.parametrize(
    ("answer", "decision"), [row[1:] for row in ROWS], ids=[r[0] for r in ROWS]
)
def test_each_first_response_has_its_decision(
    answer: Response | NoResponse, decision: Decision
) -> None:
    """With the longest jittered wait."""
    assert Event(_stats_with_known_user()).classify(answer) == decision


def test_backoff_doubles_up_to_a_maximum_with_jitter() -> None:
    """Full jitter: between 0 and the doubled wait."""
    event = Event(DeliveryStats(), chance=0.5)
    waits = [event.classify(FAILED) for _ in range(6)]
    assert [one.s for one in waits if isinstance(one, RetryAfter)] == [1.0, 2.0, 4.0, 4.0, 4.0, 4.0]


@pytest.mark.parametrize(
    ("unknown_user", "decision"),
    [("skip", Skip("unknown_user")), ("dead_letter", Reject("unknown_user", 404, None))],
)
def test_a_user_unknown_twice_is_settled_by_policy(unknown_user: str, decision: Decision) -> None:
    """Whatever FullStory responded between the two 404s."""
    event = Event(_stats_with_known_user(), unknown_user=unknown_user)
    event.classify(UNKNOWN)
    event.classify(FAILED)
    assert event.classify(UNKNOWN) == decision


def test_no_unknown_user_is_settled_before_a_known_one() -> None:
    """The mapping may be wrong, and then all events would be skipped."""
    stats = DeliveryStats()
    event = Event(stats)
    assert [event.classify(UNKNOWN) for _ in range(5)] == [
        RetryAfter(60.0, "unknown_user", min_s=60.0)
    ] * 5
    Event(stats).classify(OK)
    assert event.classify(UNKNOWN) == Skip("unknown_user")


def test_without_require_known_user_all_may_be_unknown() -> None:
    """A replay of dead letters with unknown users ends even if they are still unknown."""
    stats = DeliveryStats()
    for number in range(UNKNOWN_USERS_MAX + 1):
        event = Event(stats, f"u{number}", require_known_user=False)
        assert event.classify(UNKNOWN) == RetryAfter(60.0, "unknown_user", min_s=60.0)
        assert event.classify(UNKNOWN) == Skip("unknown_user")


def test_200_unknown_users_halt_if_none_is_known() -> None:
    """Only different users count."""
    stats = DeliveryStats()
    for _ in range(3):
        for number in range(UNKNOWN_USERS_MAX - 1):
            assert isinstance(Event(stats, f"u{number}").classify(UNKNOWN), RetryAfter)
    assert Event(stats, "one more").classify(UNKNOWN) == HaltDecision("nobody_is_known")


def test_one_known_user_prevents_the_halt() -> None:
    """It proves that the id is right."""
    stats = _stats_with_known_user()
    for number in range(2 * UNKNOWN_USERS_MAX):
        event = Event(stats, f"u{number}")
        event.classify(UNKNOWN)
        assert event.classify(UNKNOWN) == Skip("unknown_user")


def _fail(
    event: Event, stats: DeliveryStats, *, tries: int, every_s: float, accept: int
) -> Decision:
    """Let the event fail several times, with accepted events in between."""
    decision: Decision = Done()
    for number in range(tries):
        decision = event.classify(FAILED, number * every_s)
        for _ in range(accept):
            stats.accept()
    return decision


def test_an_event_that_fails_while_others_succeed_exhausted() -> None:
    """After 15 minutes and ten failures during successes."""
    stats = DeliveryStats()
    decision = _fail(Event(stats), stats, tries=11, every_s=90.1, accept=1)
    assert decision == Reject("exhausted", 500, "server_error")


@pytest.mark.parametrize(
    ("tries", "every_s", "accept"),
    [(11, 89.9, 1), (10, 1000, 1), (1000, 10, 0)],
    ids=["too short", "too few failures", "nothing else succeeds"],
)
def test_otherwise_a_failing_event_is_retried(tries: int, every_s: float, accept: int) -> None:
    """However long an outage lasts."""
    stats = _stats_with_known_user()
    decision = _fail(Event(stats), stats, tries=tries, every_s=every_s, accept=accept)
    assert isinstance(decision, RetryAfter)


def test_successes_before_an_outage_exhaust_nothing() -> None:
    """An outage of a day after 50,000 successes gives nothing up."""
    stats = DeliveryStats()
    event = Event(stats)
    event.classify(FAILED, 0.0)
    for _ in range(50_000):
        stats.accept()
    assert all(isinstance(event.classify(FAILED, 10.0 * n), RetryAfter) for n in range(1, 8640))


@pytest.mark.parametrize(("failing", "exhausted"), [(10, True), (12, False)])
def test_nothing_is_exhausted_if_too_many_others_fail(failing: int, exhausted: bool) -> None:
    """19 of 20 must succeed: here 190 of 200."""
    stats = DeliveryStats()
    failing_events = [Event(stats) for _ in range(failing)]
    for one in failing_events:
        one.classify(FAILED)
    event = Event(stats)
    decision = _fail(event, stats, tries=20, every_s=100, accept=10)
    assert isinstance(decision, Reject) is exhausted


def test_settled_events_no_longer_count_as_failing() -> None:
    """They were accepted, or their partition was revoked."""
    stats = DeliveryStats()
    failing_events = [Event(stats) for _ in range(100)]
    for one in failing_events:
        one.classify(FAILED)
        one.classifier.end()
        one.classifier.end()
    assert stats.failing == 0


def test_exhausted_without_a_response_has_no_status() -> None:
    """Every try timed out."""
    stats = DeliveryStats()
    event = Event(stats, exhausted_after_s=0.0, exhausted_tries=1)
    event.classify(NoResponse("timeout", sent=True))
    stats.accept()
    assert event.classify(NoResponse("timeout", sent=True)) == Reject("exhausted", None)


def test_a_404_of_v2_is_not_an_unknown_user() -> None:
    """v2 creates unknown users, so waiting for the user would not help."""
    decision = Event(DeliveryStats(), unknown_user="create").classify(
        Response(404, True, None, "resource_not_found")
    )
    assert decision == Reject("refused_by_fullstory", 404, "resource_not_found")


def test_an_event_that_always_fails_uses_few_requests() -> None:
    """First within a second, then about twice a minute; ten tries fit in 15 minutes."""
    waits = [Backoff().wait_s(tries, 0.5) for tries in range(1, 40)]
    assert sum(waits[:2]) < 1
    assert set(waits[8:]) == {30.0}
    assert sum(waits[:10]) < 900 / 5
