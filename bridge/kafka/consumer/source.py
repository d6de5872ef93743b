"""Passes polled records to the event loop, and settled records back to the poll thread.

Only the prefilter also shares state with the loop. Batches, drain requests and acknowledged events
go to the loop by `call_soon_threadsafe`. Settled records and topics to halt go to the thread, each
by a deque, whose append and popleft are atomic.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence

from bridge.kafka.consumer.poller import Poller
from bridge.kafka.consumer.source_options import SourceOptions
from bridge.observer import Observer
from bridge.records import Assignment, Record

CLOSE_LIMIT_S = 10.0
"""The time limit for leaving the group after the drain; then the process ends without leaving.

`close()` has no limit of its own: if the broker does not answer, it waits for the last commit.
"""

_DRAIN_CHECK_S = 0.005


class KafkaSource:
    """The topics' records in batches; `async for` ends after `stop`.

    `acknowledged` is called on the event loop with the number of events that a crash no longer
    repeats.
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
        self._not_started = options.not_started
        self._delivered = self._yielded = 0
        """Record counts; each is changed by one thread only."""

        self._left_group = False

    async def __aiter__(self) -> AsyncIterator[list[Record]]:
        """Start polling and yield batches as they arrive."""
        self._thread.start()
        while (batch := await self._batches.get()) is not None:
            if isinstance(batch, BaseException):
                raise batch
            yield batch
            self._yielded += len(batch)

    def settle(self, record: Record, events: int) -> None:
        """Mark a record as settled; `events` of its events were started."""
        self._poller.settled.add(record, events)

    def halt(self, topics: Callable[[str], bool]) -> None:
        """Stop reading these topics; records of them that were not started are left unsettled."""
        self._poller.halt_requests.append(topics)
        self._poller.settled.wake()

    def stop(self) -> None:
        """Stop polling, drain, commit and leave the group; a second call skips the drain."""
        limit_s = self._stop_limit_s
        if self._poller.stop.is_set():
            self._poller.skip_drain.set()
            limit_s = CLOSE_LIMIT_S
        self._poller.stop.set()
        self._loop.call_later(limit_s, self._batches.put_nowait, None)

    def left_group(self) -> bool:
        """After the last batch: whether the group was left cleanly; False if leaving it hung."""
        return self._left_group

    def deliver(self, records: list[Record]) -> None:
        """From the poll thread: deliver records."""
        self._delivered += len(records)
        self._loop.call_soon_threadsafe(self._batches.put_nowait, records)

    def not_started(self) -> int:
        """From the poll thread: how many delivered records were not started yet."""
        return self._delivered - self._yielded + self._not_started()

    def acknowledged(self, events: int) -> None:
        """From the poll thread: a crash can no longer repeat this many events."""
        if events:
            self._loop.call_soon_threadsafe(self._acknowledged, events)

    def drain(self, assignments: Sequence[Assignment]) -> threading.Event:
        """From the poll thread: start no more requests for these assignments.

        The loop sets the event when nothing of theirs is in flight. Both checks, "may this request
        start?" and "is anything in flight?", run on the loop. If the thread checked, a request
        could start between the two.
        """
        drained = threading.Event()
        self._loop.call_soon_threadsafe(self._close_assignments, assignments, drained)
        return drained

    def _close_assignments(
        self, assignments: Sequence[Assignment], drained: threading.Event
    ) -> None:
        for assignment in assignments:
            assignment.open = False
        if any(assignment.in_flight for assignment in assignments):
            self._loop.call_later(_DRAIN_CHECK_S, self._close_assignments, assignments, drained)
        else:
            drained.set()

    def _run(self) -> None:
        try:
            self._poller.run()
            failure: BaseException | None = None
        except BaseException as error:
            failure = error
        self._loop.call_soon_threadsafe(self._end, failure)

    def _end(self, error: BaseException | None) -> None:
        self._left_group = True
        self._batches.put_nowait(error)
