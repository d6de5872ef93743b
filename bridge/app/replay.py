"""Dead letters brought on their way again: the bridge at work, on its own dead-letter topics.

The path is the same. Three parts differ: a source that returns each dead letter as its original
record (`DeadLetterSource`), a mapper that keeps only the mapping that rejected the record
(`SelectedMapping`), and an end that is fixed at the start.

Invariants:
- A record that fails again is written again, behind the fixed end: this replay does not read it.
- Offsets are committed in a group of the filter's own, after delivery: the same filter goes on
  where it stopped.
- What is not meant is settled at once, and stays where it is. So is what a replay with another
  filter has brought to its end: filters overlap, and v1 takes an event twice.
- A letter whose mapping is no more is written again, and not taken for filtered.
- No mapping is halted, however much it rejects: all letters are former rejections, whoever
  replays them sits before the count, and those of other mappings lie between them. What fails
  again is where it was, and `--dry-run` says beforehand how much that will be.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from bridge import ports
from bridge.app.bridge import Bridge
from bridge.app.config import Config
from bridge.avro.registry.client import RegistryClient
from bridge.avro.schema_store import FileSchemas
from bridge.delivery.dead_letter import MAPPING
from bridge.delivery.dead_letter_reader import DeadLetterFilter, DeadLetterRecord, read_dead_letter
from bridge.delivery.halts import Topics
from bridge.delivery.progress import OffsetRange
from bridge.delivery.rejection_rate import NEVER_EXCEEDED
from bridge.delivery.response_classifier import DeliveryPolicy
from bridge.errors import PoisonRecord, Unavailable
from bridge.fullstory.throttle import Throttle
from bridge.kafka.consumer.assigned_partition import PartitionKey
from bridge.kafka.consumer.source_options import SourceOptions, every_record
from bridge.kafka.group_progress import GroupProgress, Offsets, left
from bridge.mapping.runtime.outcome import MappingRejected, Outcome
from bridge.observer import Fact, Observer, RecordsFiltered
from bridge.observer import RecordsSettled as SettledFact
from bridge.records import Record

LOOK_EVERY_S = 0.3
"""Between two looks at what the group has committed."""

GONE = "mapping_gone"


@dataclass(frozen=True, slots=True)
class ReplayWork:
    """What lies in the dead-letter topics: all of it, and what is meant of it.

    `offsets` are those of everything. `matched` are those that `meant` matches and no other replay
    has ended; what others have is `replayed`. `done` are the runs that this filter's own replays
    have settled.
    """

    meant: DeadLetterFilter
    topics: Sequence[str]
    offsets: Offsets
    matched: Offsets
    replayed: Mapping[PartitionKey, Collection[int]]
    done: Mapping[PartitionKey, Sequence[OffsetRange]]

    @property
    def left(self) -> int:
        """How many letters are to be replayed."""
        return left(self.matched, self.done)

    @property
    def meant_in_all(self) -> int:
        """How many letters the filter matches, whoever has ended them."""
        return sum(len(those) for part in (self.matched, self.replayed) for those in part.values())


class ReplayCounts:
    """An observer that counts how letters end.

    `unmatched` are those that are not meant, `replayed` those that another replay has ended.
    """

    def __init__(self) -> None:
        self.sent = 0
        self.filtered = 0
        self.dead_lettered = 0
        self.unmatched = 0
        self.replayed = 0

    @property
    def read(self) -> int:
        """Letters that came to their end."""
        return self.sent + self.filtered + self.dead_lettered

    def notify(self, fact: Fact) -> None:
        """Count a fact."""
        match fact:
            case SettledFact(_, "sent", records):
                self.sent += records
            case SettledFact(_, "dead_lettered", records):
                self.dead_lettered += records
            case RecordsFiltered(_, records) | SettledFact(_, _, records):
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
    """A source that gives the letters of another one as the records that they were.

    Whatever a mapping or FullStory's `Idempotency-Key` makes of topic, partition and offset is
    what it was at the first time. The assignment is the letter's own.
    """

    def __init__(self, source: ports.Source, work: ReplayWork, tally: ReplayCounts) -> None:
        self._source = source
        self._work = work
        self._tally = tally
        self._under_way: dict[int, DeadLetterRecord] = {}

    async def __aiter__(self) -> AsyncIterator[list[Record]]:
        """Batches of records, as they were."""
        async for batch in self._source:
            yield [letter.origin for letter in map(self._take, batch) if letter is not None]

    def settle(self, record: Record, events: int) -> None:
        """Nothing is left to do for a letter."""
        letter = self._under_way.pop(id(record))
        self._source.settle(letter.record, events)

    def halt(self, topics: Topics) -> None:
        """Let topics stand still; a replay never asks for it."""
        self._source.halt(topics)

    def _take(self, record: Record) -> DeadLetterRecord | None:
        letter = read_dead_letter(record)
        if letter is None or not self._work.meant.matches(letter):
            self._tally.unmatched += 1
        elif record.offset in self._work.replayed.get((record.topic, record.partition), ()):
            self._tally.replayed += 1
        else:
            # By identity: two mappings may have rejected one record, so its place is no key.
            self._under_way[id(letter.origin)] = letter
            return letter
        self._source.settle(record, 0)
        return None


class SelectedMapping:
    """The mappings of a topic, of which the one that rejected the record counts.

    All of them, where it failed before any mapping saw it.
    """

    def __init__(self, plan: ports.Mapper, known: Callable[[str], Sequence[str]]) -> None:
        self._plan = plan
        self._known = known

    def map(
        self, record: Record, value: object | None, record_name: str | None = None
    ) -> Sequence[Outcome]:
        """What becomes of a letter's record; raises PoisonRecord where no mapping is left."""
        known = self._known(record.topic)
        rejected_by = dict(record.headers).get(MAPPING)
        name = None if rejected_by is None else rejected_by.decode("utf-8", "replace")
        if name is not None and name not in known:
            return [MappingRejected(name, GONE, f"no mapping of this name reads {record.topic}")]
        if not known:
            raise PoisonRecord(f"no mapping reads {record.topic}", stage="map", reason=GONE)
        outcomes = self._plan.map(record, value, record_name)
        return [_again(outcome) for outcome in outcomes if name in (None, outcome.mapping)]


