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

POLICY = DeliveryPolicy(unknown_user_wait_s=60.0, backoff=Backoff(s_first=1.0, s_max=8.0))
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
    ("unknown user", Response(404, True), RetryAfter(60.0, "unknown_user", least_s=60.0)),
    ("request timeout", Response(408, True), RetryAfter(2.0, "status_408")),
    ("conflict", Response(409, True), RetryAfter(2.0, "status_409")),
    ("server error", Response(500, False), RetryAfter(2.0, "status_500")),
    (
        "unavailable, with a time",
        Response(503, True, 30.0),
        RetryAfter(30.0, "status_503", least_s=30.0),
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
    """An event, and the answers to it as they come."""

    def __init__(
        self, stats: DeliveryStats, user: str = "u", chance: float = 1.0, **more: Any
    ) -> None:
        policy = replace(POLICY, **more)
        self.judge = ResponseClassifier(policy, stats, user, lambda: chance)

    def gets(self, answer: Response | NoResponse, now_s: float = 0.0) -> Decision:
        """What is decided about an answer."""
        return self.judge.decide(answer, now_s)


def _known() -> DeliveryStats:
    """Others of whom one was accepted."""
    stats = DeliveryStats()
    stats.accept()
    return stats


@pytest.mark.parametrize(
    ("answer", "decision"), [row[1:] for row in ROWS], ids=[r[0] for r in ROWS]
)
def test_each_first_answer_has_its_decision(
    answer: Response | NoResponse, decision: Decision
) -> None:
    """With the longest wait that chance can choose."""
    assert Event(_known()).gets(answer) == decision


def test_waits_double_up_to_a_bound_and_chance_spreads_them() -> None:
    """Full jitter: anything between nothing and the doubled wait."""
    event = Event(DeliveryStats(), chance=0.5)
    waits = [event.gets(FAILED) for _ in range(6)]
    assert [one.s for one in waits if isinstance(one, RetryAfter)] == [1.0, 2.0, 4.0, 4.0, 4.0, 4.0]


@pytest.mark.parametrize(
    ("unknown_user", "decision"),
    [("skip", Skip("unknown_user")), ("dead_letter", Reject("unknown_user", 404, None))],
)
def test_a_user_who_is_unknown_twice_is_settled_by_the_settings(
    unknown_user: str, decision: Decision
) -> None:
    """Whatever else was answered between the two 404s."""
    event = Event(_known(), unknown_user=unknown_user)
    event.gets(UNKNOWN)
    event.gets(FAILED)
    assert event.gets(UNKNOWN) == decision


def test_no_unknown_user_is_settled_until_one_was_known() -> None:
    """It may be the mapping's mistake, and then all would be skipped."""
    stats = DeliveryStats()
    event = Event(stats)
    assert [event.gets(UNKNOWN) for _ in range(5)] == [
        RetryAfter(60.0, "unknown_user", least_s=60.0)
    ] * 5
    Event(stats).gets(OK)
    assert event.gets(UNKNOWN) == Skip("unknown_user")


def test_a_chosen_few_may_all_be_unknown() -> None:
    """A replay of dead letters of unknown users, who are unknown still: it comes to its end."""
    stats = DeliveryStats()
    for number in range(UNKNOWN_USERS_MAX + 1):
        event = Event(stats, f"u{number}", require_known_user=False)
        assert event.gets(UNKNOWN) == RetryAfter(60.0, "unknown_user", least_s=60.0)
        assert event.gets(UNKNOWN) == Skip("unknown_user")


def test_when_the_first_two_hundred_users_are_all_unknown_a_person_must_look() -> None:
    """Different users: one who is asked for again and again is one."""
    stats = DeliveryStats()
    for _ in range(3):
        for number in range(UNKNOWN_USERS_MAX - 1):
            assert isinstance(Event(stats, f"u{number}").gets(UNKNOWN), RetryAfter)
    assert Event(stats, "one more").gets(UNKNOWN) == HaltDecision("nobody_is_known")


def test_one_known_user_among_thousands_of_unknown_ones_is_no_halt() -> None:
    """The id is right, then."""
    stats = _known()
    for number in range(2 * UNKNOWN_USERS_MAX):
        event = Event(stats, f"u{number}")
        event.gets(UNKNOWN)
        assert event.gets(UNKNOWN) == Skip("unknown_user")


def _fail(
    event: Event, stats: DeliveryStats, *, tries: int, every_s: float, accept: int
) -> Decision:
    """So many failures, and between them so many other events that are accepted."""
    decision: Decision = Done()
    for number in range(tries):
        decision = event.gets(FAILED, number * every_s)
        for _ in range(accept):
            stats.accept()
    return decision


def test_an_event_that_fails_for_long_while_the_others_go_through_is_exhausted() -> None:
    """A quarter of an hour, and ten times beside a success."""
    stats = DeliveryStats()
    decision = _fail(Event(stats), stats, tries=11, every_s=90.1, accept=1)
    assert decision == Reject("exhausted", 500, "server_error")


@pytest.mark.parametrize(
    ("tries", "every_s", "accept"),
    [(11, 89.9, 1), (10, 1000, 1), (1000, 10, 0)],
    ids=["not long enough", "not often enough", "nothing else goes through"],
)
def test_else_it_is_tried_again(tries: int, every_s: float, accept: int) -> None:
    """However long an outage lasts."""
    stats = _known()
    decision = _fail(Event(stats), stats, tries=tries, every_s=every_s, accept=accept)
    assert isinstance(decision, RetryAfter)


def test_what_was_accepted_before_an_outage_proves_nothing_in_it() -> None:
    """Fifty thousand went through; then FullStory fell ill for a day, and nothing is given up."""
    stats = DeliveryStats()
    event = Event(stats)
    event.gets(FAILED, 0.0)
    for _ in range(50_000):
        stats.accept()
    assert all(isinstance(event.gets(FAILED, 10.0 * n), RetryAfter) for n in range(1, 8640))


@pytest.mark.parametrize(("failing", "given_up"), [(10, True), (12, False)])
def test_when_too_many_others_fail_too_nothing_is_given_up(failing: int, given_up: bool) -> None:
    """Nineteen of twenty must go through: here 190 of 200."""
    stats = DeliveryStats()
    ill = [Event(stats) for _ in range(failing)]
    for one in ill:
        one.gets(FAILED)
    event = Event(stats)
    decision = _fail(event, stats, tries=20, every_s=100, accept=10)
    assert isinstance(decision, Reject) is given_up


def test_events_at_their_end_are_no_longer_failing() -> None:
    """Accepted in the end, or their partition went away."""
    stats = DeliveryStats()
    ill = [Event(stats) for _ in range(100)]
    for one in ill:
        one.gets(FAILED)
        one.judge.end()
        one.judge.end()
    assert stats.failing == 0


def test_exhausted_without_an_answer_has_no_status() -> None:
    """It hung each time."""
    stats = DeliveryStats()
    event = Event(stats, exhausted_after_s=0.0, exhausted_tries=1)
    event.gets(NoResponse("timeout", sent=True))
    stats.accept()
    assert event.gets(NoResponse("timeout", sent=True)) == Reject("exhausted", None)


def test_a_404_of_v2_tells_nothing_of_a_user() -> None:
    """v2 creates the users that it does not know: whatever is not found, waiting will not help."""
    decision = Event(DeliveryStats(), unknown_user="create").gets(
        Response(404, True, None, "resource_not_found")
    )
    assert decision == Reject("refused_by_fullstory", 404, "resource_not_found")


def test_an_event_that_always_fails_takes_few_slots_from_the_others() -> None:
    """First within a second, then about twice a minute; ten tries fit in a quarter of an hour."""
    waits = [Backoff().wait_s(tries, 0.5) for tries in range(1, 40)]
    assert sum(waits[:2]) < 1
    assert set(waits[8:]) == {30.0}
    assert sum(waits[:10]) < 900 / 5
