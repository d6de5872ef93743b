"""The decision table, row by row."""

import pytest

from bridge.delivery.answers import RETRY_AFTER_MAX_S, Answer, Backoff, Judge, NoAnswer, Policy
from bridge.delivery.decision import Decision, Done, Pause, Reject, RetryAfter, Skip

POLICY = Policy(unknown_user_wait_s=60.0, backoff=Backoff(s_first=1.0, s_max=8.0))
ROWS: list[tuple[str, Answer | NoAnswer, Decision]] = [
    ("accepted", Answer(200, is_json=True), Done()),
    ("accepted without a body", Answer(204, is_json=True), Done()),
    ("a proxy's page", Answer(200, is_json=False), RetryAfter(2.0, "answer_is_not_json")),
    ("a redirect", Answer(302, is_json=False), RetryAfter(2.0, "status_302")),
    ("throttled", Answer(429, True, 7.0), RetryAfter(7.0, "throttled", "account")),
    ("throttled without a time", Answer(429, True), RetryAfter(1.0, "throttled", "account")),
    (
        "throttled for a day",
        Answer(429, True, 86_400.0),
        RetryAfter(RETRY_AFTER_MAX_S, "throttled", "account"),
    ),
    ("key refused", Answer(401, True), Pause("key_refused")),
    ("key without the right", Answer(403, True), Pause("key_refused")),
    ("unknown user", Answer(404, True), RetryAfter(60.0, "unknown_user")),
    ("request timeout", Answer(408, True), RetryAfter(2.0, "status_408")),
    ("conflict", Answer(409, True), RetryAfter(2.0, "status_409")),
    ("server error", Answer(500, False), RetryAfter(2.0, "status_500")),
    ("unavailable, with a time", Answer(503, True, 30.0), RetryAfter(30.0, "status_503")),
    ("refused", Answer(400, True, None, "bad"), Reject("refused_by_fullstory", 400, "bad")),
    ("too large", Answer(413, False), Reject("refused_by_fullstory", 413, None)),
    ("no answer", NoAnswer("timeout", sent=True), RetryAfter(2.0, "timeout")),
    ("no connection", NoAnswer("connection", sent=False), RetryAfter(2.0, "connection")),
]


@pytest.mark.parametrize(
    ("answer", "decision"), [row[1:] for row in ROWS], ids=[r[0] for r in ROWS]
)
def test_each_first_answer_has_its_decision(answer: Answer | NoAnswer, decision: Decision) -> None:
    """With the longest wait that chance can choose."""
    assert Judge(POLICY, lambda: 1.0).decide(answer) == decision


@pytest.mark.parametrize(
    ("unknown_user", "decision"),
    [("skip", Skip("unknown_user")), ("dead_letter", Reject("unknown_user", 404, None))],
)
def test_a_user_who_is_unknown_twice_is_settled_by_the_settings(
    unknown_user: str, decision: Decision
) -> None:
    """Whatever else was answered between the two 404s."""
    judge = Judge(Policy(unknown_user=unknown_user), lambda: 1.0)  # type: ignore[arg-type]
    judge.decide(Answer(404, is_json=True))
    judge.decide(Answer(503, is_json=True))
    assert judge.decide(Answer(404, is_json=True)) == decision


def test_a_404_of_v2_tells_nothing_of_a_user() -> None:
    """v2 creates the users that it does not know: whatever is not found, waiting will not help."""
    judge = Judge(Policy(unknown_user="create"), lambda: 1.0)
    decision = judge.decide(Answer(404, True, None, "resource_not_found"))
    assert decision == Reject("refused_by_fullstory", 404, "resource_not_found")


def test_waits_double_up_to_a_bound_and_chance_spreads_them() -> None:
    """Full jitter: anything between nothing and the doubled wait."""
    judge = Judge(POLICY, lambda: 0.5)
    waits = [judge.decide(Answer(500, is_json=True)) for _ in range(6)]
    assert [one.s for one in waits if isinstance(one, RetryAfter)] == [1.0, 2.0, 4.0, 4.0, 4.0, 4.0]
