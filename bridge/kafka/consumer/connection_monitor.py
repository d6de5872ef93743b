"""That Kafka answers again: its client tells every trouble, and never the end of one.

Invariants:
- Of Kafka as a whole it is known by a commit that was acknowledged, by partitions that came with
  their offsets, or, where nothing is to be committed, by asking.
- Of a topic that could not be read it is known by a record of it that came to its end. It is
  waited for no more when this process has no partition of it left.
- An observer: told from the poll thread and the event loop, it does everything on the loop.

**The race of the question.** Trouble is told while the answer to a question is on its way: it may
be the newer of the two. So an answer counts only if no trouble was told since the question.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from bridge.delivery.pauses import KAFKA, KAFKA_TOPIC
from bridge.errors import Unavailable
from bridge.observer import (
    Assigned,
    Committed,
    Fact,
    Observer,
    PartitionName,
    RecordsFiltered,
    RecordsSettled,
    Resumed,
    Revoked,
    Waiting,
)

ASK_EVERY_S = 5.0
"""Between two questions, and so between two spells that a question ends."""


class ConnectionMonitor:
    """Tells `observer` the `Resumed` of each `Waiting` for Kafka; `close` it at the end.

    `ask` returns when Kafka has answered a question, or raises `Unavailable`.
    """

    listens_to: Final = frozenset(
        {Assigned, Committed, RecordsFiltered, Revoked, RecordsSettled, Waiting}
    )

    def __init__(self, ask: Callable[[], Awaitable[object]], observer: Observer) -> None:
        self._loop = asyncio.get_running_loop()
        self._ask = ask
        self._observer = observer
        self._waiting = False
        self._troubles = 0
        self._topics: set[str] = set()
        self._ours: set[PartitionName] = set()
        self._asking: asyncio.Task[None] | None = None

    def notify(self, fact: Fact) -> None:
        """Take note of a fact."""
        match fact:
            case RecordsSettled(topic) | RecordsFiltered(topic):
                if topic in self._topics:
                    self._loop.call_soon_threadsafe(self._topic_is_well, topic)
            case Waiting() | Committed() | Assigned() | Revoked():
                self._loop.call_soon_threadsafe(self._note, fact)
            case _:
                pass

    async def close(self) -> None:
        """Ask no more."""
        if self._asking is not None:
            self._asking.cancel()

    def _note(self, fact: Fact) -> None:
        match fact:
            case Waiting(what) if what == KAFKA:
                self._begin()
            case Waiting(what) if what.startswith(KAFKA_TOPIC):
                self._topics.add(what.removeprefix(KAFKA_TOPIC))
            case Committed():
                self._is_well()
            case Assigned(partitions):
                self._ours.update(partitions)
                self._is_well()
            case Revoked(partitions):
                self._let_go(partitions)
            case _:
                pass

    def _begin(self) -> None:
        self._waiting = True
        self._troubles += 1
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask_until_it_answers())

    async def _ask_until_it_answers(self) -> None:
        while self._waiting:
            troubles = self._troubles
            if await self._answers() and troubles == self._troubles:
                self._is_well()
            await asyncio.sleep(ASK_EVERY_S)
        self._asking = None

    async def _answers(self) -> bool:
        try:
            await self._ask()
        except Unavailable:
            return False
        return True

    def _is_well(self) -> None:
        if self._waiting:
            self._waiting = False
            self._observer.notify(Resumed(KAFKA))

    def _let_go(self, partitions: Sequence[PartitionName]) -> None:
        self._ours.difference_update(partitions)
        for topic in self._topics - {topic for topic, _ in self._ours}:
            self._topic_is_well(topic)

    def _topic_is_well(self, topic: str) -> None:
        if topic not in self._topics:
            return
        self._topics.discard(topic)
        self._observer.notify(Resumed(f"{KAFKA_TOPIC}{topic}"))
