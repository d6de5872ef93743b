"""The count of rejections against one that forgets nothing."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from bridge.delivery.dead_letter import Failure
from bridge.delivery.rejection_rate import JUDGED_FROM, RejectionRate, RejectionThreshold

MATCHES = st.lists(st.sampled_from([None, None, "missing_uid", "not_a_number"]), max_size=300)
"""What each match was rejected for; None: it went well."""


def _model(matches: list[str | None], rejection_threshold: RejectionThreshold) -> str | None:
    """What is told about the newest match: all there were are looked at again."""
    last = matches[-rejection_threshold.of_last_matches :]
    rejected = [reason for reason in last if reason is not None]
    share = len(rejected) / len(last)
    few = len(matches) < JUDGED_FROM
    if matches[-1] is None or few or share <= rejection_threshold.rejected_share:
        return None
    mostly = Counter(rejected).most_common(1)[0][0]
    return (
        f"{len(rejected)} of its last {len(last)} matches were rejected, mostly: {mostly} at `user`"
    )


@given(
    matches=MATCHES,
    share=st.sampled_from([0.0, 0.1, 0.5, 0.75, 1.0]),
    last=st.integers(JUDGED_FROM, 60),
)
def test_the_count_is_that_of_one_that_remembers_all(
    matches: list[str | None], share: float, last: int
) -> None:
    """Whatever is rejected, and in whatever order: not after the first halt only."""
    rejection_threshold = RejectionThreshold(share, last)
    rejections = RejectionRate(rejection_threshold, "matches")
    for number, reason in enumerate(matches, 1):
        told = None
        if reason is None:
            rejections.passed("paid")
        else:
            too_many = rejections.rejected(Failure("map", reason, "no", "paid", "user"))
            told = too_many and too_many.why
        assert told == _model(matches[:number], rejection_threshold)
