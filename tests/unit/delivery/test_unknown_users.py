"""Events of users whom FullStory does not know: they wait once, unless too many do so in vain."""

import pytest

from bridge.delivery.decision import Decision, Done, Reject, RetryAfter, Skip
from bridge.delivery.delivery_stats import DeliveryStats
from bridge.delivery.response_classifier import DeliveryPolicy, Response, ResponseClassifier
from bridge.delivery.unknown_users import JUDGED_FROM

SKIP = Skip("unknown_user_at_once")
WAIT = RetryAfter(60.0, "unknown_user", least_s=60.0)
OK, UNKNOWN = Response(200, is_json=True), Response(404, is_json=True)
POLICY = DeliveryPolicy(unknown_user_wait_s=60.0, unknown_users_waiting_max=3)


class Site:
    """A site whose users FullStory knows, or does not."""

    def __init__(self, policy: DeliveryPolicy = POLICY) -> None:
        self.others = DeliveryStats()
        self.others.accept()
        self._policy = policy

    def event(self, *answers: Response) -> tuple[ResponseClassifier, Decision]:
        """An event that got these answers; its judge and the last decision."""
        judge = ResponseClassifier(self._policy, self.others, "u", lambda: 1.0)
        [*_, decision] = [judge.decide(answer, 0.0) for answer in answers]
        return judge, decision

    def try_again(self, times: int, *, known: int) -> None:
        """So many second tries, so many of which succeed."""
        for number in range(times):
            self.event(UNKNOWN, OK if number < known else UNKNOWN)

    def wait(self, events: int) -> list[ResponseClassifier]:
        """So many events wait for their users."""
        waiting = [self.event(UNKNOWN) for _ in range(events)]
        assert [decision for _, decision in waiting] == [WAIT] * events
        return [judge for judge, _ in waiting]


def test_when_many_wait_and_it_never_helps_the_next_is_settled_at_once() -> None:
    """The others would be held up by it."""
    site = Site()
    site.try_again(JUDGED_FROM, known=0)
    site.wait(3)
    assert site.event(UNKNOWN)[1] == SKIP


def test_it_is_settled_as_the_settings_say() -> None:
    """A dead letter, too, is one at once."""
    site = Site(DeliveryPolicy(unknown_user="dead_letter", unknown_users_waiting_max=0))
    site.try_again(JUDGED_FROM, known=0)
    assert site.event(UNKNOWN)[1] == Reject("unknown_user", 404, None)


@pytest.mark.parametrize(
    ("tries", "known", "waiting"),
    [
        pytest.param(JUDGED_FROM - 1, 0, 3, id="too few tries to tell"),
        pytest.param(JUDGED_FROM, 1, 3, id="one in a hundred is known by then"),
        pytest.param(JUDGED_FROM, 0, 2, id="few wait"),
    ],
)
def test_else_each_waits_for_its_second_try(tries: int, known: int, waiting: int) -> None:
    """Its user may just have registered."""
    site = Site()
    site.try_again(tries, known=known)
    site.wait(waiting)
    assert site.event(UNKNOWN)[1] == WAIT


@pytest.mark.parametrize("last", [OK, UNKNOWN, Response(503, is_json=True)])
def test_whoever_is_tried_again_waits_no_more(last: Response) -> None:
    """Whatever comes of it; so does one whose partition went away."""
    site = Site()
    first, second = site.wait(2)
    first.decide(last, 60.0)
    assert site.others.strangers.waiting == 1
    second.end()
    second.end()
    assert site.others.strangers.waiting == 0


@pytest.mark.parametrize(("in_vain", "decision"), [(495, WAIT), (496, SKIP)])
def test_only_the_last_tries_count(in_vain: int, decision: Decision) -> None:
    """A morning of registrations says nothing about the evening: four of 500 are too few."""
    site = Site()
    site.try_again(500, known=500)
    site.try_again(in_vain, known=0)
    site.wait(3)
    assert site.event(UNKNOWN)[1] == decision


def test_a_known_user_is_done() -> None:
    """The second try is an event like any other."""
    assert Site().event(UNKNOWN, OK)[1] == Done()