def _again(outcome: Outcome) -> Outcome:
    """A mapping that asks for a halt asks for none here: the letter is written again, and waits."""
    return replace(outcome, halt=False) if isinstance(outcome, MappingRejected) else outcome


class SelectedMappingDecoder:
    """A decoder whose mappings are `SelectedMapping`."""

    def __init__(self, decoder: ports.Decoder, known: Callable[[str], Sequence[str]]) -> None:
        self._decoder = decoder
        self._known = known

    def decode(self, record: Record) -> ports.Decoded | None:
        """The value; None when `prepare` must fetch its schema first."""
        decoded = self._decoder.decode(record)
        return (
            None
            if decoded is None
            else _Decoded(decoded, SelectedMapping(decoded.compiled, self._known))
        )

    async def prepare(self, record: Record) -> None:
        """Fetch what `decode` lacks."""
        await self._decoder.prepare(record)


class _Decoded:
    def __init__(self, decoded: ports.Decoded, compiled: ports.Mapper) -> None:
        self.compiled = compiled
        self.value = decoded.value
        self.record_name = decoded.record_name


class Replay(Bridge):
    """The bridge on its dead letters: `run` ends by itself when all that lay there is settled."""

    def __init__(
        self, config: Config, observer: Observer, work: ReplayWork, tally: ReplayCounts
    ) -> None:
        super().__init__(replace(config, rejection_threshold=NEVER_EXCEEDED), observer)
        self._work = work
        self._tally = tally

    async def run(self) -> bool:
        """Replay until all is settled, or until `stop`; returns whether the group was left."""
        ended = asyncio.Event()
        watching = asyncio.create_task(self._stop_when_done(ended))
        try:
            return await super().run()
        finally:
            ended.set()
            await watching

    async def _stop_when_done(self, ended: asyncio.Event) -> None:
        """Ask the group's commits: they alone know what other replays of this filter have done.

        Never cancelled: a look-up in its thread must not outlive its client.
        """
        kafka = self._config.settings.kafka_config()
        with GroupProgress(kafka, self._work.meant.replay_group) as settled:
            while not ended.is_set():
                if not await asyncio.to_thread(_left, settled, self._work.offsets):
                    self.stop()
                    return
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(ended.wait(), LOOK_EVERY_S)

    def _open(self, options: SourceOptions, throttle: Throttle, observer: Observer) -> ports.Source:
        self._select_records = every_record  # a letter is not framed as its record was
        ends = {key: those[-1] + 1 for key, those in self._work.offsets.items() if those}
        kafka = {k: v for k, v in options.kafka.items() if k != "group.instance.id"}
        options = replace(
            options,
            kafka={**kafka, "group.id": self._work.meant.replay_group},
            topics=tuple({topic for topic, _ in self._work.offsets}),
            ends=ends,
            start="earliest",
            out_of_range="earliest",
        )
        return DeadLetterSource(super()._open(options, throttle, observer), self._work, self._tally)

    def _decoder(self, files: FileSchemas, registry: RegistryClient | None) -> ports.Decoder:
        return SelectedMappingDecoder(super()._decoder(files, registry), self._known)

    def _policy(self) -> DeliveryPolicy:
        """All whose letters are replayed may be unknown; the replay comes to its end."""
        return replace(super()._policy(), require_known_user=False)

    def _tombstones(self) -> Callable[[str], ports.Mapper]:
        plans = super()._tombstones()
        return lambda topic: SelectedMapping(plans(topic), self._known)

    def _known(self, topic: str) -> Sequence[str]:
        """The names of the mappings that read a topic of Kafka's."""
        config = self._config
        name = config.name(topic)
        return [rule.name for rule in config.rules if rule.reads(name)]


def _left(settled: GroupProgress, offsets: Mapping[PartitionKey, Sequence[int]]) -> int:
    try:
        return left(offsets, settled.done(offsets))
    except Unavailable:
        return 1  # it is asked again
