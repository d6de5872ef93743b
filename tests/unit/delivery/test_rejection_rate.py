"""When a mapping rejects too much of what it matches."""

import pytest

from bridge.delivery.dead_letter import Failure
from bridge.delivery.rejection_rate import (
    NEVER_EXCEEDED,
    RejectionRate,
    RejectionRateExceeded,
    RejectionThreshold,
)

TOLERANCE = RejectionThreshold(rejected_share=0.5, of_last_matches=40)


def refuse(reason: str = "missing_uid", mapping: str | None = "paid") -> Failure:
    """A reject of a mapping."""
    return Failure("map", reason, "no user", mapping, path="user")


def judged(matches: str, rejection_threshold: RejectionThreshold = TOLERANCE) -> int | None:
    """At which match, counted from 1, there are too many rejected (`x`); None: at none."""
    rejections = RejectionRate(rejection_threshold, "matches")
    for number, match in enumerate(matches, 1):
        if match == ".":
            rejections.passed("paid")
        elif rejections.rejected(refuse()) is not None:
            return number
    return None


@pytest.mark.parametrize(
    ("matches", "too_many_at"),
    [
        pytest.param("x" * 19, None, id="too few to be judged"),
        pytest.param("x" * 20, 20, id="all of the first twenty"),
        pytest.param("." * 9 + "x" * 11, 20, id="more than half of twenty"),
        pytest.param("." * 10 + "x" * 10, None, id="half is not more than half"),
        pytest.param("x" * 19 + "." * 20, None, id="what goes well is no ground to halt"),
        pytest.param("x" * 19 + "." * 18 + "x" * 3, 38, id="judged when the next one is rejected"),
        pytest.param("." * 1000 + "x" * 40, 1021, id="only the last ones count"),
        pytest.param(".x" * 1000, None, id="every other one"),
        pytest.param(".x" * 1000 + "x", 2001, id="one more than every other one"),
        pytest.param("xxx......." * 1000, None, id="three of ten, for ever"),
    ],
)
def test_too_many_are_more_than_the_share_of_the_last(
    matches: str, too_many_at: int | None
) -> None:
    """Of forty, and judged from twenty on."""
    assert judged(matches) == too_many_at


@pytest.mark.parametrize(
    ("rejection_threshold", "matches", "too_many_at"),
    [
        (RejectionThreshold(0.0, 20), "." * 30 + "x", 31),
        (RejectionThreshold(0.9, 20), "x" * 18 + ".." + "x", None),
        (RejectionThreshold(0.9, 20), "." + "x" * 20, 20),
        (NEVER_EXCEEDED, "x" * 1000, None),
    ],
    ids=["any", "nine of ten", "more than nine of ten", "switched off"],
)
def test_the_share_is_a_setting(
    rejection_threshold: RejectionThreshold, matches: str, too_many_at: int | None
) -> None:
    """At 0 one is too much; at 1 all may be rejected."""
    assert judged(matches, rejection_threshold) == too_many_at


def test_it_says_how_many_and_what_most_of_them_were_rejected_for() -> None:
    """With the path and FullStory's status, where there is one; the newest is not the commonest."""
    matches = RejectionRate(TOLERANCE, "matches")
    sent = RejectionRate(TOLERANCE, "events sent")
    refused = Failure("send", "refused_by_fullstory", "no", "paid", status=400, code="BAD")
    for _ in range(19):
        assert matches.rejected(refuse()) is None
        assert sent.rejected(refused) is None
    too_many = matches.rejected(refuse("not_a_number"))
    told = "20 of its last 20 matches were rejected, mostly: missing_uid at `user`"
    assert too_many == RejectionRateExceeded("paid", told)
    told = "20 of its last 20 events sent were rejected, mostly: refused_by_fullstory with status"
    assert sent.rejected(refused) == RejectionRateExceeded("paid", f"{told} 400")


def test_every_mapping_is_judged_by_itself() -> None:
    """What goes well in one excuses no other, and what is rejected by one harms no other."""
    rejections = RejectionRate(TOLERANCE, "matches")
    for _ in range(19):
        assert rejections.rejected(refuse(mapping="paid")) is None
        assert rejections.rejected(refuse(mapping="refunded")) is None
        rejections.passed("other")
    too_many = rejections.rejected(refuse(mapping="refunded"))
    assert too_many is not None
    assert too_many.mapping == "refunded"
    rejections.passed("paid")
    assert rejections.rejected(refuse(mapping="paid")) is not None
    assert rejections.rejected(refuse(mapping="other")) is None


@pytest.mark.parametrize("reason", ["late", "too_old", "exhausted", "unknown_user"])
def test_what_lies_in_time_in_fullstory_or_in_its_users_is_of_no_account(reason: str) -> None:
    """The backlog after an outage halts nothing."""
    rejections = RejectionRate(TOLERANCE, "matches")
    assert [rejections.rejected(refuse(reason)) for _ in range(100)] == [None] * 100
    assert [rejections.rejected(refuse()) for _ in range(19)] == [None] * 19
    assert rejections.rejected(refuse()) is not None


def test_a_record_that_failed_for_all_mappings_counts_for_none() -> None:
    """Nobody knows which of them would have matched it."""
    rejections = RejectionRate(TOLERANCE, "matches")
    assert [rejections.rejected(refuse(mapping=None)) for _ in range(100)] == [None] * 100
