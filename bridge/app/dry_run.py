"""A replay that sends, writes and commits nothing: what it would do, and what that would cost."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from bridge.app.components import age_limits
from bridge.app.replay import DeadLetterSource, Replay
from bridge.delivery.dead_letter import DeadLetter
from bridge.delivery.decision import Done
from bridge.delivery.halts import Topics
from bridge.delivery.progress import OffsetRange
from bridge.fullstory.requests.builder import builder
from bridge.fullstory.requests.request import Request
from bridge.kafka.consumer.assigned_partition import PartitionKey
from bridge.mapping.runtime.outcome import Event
from bridge.pipeline import Pipeline
from bridge.ports import Ports
from bridge.records import Assignment, Record

BATCH = 500


@dataclass(slots=True)
class ReplayEstimate:
    """What a replay would cost.

    `late` are the events that are older than the session window: they attach to no session.
    """

    events: int = 0
    late: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    """Why letters would be written again, by how often."""


class ReplayDryRun(Replay):
    """A replay played through to the last step before FullStory and Kafka."""

    async def estimate(self, records: Iterator[Record]) -> ReplayEstimate:
        """Bring all records through the path but for those that are done, and count.

        Raises:
            SetupError: something must be mended before the first record.
        """
        settings = self._config.settings
        price = ReplayEstimate()
        async with AsyncExitStack() as stack:
            cluster = await self._await_kafka()
            decoder = await self._checked_decoder(stack, cluster)
            build = builder(settings.fullstory.api, cluster.id)
            window_s = settings.fullstory.session_window_s

            def counted(event: Event, record: Record) -> Request:
                request = build(event, record)
                price.events += 1
                moment_s = datetime.fromisoformat(event.timestamp).timestamp()
                price.late += time.time() - moment_s > window_s
                return request

            path: Ports[Request] = Ports(
                source=DeadLetterSource(_ByHand(records, self._work.done), self._work, self._tally),
                decoder=decoder,
                tombstones=self._tombstones(),
                build=counted,
                sender=_Accepts(),
                dead_letters=_Counts(price.reasons),
                observer=self._observer,
                dead_letter_context=self._config.dead_letter_context,
                clock=time.time,
                mappings=self._config,
                rejection_threshold=self._config.rejection_threshold,
                ages=age_limits(settings),
            )
            await Pipeline(path).run()
        return price


class _ByHand:
    """A source of records that were read by hand: nothing is committed."""

    def __init__(
        self, records: Iterator[Record], done: Mapping[PartitionKey, Sequence[OffsetRange]]
    ) -> None:
        self._records = records
        self._done = done
        self._outstanding = 0
        self._settled = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[list[Record]]:
        while batch := await asyncio.to_thread(lambda: list(islice(self._records, BATCH))):
            wanted = [record for record in batch if not self._is_done(record)]
            self._outstanding += len(wanted)
            yield wanted
            while self._outstanding:
                await self._settled.wait()
                self._settled.clear()

    def settle(self, _record: Record, _events: int) -> None:
        self._outstanding -= 1
        self._settled.set()

    def halt(self, _topics: Topics) -> None:
        """A replay asks for no halt."""

    def _is_done(self, record: Record) -> bool:
        runs = self._done.get((record.topic, record.partition), ())
        return any(start <= record.offset < end for start, end in runs)


class _Accepts:
    """A FullStory that takes everything."""

    async def send(
        self, _request: Request, _mapping: str, _assignment: Assignment, *, events: int
    ) -> tuple[Done, int]:
        return Done(), min(events, 1)


class _Counts:
    """A dead-letter topic that notes reasons."""

    def __init__(self, reasons: Counter[str]) -> None:
        self._reasons = reasons

    async def send(self, letter: DeadLetter) -> None:
        self._reasons[letter.failure.reason] += 1
