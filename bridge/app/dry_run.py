"""The replay dry run: it sends, writes and commits nothing, and counts what a replay would do."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from bridge.app.components import age_limits
from bridge.app.config import Config
from bridge.app.replay import DeadLetterSource, ReplayCounts, ReplayScope, replay_bridge
from bridge.delivery.dead_letter import DeadLetter
from bridge.delivery.decision import Done
from bridge.delivery.halts import Topics
from bridge.delivery.progress import OffsetRange
from bridge.delivery.rejection_rate import NEVER_EXCEEDED
from bridge.fullstory.requests.builder import builder
from bridge.fullstory.requests.request import Request
from bridge.kafka.consumer.assigned_partition import PartitionKey
from bridge.mapping.runtime.outcome import Event
from bridge.observer import Observer
from bridge.pipeline import Pipeline
from bridge.ports import Ports
from bridge.records import Assignment, Record

BATCH_SIZE = 500


@dataclass(slots=True)
class ReplayEstimate:
    """What a replay would send and reject.

    `late` counts the events older than the session window: they attach to no session.
    """

    events: int = 0
    late: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    """How many dead letters would be written again, by reason."""


async def estimate_replay(
    config: Config,
    observer: Observer,
    scope: ReplayScope,
    counts: ReplayCounts,
    records: Iterator[Record],
) -> ReplayEstimate:
    """Process all records that earlier replays left, and count what a replay would do.

    Raises:
        SetupError: the operator must fix something before the first record.
    """
    settings = config.settings
    bridge = replay_bridge(config, observer, scope, counts)
    estimate = ReplayEstimate()
    async with AsyncExitStack() as stack:
        cluster, decoder, _ = await bridge.connect(stack)
        build = builder(settings.fullstory.api, cluster.id)

        def build_and_count(event: Event, record: Record) -> Request:
            request = build(event, record)
            estimate.events += 1
            event_time_s = datetime.fromisoformat(event.timestamp).timestamp()
            estimate.late += time.time() - event_time_s > settings.fullstory.session_window_s
            return request

        pipeline_ports: Ports[Request] = Ports(
            source=DeadLetterSource(_DryRunSource(records, scope.done), scope, counts),
            decoder=decoder,
            tombstones=bridge.tombstones(),
            build=build_and_count,
            sender=_DryRunSender(),
            dead_letters=_DryRunDeadLetters(estimate.reasons),
            observer=observer,
            dead_letter_context=config.dead_letter_context,
            clock=time.time,
            mappings=config,
            rejection_threshold=NEVER_EXCEEDED,
            ages=age_limits(settings),
        )
        await Pipeline(pipeline_ports).run()
    return estimate


class _DryRunSource:
    """A source of records that were read without a consumer group: it commits nothing."""

    def __init__(
        self, records: Iterator[Record], done: Mapping[PartitionKey, Sequence[OffsetRange]]
    ) -> None:
        self._records = records
        self._done = done
        self._unsettled = 0
        self._settled = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[list[Record]]:
        while batch := await asyncio.to_thread(lambda: list(islice(self._records, BATCH_SIZE))):
            remaining = [record for record in batch if not self._is_done(record)]
            self._unsettled += len(remaining)
            yield remaining
            while self._unsettled:
                await self._settled.wait()
                self._settled.clear()

    def settle(self, _record: Record, _events: int) -> None:
        self._unsettled -= 1
        self._settled.set()

    def halt(self, _topics: Topics) -> None:
        """Do nothing: a replay never halts."""

    def _is_done(self, record: Record) -> bool:
        ranges = self._done.get((record.topic, record.partition), ())
        return any(start <= record.offset < end for start, end in ranges)


class _DryRunSender:
    """A sender that accepts every event without sending it."""

    async def send_first(
        self, _request: Request, _mapping: str, _assignment: Assignment, *, events: int
    ) -> tuple[Done, int]:
        return Done(), 1

    async def send_next(
        self, _request: Request, _mapping: str, _assignment: Assignment
    ) -> tuple[Done, int]:
        return Done(), 0


class _DryRunDeadLetters:
    """A dead-letter writer that only counts reasons."""

    def __init__(self, reasons: Counter[str]) -> None:
        self._reasons = reasons

    async def send(self, dead_letter: DeadLetter) -> None:
        self._reasons[dead_letter.failure.reason] += 1
