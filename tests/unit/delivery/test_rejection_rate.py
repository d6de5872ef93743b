"""When a mapping rejects too many of its matches."""

import pytest

from bridge.delivery.dead_letter import Failure
from bridge.delivery.rejection_rate import (
    NEVER_EXCEEDED,
    RejectionRate,
    RejectionRateExceeded,
    RejectionThreshold,
)

THRESHOLD = RejectionThreshold(rejected_share=0.5, of_last_matches=40)


def failure(reason: str = "missing_uid", mapping: str | None = "paid") -> Failure:
    """A rejection by a mapping."""
    return Failure("map", reason, "no user", mapping, path="user")


def first_exceeded_at(matches: str, threshold: RejectionThreshold = THRESHOLD) -> int | None:
    """The match, counted from 1, at which too many are rejected (`x`); None if never."""
    rate = RejectionRate(threshold, "matches")
    for number, match in enumerate(matches, 1):
        if match == ".":
            rate.passed("paid")
        elif rate.rejected(failure()) is not None:
            return number
    return None


@pytest.mark.parametrize(
    ("matches", "expected"),
    [
        pytest.param("x" * 19, None, id="too few to judge"),
        pytest.param("x" * 20, 20, id="all of the first 20"),
        pytest.param("." * 9 + "x" * 11, 20, id="more than half of 20"),
        pytest.param("." * 10 + "x" * 10, None, id="half is not more than half"),
        pytest.param("x" * 19 + "." * 20, None, id="a success never halts"),
        pytest.param("x" * 19 + "." * 18 + "x" * 3, 38, id="checked at the next rejection"),
        pytest.param("." * 1000 + "x" * 40, 1021, id="only the last matches count"),
        pytest.param(".x" * 1000, None, id="every other one"),
        pytest.param(".x" * 1000 + "x", 2001, id="one more than every other one"),
        pytest.param("xxx......." * 1000, None, id="three of ten, always"),
    ],
)
def test_the_rate_is_exceeded_above_the_share_of_the_last_matches(
    matches: str, expected: int | None
) -> None:
    """Of the last 40, checked from 20 matches on."""
    assert first_exceeded_at(matches) == expected


@pytest.mark.parametrize(
    ("threshold", "matches", "expected"),
    [
        (RejectionThreshold(0.0, 20), "." * 30 + "x", 31),
        (RejectionThreshold(0.9, 20), "x" * 18 + ".." + "x", None),
        (RejectionThreshold(0.9, 20), "." + "x" * 20, 20),
        (NEVER_EXCEEDED, "x" * 1000, None),
    ],
    ids=["any", "nine of ten", "more than nine of ten", "switched off"],
)
def test_the_share_is_configurable(
    threshold: RejectionThreshold, matches: str, expected: int | None
) -> None:
    """At 0 one rejection is too many; at 1 all may be rejected."""
    assert first_exceeded_at(matches, threshold) == expected


def test_the_message_has_the_share_and_the_most_common_cause() -> None:
    """With path and FullStory's status; the latest cause is not the most common one."""
    matches = RejectionRate(THRESHOLD, "matches")
    sent = RejectionRate(THRESHOLD, "events sent")
    rejected_by_fullstory = Failure(
        "send", "refused_by_fullstory", "no", "paid", status=400, code="BAD"
    )
    for _ in range(19):
        assert matches.rejected(failure()) is None
        assert sent.rejected(rejected_by_fullstory) is None
    exceeded = matches.rejected(failure("not_a_number"))
    why = "20 of its last 20 matches were rejected, mostly: missing_uid at `user`"
    assert exceeded == RejectionRateExceeded("paid", why)
    why = "20 of its last 20 events sent were rejected, mostly: refused_by_fullstory with status"
    assert sent.rejected(rejected_by_fullstory) == RejectionRateExceeded("paid", f"{why} 400")


def test_each_mapping_has_its_own_rate() -> None:
    """Successes of one mapping do not offset rejections of another."""
    rate = RejectionRate(THRESHOLD, "matches")
    for _ in range(19):
        assert rate.rejected(failure(mapping="paid")) is None
        assert rate.rejected(failure(mapping="refunded")) is None
        rate.passed("other")
    exceeded = rate.rejected(failure(mapping="refunded"))
    assert exceeded is not None
    assert exceeded.mapping == "refunded"
    rate.passed("paid")
    assert rate.rejected(failure(mapping="paid")) is not None
    assert rate.rejected(failure(mapping="other")) is None


@pytest.mark.parametrize("reason", ["late", "too_old", "exhausted", "unknown_user"])
def test_reasons_outside_of_the_mapping_do_not_count(reason: str) -> None:
    """The backlog after an outage halts nothing."""
    rate = RejectionRate(THRESHOLD, "matches")
    assert [rate.rejected(failure(reason)) for _ in range(100)] == [None] * 100
    assert [rate.rejected(failure()) for _ in range(19)] == [None] * 19
    assert rate.rejected(failure()) is not None


def test_a_failure_without_mapping_does_not_count() -> None:
    """Nobody knows which mapping would have matched the record."""
    rate = RejectionRate(THRESHOLD, "matches")
    assert [rate.rejected(failure(mapping=None)) for _ in range(100)] == [None] * 100
