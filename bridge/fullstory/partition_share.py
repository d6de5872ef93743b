"""This process's share of the account's rate: that of its partitions.

Processes of one group share FullStory's limit and do not know each other; who has half of the
partitions may send at half of `fullstory.max_rate`. An observer of what the group gives and
takes, told from the poll thread; all else happens on the event loop.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from bridge.errors import Unavailable
from bridge.observer import Assigned, Fact, PartitionName, Revoked

ASK_AGAIN_S = 5.0
"""When Kafka did not say how many partitions there are; the share is the old one until then."""


class PartitionShare:
    """Tells `changed` which part of all partitions is ours, each time the group changes.

    `count` asks Kafka how many there are, so that topics and partitions that came later count.
    """

    listens_to: Final = frozenset({Assigned, Revoked})

    def __init__(
        self, count: Callable[[], Awaitable[int]], changed: Callable[[float], None]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._count = count
        self._changed = changed
        self._ours: set[PartitionName] = set()
        self._asking: asyncio.Task[None] | None = None

    def notify(self, fact: Fact) -> None:
        """Follow the group; from any thread."""
        match fact:
            case Assigned(partitions):
                self._loop.call_soon_threadsafe(self._follow, partitions, True)
            case Revoked(partitions):
                self._loop.call_soon_threadsafe(self._follow, partitions, False)
            case _:
                pass

    async def close(self) -> None:
        """Ask no more."""
        if self._asking is not None:
            self._asking.cancel()

    def _follow(self, partitions: Sequence[PartitionName], given: bool) -> None:
        if given:
            self._ours.update(partitions)
        else:
            self._ours.difference_update(partitions)
        if self._asking is not None:
            self._asking.cancel()
        self._asking = asyncio.create_task(self._ask())

    async def _ask(self) -> None:
        while (all_of_them := await self._counted()) is None:  # noqa: ASYNC110  (nobody tells)
            await asyncio.sleep(ASK_AGAIN_S)
        self._changed(len(self._ours) / max(all_of_them, len(self._ours), 1))

    async def _counted(self) -> int | None:
        try:
            return await self._count()
        except Unavailable:
            return None
