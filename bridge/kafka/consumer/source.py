"""Polled records on the event loop, and the way back: what is settled, what was acknowledged.

The poll thread and the loop meet here and nowhere else. Towards the loop: batches, drain
requests, acknowledged events, by `call_soon_threadsafe`. Towards the thread: settled records and
topics to halt, each by a deque, whose append and popleft are atomic.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence

from bridge.kafka.consumer.poller import Poller
from bridge.kafka.consumer.source_options import SourceOptions
from bridge.observer import Observer
from bridge.records import Assignment, Record

CLOSE_LIMIT_S = 10.0
"""Leaving the group may take this long after the drain; then the process ends without it.

`close()` has no limit of its own: with a broker that is silent it waits for the last commit.
"""

_DRAIN_LOOK_S = 0.005


class KafkaSource:
    """The records of the topics, in batches; `async for` ends after `stop`.

    `acknowledged` is told, on the event loop, how many events a crash can no longer repeat.
    """

    def __init__(
        self, options: SourceOptions, acknowledged: Callable[[int], None], observer: Observer
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._acknowledged = acknowledged
        self._batches: asyncio.Queue[list[Record] | BaseException | None] = asyncio.Queue()
        self._stop_limit_s = options.shutdown_drain_s + CLOSE_LIMIT_S
        self._poller = Poller(options, self, observer)
        self._thread = threading.Thread(target=self._run, name="poll", daemon=True)
        self._not_begun = options.not_begun
        self._handed_over = self._given = 0
        """Records: each number is changed by one thread only."""

        self._left = False

    async def __aiter__(self) -> AsyncIterator[list[Record]]:
        """Start polling and give batches as they come."""
        self._thread.start()
        while (batch := await self._batches.get()) is not None:
            if isinstance(batch, BaseException):
                raise batch
            yield batch
            self._given += len(batch)

    def settle(self, record: Record, events: int) -> None:
        """Nothing is left to do for a record, of which `events` events were begun."""
        self._poller.settled.add(record, events)

    def halt(self, topics: Callable[[str], bool]) -> None:
        """Read nothing more of these topics; what was read of them and not begun is left."""
        self._poller.halted.append(topics)
        self._poller.settled.wake()

    def stop(self) -> None:
        """Take nothing more, drain, commit, leave; called again: commit what is settled and go."""
        limit_s = self._stop_limit_s
        if self._poller.stop.is_set():
            self._poller.hurry.set()
            limit_s = CLOSE_LIMIT_S
        self._poller.stop.set()
        self._loop.call_later(limit_s, self._batches.put_nowait, None)

    def left(self) -> bool:
        """After the last batch: whether the group was left in order; False when that hung."""
        return self._left

    def deliver(self, records: list[Record]) -> None:
        """From the poll thread: hand records over."""
        self._handed_over += len(records)
        self._loop.call_soon_threadsafe(self._batches.put_nowait, records)

    def not_begun(self) -> int:
        """From the poll thread: how many records wait here, or where they were given to."""
        return self._handed_over - self._given + self._not_begun()

    def acknowledged(self, events: int) -> None:
        """From the poll thread: so many events are safe from repetition."""
        if events:
            self._loop.call_soon_threadsafe(self._acknowledged, events)

    def drain(self, assignments: Sequence[Assignment]) -> threading.Event:
        """From the poll thread: begin nothing more for these.

        The event is set by the loop itself when nothing of theirs is under way. Both sides of
        the question, "may this request begin?" and "is anything under way?", are asked on the
        loop; asked from the thread, a request could begin between the two.
        """
        drained = threading.Event()
        self._loop.call_soon_threadsafe(self._close, assignments, drained)
        return drained

    def _close(self, assignments: Sequence[Assignment], drained: threading.Event) -> None:
        for assignment in assignments:
            assignment.open = False
        if any(assignment.in_flight for assignment in assignments):
            self._loop.call_later(_DRAIN_LOOK_S, self._close, assignments, drained)
        else:
            drained.set()

    def _run(self) -> None:
        try:
            self._poller.run()
            ended: BaseException | None = None
        except BaseException as error:
            ended = error
        self._loop.call_soon_threadsafe(self._end, ended)

    def _end(self, ended: BaseException | None) -> None:
        self._left = True
        self._batches.put_nowait(ended)
