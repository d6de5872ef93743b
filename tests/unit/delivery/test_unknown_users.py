"""Events of unknown users wait for one retry, unless too many wait in vain."""

import pytest

from bridge.delivery.decision import Decision, Done, Reject, RetryAfter, Skip
from bridge.delivery.delivery_stats import DeliveryStats
from bridge.delivery.response_classifier import DeliveryPolicy, Response, ResponseClassifier
from bridge.delivery.unknown_users import RETRIES_MIN

SKIP = Skip("unknown_user_at_once")
WAIT = RetryAfter(60.0, "unknown_user", min_s=60.0)
OK, UNKNOWN = Response(200, is_json=True), Response(404, is_json=True)
POLICY = DeliveryPolicy(unknown_user_wait_s=60.0, unknown_users_waiting_max=3)


class UnknownUserEvents:
    """Events with shared stats; FullStory knows one user already."""

    def __init__(self, policy: DeliveryPolicy = POLICY) -> None:
        self.stats = DeliveryStats()
        self.stats.accept()
        self._policy = policy

    def event(self, *answers: Response) -> tuple[ResponseClassifier, Decision]:
        """Classify these responses to an event; returns its classifier and the last decision."""
        classifier = ResponseClassifier(self._policy, self.stats, "u", lambda: 1.0)
        [*_, decision] = [classifier.decide(answer, 0.0) for answer in answers]
        return classifier, decision

    def retry(self, times: int, *, known: int) -> None:
        """Retry so many events, of which `known` succeed."""
        for number in range(times):
            self.event(UNKNOWN, OK if number < known else UNKNOWN)

    def wait(self, events: int) -> list[ResponseClassifier]:
        """Let so many events wait for their users."""
        waiting = [self.event(UNKNOWN) for _ in range(events)]
        assert [decision for _, decision in waiting] == [WAIT] * events
        return [classifier for classifier, _ in waiting]


def test_an_event_is_settled_immediately_if_many_wait_in_vain() -> None:
    """Otherwise they would hold up other events."""
    stream = UnknownUserEvents()
    stream.retry(RETRIES_MIN, known=0)
    stream.wait(3)
    assert stream.event(UNKNOWN)[1] == SKIP


def test_immediate_settlement_follows_the_policy() -> None:
    """Dead letters are written immediately too."""
    stream = UnknownUserEvents(
        DeliveryPolicy(unknown_user="dead_letter", unknown_users_waiting_max=0)
    )
    stream.retry(RETRIES_MIN, known=0)
    assert stream.event(UNKNOWN)[1] == Reject("unknown_user", 404, None)


@pytest.mark.parametrize(
    ("tries", "known", "waiting"),
    [
        pytest.param(RETRIES_MIN - 1, 0, 3, id="too few retries to judge"),
        pytest.param(RETRIES_MIN, 1, 3, id="1 % of retries succeed"),
        pytest.param(RETRIES_MIN, 0, 2, id="few events wait"),
    ],
)
def test_otherwise_each_event_waits_for_its_retry(tries: int, known: int, waiting: int) -> None:
    """Its user may just have registered."""
    stream = UnknownUserEvents()
    stream.retry(tries, known=known)
    stream.wait(waiting)
    assert stream.event(UNKNOWN)[1] == WAIT


@pytest.mark.parametrize("last", [OK, UNKNOWN, Response(503, is_json=True)])
def test_a_retried_event_no_longer_waits(last: Response) -> None:
    """Whatever the response; so does an event of a revoked partition."""
    stream = UnknownUserEvents()
    first, second = stream.wait(2)
    first.decide(last, 60.0)
    assert stream.stats.unknown_users.waiting == 1
    second.end()
    second.end()
    assert stream.stats.unknown_users.waiting == 0


@pytest.mark.parametrize(("failed_retries", "decision"), [(495, WAIT), (496, SKIP)])
def test_only_the_last_retries_count(failed_retries: int, decision: Decision) -> None:
    """Of the last 500 retries, four successes are too few."""
    stream = UnknownUserEvents()
    stream.retry(500, known=500)
    stream.retry(failed_retries, known=0)
    stream.wait(3)
    assert stream.event(UNKNOWN)[1] == decision


def test_a_retry_of_a_known_user_is_done() -> None:
    """The retry succeeds like any other event."""
    assert UnknownUserEvents().event(UNKNOWN, OK)[1] == Done()
