"""How many of given records a group has not settled."""

import pytest

from bridge.delivery.progress import OffsetRange
from bridge.kafka.group_progress import left, settled_among

OFFSETS = {("t", 0): [0, 1, 5, 9], ("t", 1): [3]}


@pytest.mark.parametrize(
    ("runs", "count"),
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
def test_what_lies_in_no_run_is_left(
    runs: dict[tuple[str, int], list[OffsetRange]], count: int
) -> None:
    """Gaps between the offsets are nothing that could be left."""
    assert left(OFFSETS, runs) == count


@pytest.mark.parametrize(
    ("runs", "found"),
    [
        ([], set()),
        ([(0, 1)], {0}),
        ([(0, 5), (9, 10)], {0, 1, 9}),
        ([(2, 5), (6, 9)], set()),
        ([(1, 99)], {1, 5, 9}),
    ],
)
def test_offsets_are_found_in_runs(runs: list[OffsetRange], found: set[int]) -> None:
    """The end of a run is not in it."""
    assert settled_among(OFFSETS["t", 0], runs) == found
