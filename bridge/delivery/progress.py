"""The progress of one assignment of one partition.

Invariants:
- Only offsets of records that a mapping may use are tracked. Offsets in between were skipped or are
  gaps (compaction, transaction markers), so nothing waits for them.
- The committable offset never passes an unsettled offset, whatever is settled above it.
- Ranges settled above it are reported too, so that the commit's metadata can list them.
- If the next offset is known to be settled, the committable offset is the end of that range. So the
  ranges in the metadata never begin at their base.
- One thread owns the object. A partition that is assigned again gets a new object. What the old
  object knew to be settled stays settled, whoever owned the partition in between.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

OffsetRange = tuple[int, int]
"""Settled offsets: from the first, up to but excluding the second."""


@dataclass(frozen=True, slots=True)
class ProgressSnapshot:
    """What to commit at one moment: the offset, and the ranges settled above it.

    `leader_epoch` belongs to the record right before `offset`; None if that is unknown. After a
    gap, an earlier record's epoch would report a truncation that did not happen (KIP-320).
    """

    offset: int
    leader_epoch: int | None
    settled_above: tuple[OffsetRange, ...]


class Progress:
    """Tracked, settled and committable offsets of one assignment.

    `base` is the offset to begin at. `settled` holds the ranges known to be settled from there on,
    from the commit's metadata or an earlier assignment, in order and without overlap.
    """

    def __init__(
        self, base: int, *, leader_epoch: int | None = None, settled: Sequence[OffsetRange] = ()
    ) -> None:
        self._tracked: deque[tuple[int, int | None]] = deque()
        """Tracked offsets, each with the leader epoch of the record right before it."""

        self._settled: dict[int, int] = {}
        self._known_settled: deque[OffsetRange] = deque(settled)
        self._base = self._position = base
        self._epoch = leader_epoch
        """The leader epoch of the record right before the position."""

    @property
    def base(self) -> int:
        """The offset at which this assignment began."""
        return self._base

    @property
    def position(self) -> int:
        """One past the last tracked or skipped offset: where reading continues."""
        return self._position

    @property
    def outstanding(self) -> int:
        """How many tracked offsets are not settled."""
        return len(self._tracked) - len(self._settled)

    @property
    def committable(self) -> int:
        """The first offset that is not settled; all offsets before it are settled."""
        if self._tracked:
            return self._tracked[0][0]
        return next(
            (end for start, end in self._known_settled if start <= self._position < end),
            self._position,
        )

    def events_from(self, offset: int) -> int:
        """How many events belong to the records settled at or after an offset.

        The offset must be committable or above.
        """
        return sum(events for settled, events in self._settled.items() if settled >= offset)

    def track(self, offset: int, leader_epoch: int | None = None) -> bool:
        """Track a polled offset; False if there is nothing to do for it.

        That is the case if it was tracked before, or if the metadata listed it as settled.
        """
        if offset < self._position:
            return False
        self._tracked.append((offset, self._epoch if offset == self._position else None))
        self._position = offset + 1
        self._epoch = leader_epoch
        if not self._known_settled or not self._is_known_settled(offset):
            return True
        self.settle(offset)
        return False

    def skip_to(self, position: int, leader_epoch: int | None = None) -> None:
        """Skip all polled records before `position`; `leader_epoch` belongs to the last of them."""
        if position > self._position:
            self._position = position
            self._epoch = leader_epoch

    def settle(self, offset: int, events: int = 0) -> bool:
        """Mark a tracked offset as settled; False if it already was.

        `events` is how many events of its record were started.
        """
        if not self._tracked or offset < self._tracked[0][0] or offset in self._settled:
            return False
        self._settled[offset] = events
        while self._tracked and self._tracked[0][0] in self._settled:
            del self._settled[self._tracked.popleft()[0]]
        return True

    def snapshot(self, *, include_skipped: bool = True) -> ProgressSnapshot:
        """The offset to commit and the ranges settled above it, at one moment.

        Without `include_skipped` it lists only tracked records that were settled. The
        next reader looks at the skipped records again.
        """
        offset = self.committable
        position_epoch = self._epoch if offset == self._position else None
        epoch = self._tracked[0][1] if self._tracked else position_epoch
        ranges = self._settled_ranges() if include_skipped else self._processed_ranges()
        return ProgressSnapshot(offset, epoch, tuple(one for one in ranges if one[0] > offset))

    def settled_from(self, offset: int) -> tuple[OffsetRange, ...]:
        """The ranges from an offset on that this assignment knows to be settled."""
        snapshot = self.snapshot()
        ranges = ((self._base, snapshot.offset), *snapshot.settled_above)
        return tuple((max(start, offset), end) for start, end in ranges if end > max(start, offset))

    def _is_known_settled(self, offset: int) -> bool:
        while self._known_settled and self._known_settled[0][1] <= offset:
            self._known_settled.popleft()
        return bool(self._known_settled) and self._known_settled[0][0] <= offset

    def _processed_ranges(self) -> tuple[OffsetRange, ...]:
        known = [
            (max(start, self._position), end)
            for start, end in self._known_settled
            if end > self._position
        ]
        return merge_ranges([*((settled, settled + 1) for settled in self._settled), *known])

    def _settled_ranges(self) -> list[OffsetRange]:
        ranges: list[OffsetRange] = []
        range_start: int | None = None
        for offset, _ in self._tracked:
            if offset in self._settled:
                continue
            if range_start is not None and range_start < offset:
                ranges.append((range_start, offset))
            range_start = offset + 1
        if range_start is not None and range_start < self._position:
            ranges.append((range_start, self._position))
        for start, end in self._known_settled:
            first = max(start, self._position)
            if first >= end:
                continue
            if ranges and ranges[-1][1] == first:
                ranges[-1] = (ranges[-1][0], end)
            else:
                ranges.append((first, end))
        return ranges


def merge_ranges(ranges: Iterable[OffsetRange]) -> tuple[OffsetRange, ...]:
    """Sort the ranges and merge those that touch or overlap."""
    found: list[OffsetRange] = []
    for start, end in sorted(ranges):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return tuple(found)
