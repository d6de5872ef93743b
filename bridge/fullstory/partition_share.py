"""This process's share of the account's rate: its share of the partitions.

The processes of a group share FullStory's limit without knowing each other. A process with half of
the partitions may send at half of `fullstory.max_rate`. This observer receives assignments and
revocations from the poll thread; everything else runs on the event loop.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from bridge.errors import Unavailable
from bridge.observer import Assigned, Fact, PartitionName, Revoked

COUNT_RETRY_S = 5.0
"""When to retry if Kafka does not return the partition count; the old share stays until then."""


class PartitionShare:
    """Passes the share of partitions assigned to this process to `changed` after each rebalance.

    `count` asks Kafka for the number of partitions, so later topics and partitions count too.
    """

    listens_to: Final = frozenset({Assigned, Revoked})

    def __init__(
        self, count: Callable[[], Awaitable[int]], changed: Callable[[float], None]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._count = count
        self._changed = changed
        self._owned: set[PartitionName] = set()
        self._refresh_task: asyncio.Task[None] | None = None

    def notify(self, fact: Fact) -> None:
        """Handle assignments and revocations; called from any thread."""
        match fact:
            case Assigned(partitions):
                self._loop.call_soon_threadsafe(self._update, partitions, True)
            case Revoked(partitions):
                self._loop.call_soon_threadsafe(self._update, partitions, False)
            case _:
                pass

    async def close(self) -> None:
        """Stop asking Kafka."""
        if self._refresh_task is not None:
            self._refresh_task.cancel()

    def _update(self, partitions: Sequence[PartitionName], assigned: bool) -> None:
        if assigned:
            self._owned.update(partitions)
        else:
            self._owned.difference_update(partitions)
        if self._refresh_task is not None:
            self._refresh_task.cancel()
        self._refresh_task = asyncio.create_task(self._refresh())

    async def _refresh(self) -> None:
        while (total := await self._count_or_none()) is None:  # noqa: ASYNC110  (nothing to await)
            await asyncio.sleep(COUNT_RETRY_S)
        self._changed(len(self._owned) / max(total, len(self._owned), 1))

    async def _count_or_none(self) -> int | None:
        try:
            return await self._count()
        except Unavailable:
            return None
