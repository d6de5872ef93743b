"""How far one assignment of one partition is done.

Laws:
- Only offsets that were polled are tracked; a gap between them (compaction, a transaction's
  marker) is nothing to wait for.
- Committable is never past an offset that is not settled, whatever was settled above it.
- What is settled above it is told too, so that the commit's metadata can carry it.
- One thread owns the object. An assignment that comes back is a new object.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

Run = tuple[int, int]
"""Settled offsets from the first to before the second."""


@dataclass(frozen=True, slots=True)
class Cut:
    """One snapshot of a progress: where to commit, and what is settled above.

    `leader_epoch` belongs to the record before `offset` and to no other; None where it is not
    known (KIP-320).
    """

    offset: int
    leader_epoch: int | None
    settled_above: tuple[Run, ...]


class Progress:
    """Offsets seen, settled and committable of one assignment.

    `base` is the committed offset, `settled` what the commit's metadata listed as settled
    above it, in order and not overlapping.
    """

    def __init__(
        self, base: int, *, leader_epoch: int | None = None, settled: Sequence[Run] = ()
    ) -> None:
        self._seen: deque[tuple[int, int | None]] = deque()
        self._done: set[int] = set()
        self._ahead: deque[Run] = deque(settled)
        self._next = base
        self._epoch = leader_epoch

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
        return self._seen[0][0] if self._seen else self._next

    def see(self, offset: int, leader_epoch: int | None = None) -> bool:
        """Note a polled offset; False when there is nothing to do for it.

        That is so when it was seen before, or when the metadata listed it as settled.
        """
        if offset < self._next:
            return False
        self._next = offset + 1
        self._seen.append((offset, leader_epoch))
        if not self._settled_ahead(offset):
            return True
        self.settle(offset)
        return False

    def settle(self, offset: int) -> None:
        """Note that nothing is left to do for an offset that was seen; again changes nothing."""
        if not self._seen or offset < self._seen[0][0]:
            return
        self._done.add(offset)
        while self._seen and self._seen[0][0] in self._done:
            first, self._epoch = self._seen.popleft()
            self._done.remove(first)

    def cut(self) -> Cut:
        """Where to commit and what is settled above, in one snapshot."""
        return Cut(self.committable, self._epoch, tuple(self._runs()))

    def _settled_ahead(self, offset: int) -> bool:
        while self._ahead and self._ahead[0][1] <= offset:
            self._ahead.popleft()
        return bool(self._ahead) and self._ahead[0][0] <= offset

    def _runs(self) -> list[Run]:
        runs: list[Run] = []
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
