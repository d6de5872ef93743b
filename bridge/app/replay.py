"""Replays dead letters: the bridge reads its own dead-letter topics.

The pipeline is the same. Three parts differ:
- `DeadLetterSource` turns each dead letter into its original record.
- `SelectedMapping` applies only the mapping that rejected the record.
- The end offsets are fixed at the start.

Invariants:
- If a record fails again, a new dead letter is written after the end offset. This replay does not
  read it.
- Each filter commits to a consumer group of its own, after delivery. So the same filter resumes
  where it stopped.
- A dead letter that does not match the filter is settled immediately and stays in the topic. So is
  one that a replay with another filter has settled: filters overlap, and v1 applies an event twice.
- If the mapping of a dead letter no longer exists, the dead letter is written again. It does not
  count as filtered.
- No mapping is halted, however much it rejects. All dead letters are earlier rejections, the
  operator watches the counts, and dead letters of other mappings lie between them. What fails again
  is still in the topic, and `--dry-run` shows in advance how much that is.
- It does not start if a topic that its filter covers does not fit its newest schema. Other topics
  do not matter.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from bridge import ports
from bridge.app.bridge import Bridge
from bridge.app.config import Config
from bridge.app.selected_mapping import SelectedMapping, SelectedMappingDecoder
from bridge.app.variation import Variation
from bridge.delivery.dead_letter_reader import DeadLetterFilter, DeadLetterRecord, read_dead_letter
from bridge.delivery.halts import Topics
from bridge.delivery.progress import OffsetRange
from bridge.delivery.rejection_rate import NEVER_EXCEEDED
from bridge.errors import Unavailable
from bridge.kafka.consumer.assigned_partition import PartitionKey
from bridge.kafka.consumer.source_options import SourceOptions
from bridge.kafka.group_progress import GroupProgress, Offsets, count_unsettled
from bridge.observer import Fact, Observer, RecordsFiltered, RecordsSettled
from bridge.records import Record

PROGRESS_INTERVAL_S = 0.3
"""How often the committed offsets are checked."""


@dataclass(frozen=True, slots=True)
class ReplayScope:
    """The dead letters in the topics, and which of them a replay covers.

    `offsets` has all of them. `matched` has those that match the filter and that no other replay
    has settled; `replayed` has those that another one has. `done` has the offset ranges that
    earlier replays with this filter have settled.
    """

    filter: DeadLetterFilter
    topics: Sequence[str]
    offsets: Offsets
    matched: Offsets
    replayed: Mapping[PartitionKey, Collection[int]]
    done: Mapping[PartitionKey, Sequence[OffsetRange]]

    @property
    def remaining(self) -> int:
        """How many dead letters remain to be replayed."""
        return count_unsettled(self.matched, self.done)

    @property
    def matched_total(self) -> int:
        """How many dead letters match the filter, replayed or not."""
        parts = (self.matched, self.replayed)
        return sum(len(offsets) for part in parts for offsets in part.values())


class ReplayCounts:
    """An observer that counts the outcomes of dead letters.

    `unmatched` counts those that the filter excludes, `replayed` those that another replay has
    settled.
    """

    def __init__(self) -> None:
        self.sent = 0
        self.filtered = 0
        self.dead_lettered = 0
        self.unmatched = 0
        self.replayed = 0

    @property
    def read(self) -> int:
        """The number of dead letters that this replay has settled."""
        return self.sent + self.filtered + self.dead_lettered

    def notify(self, fact: Fact) -> None:
        """Count a fact."""
        match fact:
            case RecordsSettled(_, "sent", records):
                self.sent += records
            case RecordsSettled(_, "dead_lettered", records):
                self.dead_lettered += records
            case RecordsFiltered(_, records) | RecordsSettled(_, _, records):
                self.filtered += records
            case _:
                pass

    def __str__(self) -> str:
        before = f", {self.replayed:,} replayed before by another" if self.replayed else ""
        return (
            f"{self.read:,} read = {self.sent:,} sent + {self.filtered:,} filtered"
            f" + {self.dead_lettered:,} dead-lettered again,"
            f" {self.unmatched:,} not matched by the filter{before}"
        )


class DeadLetterSource:
    """A source that turns the dead letters of another source into their original records.

    Topic, partition and offset are the original ones, so mappings and FullStory's
    `Idempotency-Key` give the same result as the first time. The assignment is the dead letter's.
    """

    def __init__(self, source: ports.Source, scope: ReplayScope, counts: ReplayCounts) -> None:
        self._source = source
        self._scope = scope
        self._counts = counts
        self._in_flight: dict[int, DeadLetterRecord] = {}

    async def __aiter__(self) -> AsyncIterator[list[Record]]:
        """Yield batches of original records."""
        async for batch in self._source:
            yield [
                dead_letter.origin
                for dead_letter in map(self._select, batch)
                if dead_letter is not None
            ]

    def settle(self, record: Record, events: int) -> None:
        """Settle the dead letter of a record."""
        dead_letter = self._in_flight.pop(id(record))
        self._source.settle(dead_letter.record, events)

    def halt(self, topics: Topics) -> None:
        """Halt topics; a replay never does."""
        self._source.halt(topics)

    def _select(self, record: Record) -> DeadLetterRecord | None:
        dead_letter = read_dead_letter(record)
        if dead_letter is None or not self._scope.filter.matches(dead_letter):
            self._counts.unmatched += 1
        elif record.offset in self._scope.replayed.get((record.topic, record.partition), ()):
            self._counts.replayed += 1
        else:
            # By identity: two mappings may have rejected one record, so its place is not unique.
            self._in_flight[id(dead_letter.origin)] = dead_letter
            return dead_letter
        self._source.settle(record, 0)
        return None


def replay_bridge(
    config: Config, observer: Observer, scope: ReplayScope, counts: ReplayCounts
) -> Bridge:
    """Return a bridge that reads the dead letters in scope as their original records."""
    known = partial(_known_mappings, config)
    variation = Variation(
        source_options=partial(_replay_options, scope=scope),
        source=lambda source: DeadLetterSource(source, scope, counts),
        decoder=lambda decoder: SelectedMappingDecoder(decoder, known),
        tombstones=lambda plans: lambda topic: SelectedMapping(plans(topic), known),
        # All users may be unknown, so that the replay can end.
        policy=lambda policy: replace(policy, require_known_user=False),
        has_prefilter=False,  # a dead letter lacks the wire format of its topic
        checks=partial(_may_replay, config, scope.filter),
        strict_start=True,  # a halted topic would keep the replay from ending
    )
    return Bridge(replace(config, rejection_threshold=NEVER_EXCEEDED), observer, variation)


def _replay_options(options: SourceOptions, scope: ReplayScope) -> SourceOptions:
    kafka = {key: value for key, value in options.kafka.items() if key != "group.instance.id"}
    return replace(
        options,
        kafka={**kafka, "group.id": scope.filter.replay_group},
        topics=tuple({topic for topic, _ in scope.offsets}),
        ends={key: offsets[-1] + 1 for key, offsets in scope.offsets.items() if offsets},
        start="earliest",
        out_of_range="earliest",
    )


def _may_replay(config: Config, selected: DeadLetterFilter, topic: str) -> bool:
    """Whether a replay with this filter may read records of a topic (by Kafka name)."""
    if selected.topics and topic not in selected.topics:
        return False
    known = _known_mappings(config, topic)
    return not selected.mappings or not selected.mappings.isdisjoint(known)


def _known_mappings(config: Config, topic: str) -> Sequence[str]:
    """The names of the mappings that read a topic (by Kafka name)."""
    alias = config.alias(topic)
    return [rule.name for rule in config.rules if rule.reads(alias)]


class Replay:
    """A bridge that reads dead letters; `run` ends when all dead letters in scope are settled."""

    def __init__(
        self, config: Config, observer: Observer, scope: ReplayScope, counts: ReplayCounts
    ) -> None:
        self._bridge = replay_bridge(config, observer, scope, counts)
        self._kafka = config.settings.kafka_config()
        self._scope = scope

    def stop(self) -> None:
        """Drain, commit and leave the group; a second call skips the drain."""
        self._bridge.stop()

    async def run(self) -> bool:
        """Replay until all is settled, or until `stop`; return whether it left the group."""
        ended = asyncio.Event()
        watcher = asyncio.create_task(self._stop_when_done(ended))
        try:
            return await self._bridge.run()
        finally:
            ended.set()
            await watcher

    async def _stop_when_done(self, ended: asyncio.Event) -> None:
        """Poll the group's commits, which also cover other processes that replay this filter.

        Never cancelled: a request in its thread must not outlive the client.
        """
        with GroupProgress(self._kafka, self._scope.filter.replay_group) as progress:
            while not ended.is_set():
                if not await asyncio.to_thread(_count_remaining, progress, self._scope.offsets):
                    self.stop()
                    return
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(ended.wait(), PROGRESS_INTERVAL_S)


def _count_remaining(progress: GroupProgress, offsets: Mapping[PartitionKey, Sequence[int]]) -> int:
    try:
        return count_unsettled(offsets, progress.settled_ranges(offsets))
    except Unavailable:
        return 1  # unknown: retried at the next interval
