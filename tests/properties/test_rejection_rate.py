"""The rejection rate against a model that remembers all matches."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from bridge.delivery.dead_letter import Failure
from bridge.delivery.rejection_rate import MATCHES_MIN, RejectionRate, RejectionThreshold

MATCHES = st.lists(st.sampled_from([None, None, "missing_uid", "not_a_number"]), max_size=300)
"""The reason of each rejection; None for a successful match."""


def _model(matches: list[str | None], threshold: RejectionThreshold) -> str | None:
    """The message about the latest match, computed from all matches."""
    last = matches[-threshold.of_last_matches :]
    rejected = [reason for reason in last if reason is not None]
    share = len(rejected) / len(last)
    few = len(matches) < MATCHES_MIN
    if matches[-1] is None or few or share <= threshold.rejected_share:
        return None
    cause = Counter(rejected).most_common(1)[0][0]
    return (
        f"{len(rejected)} of its last {len(last)} matches were rejected, mostly: {cause} at `user`"
    )


@given(
    matches=MATCHES,
    share=st.sampled_from([0.0, 0.1, 0.5, 0.75, 1.0]),
    last=st.integers(MATCHES_MIN, 60),
)
def test_the_rate_equals_that_of_the_model(
    matches: list[str | None], share: float, last: int
) -> None:
    """For all rejections in any order, also after the first halt."""
    threshold = RejectionThreshold(share, last)
    rate = RejectionRate(threshold, "matches")
    for number, reason in enumerate(matches, 1):
        why = None
        if reason is None:
            rate.passed("paid")
        else:
            exceeded = rate.rejected(Failure("map", reason, "no", "paid", "user"))
            why = exceeded and exceeded.why
        assert why == _model(matches[:number], threshold)
