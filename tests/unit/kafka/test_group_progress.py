"""How many of the given records a group has not settled."""

import pytest

from bridge.delivery.progress import OffsetRange
from bridge.kafka.group_progress import count_unsettled, settled_offsets

OFFSETS = {("t", 0): [0, 1, 5, 9], ("t", 1): [3]}


@pytest.mark.parametrize(
    ("ranges", "count"),
    [
        ({}, 5),
        ({("t", 0): [(0, 5)]}, 3),
        ({("t", 0): [(0, 5), (9, 10)]}, 2),
        ({("t", 0): [(0, 1), (5, 6)], ("t", 1): [(0, 4)]}, 2),
        ({("t", 0): [(0, 10)], ("t", 1): [(0, 99)]}, 0),
        ({("t", 0): [(2, 5)]}, 5),
        ({("u", 0): [(0, 99)]}, 5),
    ],
)
def test_offsets_outside_of_settled_ranges_are_counted(
    ranges: dict[tuple[str, int], list[OffsetRange]], count: int
) -> None:
    """Gaps between the offsets do not count."""
    assert count_unsettled(OFFSETS, ranges) == count


@pytest.mark.parametrize(
    ("ranges", "settled"),
    [
        ([], set()),
        ([(0, 1)], {0}),
        ([(0, 5), (9, 10)], {0, 1, 9}),
        ([(2, 5), (6, 9)], set()),
        ([(1, 99)], {1, 5, 9}),
    ],
)
def test_offsets_in_settled_ranges_are_returned(
    ranges: list[OffsetRange], settled: set[int]
) -> None:
    """The end of a range is exclusive."""
    assert settled_offsets(OFFSETS["t", 0], ranges) == settled
