"""How far one assignment of one partition is done.

Invariants:
- Only offsets of records that somebody may want are tracked. What lies between them was skipped,
  or is a gap (compaction, a transaction's marker): nothing to wait for.
- Committable is never past an offset that is not settled, whatever was settled above it.
- What is settled above it is told too, so that the commit's metadata can carry it.
- Where the next offset is known to be settled, committable stands behind that run: a list in the
  metadata never begins at its base.
- One thread owns the object. An assignment that comes back is a new object; what the old one knew
  to be settled stays true, whoever had the partition meanwhile.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

OffsetRange = tuple[int, int]
"""Settled offsets from the first to before the second."""


@dataclass(frozen=True, slots=True)
class ProgressSnapshot:
    """One snapshot of a progress: where to commit, and what is settled above.

    `leader_epoch` belongs to the record right before `offset`; None where that is not known. Behind
    a gap an earlier record's epoch would tell of a truncation that never was (KIP-320).
    """

    offset: int
    leader_epoch: int | None
    settled_above: tuple[OffsetRange, ...]


class Progress:
    """Offsets seen, settled and committable of one assignment.

    `base` is the committed offset, `settled` what is known to be settled from there on (by the
    commit's metadata, or by an earlier assignment), in order and not overlapping.
    """

    def __init__(
        self, base: int, *, leader_epoch: int | None = None, settled: Sequence[OffsetRange] = ()
    ) -> None:
        self._seen: deque[tuple[int, int | None]] = deque()
        """Offsets to be settled, each with the epoch of the record right before it."""

        self._done: dict[int, int] = {}
        self._ahead: deque[OffsetRange] = deque(settled)
        self._base = self._next = base
        self._epoch = leader_epoch
        """Of the record right before the position."""

    @property
    def base(self) -> int:
        """Where this assignment began."""
        return self._base

    @property
    def position(self) -> int:
        """One past the last offset seen: where reading goes on."""
        return self._next

    @property
    def outstanding(self) -> int:
        """How many seen offsets are not settled."""
        return len(self._seen) - len(self._done)

    @property
    def committable(self) -> int:
        """The first offset that is not settled; all before it are."""
        if self._seen:
            return self._seen[0][0]
        return next((end for start, end in self._ahead if start <= self._next < end), self._next)

    def events_from(self, offset: int) -> int:
        """How many events belong to the records that are settled from an offset on.

        The offset is committable or above it.
        """
        return sum(events for done, events in self._done.items() if done >= offset)

    def see(self, offset: int, leader_epoch: int | None = None) -> bool:
        """Note a polled offset; False when there is nothing to do for it.

        That is so when it was seen before, or when the metadata listed it as settled.
        """
        if offset < self._next:
            return False
        self._seen.append((offset, self._epoch if offset == self._next else None))
        self._next = offset + 1
        self._epoch = leader_epoch
        if not self._ahead or not self._settled_ahead(offset):
            return True
        self.settle(offset)
        return False

    def skip_to(self, position: int, leader_epoch: int | None = None) -> None:
        """Nobody wants what was polled up to this position; the epoch is of the last of it."""
        if position > self._next:
            self._next = position
            self._epoch = leader_epoch

    def settle(self, offset: int, events: int = 0) -> bool:
        """Note that nothing is left to do for an offset that was seen; False: it was known.

        `events` is how many events of its record were begun.
        """
        if not self._seen or offset < self._seen[0][0] or offset in self._done:
            return False
        self._done[offset] = events
        while self._seen and self._seen[0][0] in self._done:
            del self._done[self._seen.popleft()[0]]
        return True

    def snapshot(self, *, skipped: bool = True) -> ProgressSnapshot:
        """Where to commit and what is settled above, in one snapshot.

        Without `skipped` it lists only what was delivered or became a dead letter: what nobody
        wanted is looked at again by who reads on from there.
        """
        offset = self.committable
        epoch = self._seen[0][1] if self._seen else self._epoch if offset == self._next else None
        runs = self._runs() if skipped else self._runs_of_done()
        return ProgressSnapshot(offset, epoch, tuple(run for run in runs if run[0] > offset))

    def settled_from(self, offset: int) -> tuple[OffsetRange, ...]:
        """What this assignment knows to be settled from an offset on."""
        snapshot = self.snapshot()
        runs = ((self._base, snapshot.offset), *snapshot.settled_above)
        return tuple((max(start, offset), end) for start, end in runs if end > max(start, offset))

    def _settled_ahead(self, offset: int) -> bool:
        while self._ahead and self._ahead[0][1] <= offset:
            self._ahead.popleft()
        return bool(self._ahead) and self._ahead[0][0] <= offset

    def _runs_of_done(self) -> tuple[OffsetRange, ...]:
        ahead = [(max(start, self._next), end) for start, end in self._ahead if end > self._next]
        return merge_ranges([*((done, done + 1) for done in self._done), *ahead])

    def _runs(self) -> list[OffsetRange]:
        runs: list[OffsetRange] = []
        cursor: int | None = None
        for offset, _ in self._seen:
            if offset in self._done:
                continue
            if cursor is not None and cursor < offset:
                runs.append((cursor, offset))
            cursor = offset + 1
        if cursor is not None and cursor < self._next:
            runs.append((cursor, self._next))
        for start, end in self._ahead:
            first = max(start, self._next)
            if first >= end:
                continue
            if runs and runs[-1][1] == first:
                runs[-1] = (runs[-1][0], end)
            else:
                runs.append((first, end))
        return runs


def merge_ranges(runs: Iterable[OffsetRange]) -> tuple[OffsetRange, ...]:
    """The same offsets as ordered runs, of which no two touch or overlap."""
    found: list[OffsetRange] = []
    for start, end in sorted(runs):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return tuple(found)
