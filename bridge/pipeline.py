"""The whole path of a record; read this file first.

    poll -> track -> decode -> map -> build -> send -> settle -> commit

Invariants:
- A record ends in one way, settled by one line: every event delivered, skipped by a rule, or its
  dead letter acknowledged by Kafka.
- A record that nobody wants costs no task and no await; most of them never come here: the poll
  thread leaves them out (`avro/prefilter.py`).
- A record whose events are to be sent waits as it is until a worker is free, not as a task.
- A record that halts its mapping's topics is not begun and not settled, nor are those after it.
- How much a mapping rejects is judged in the order of the records, before anything of a record
  is begun. The race: thousands of records are under way when one letter too many is acknowledged,
  and each of them is one more. So a letter is counted before it is written, and what was not
  begun when the halt begins is left: letters always, and events when it was FullStory that refused.
- What fails for the time being is tried again, here for the registry and the dead-letter topic,
  in the sender for FullStory. Nothing is given up.
- A record's letters are written after its events are sent. The race: a letter is written, the
  partition drains, an event of the record is begun no more; the next owner reads the record again
  and writes the letter again. So a letter is begun last, and while the partition is ours.

The rooms it joins do not know each other: `ports.py` says in Protocols what it needs of them,
`app/bridge.py` hands it in. Time and sockets are theirs.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, Generic, NamedTuple
from weakref import WeakSet

from bridge.delivery.dead_letter import DeadLetter, Failure, dead_letter
from bridge.delivery.decision import Done, Reject, Skip
from bridge.delivery.halts import FIX_THE_MAPPING, Halts, fix_for_rejections
from bridge.delivery.pauses import DEAD_LETTER_TOPIC, SCHEMA_REGISTRY, Outage
from bridge.delivery.rejection_rate import RejectionRate
from bridge.errors import PoisonRecord, Unavailable
from bridge.fact_batch import FactBatch
from bridge.mapping.runtime.event_age import check_age
from bridge.mapping.runtime.outcome import Event, MappingRejected, MappingSkipped, Outcome
from bridge.observer import DeadLettered, RecordOutcome, RecordsFiltered
from bridge.observer import EventSkipped as SkippedFact
from bridge.ports import Ports, R
from bridge.records import Assignment, AssignmentEnded, Record

WAIT_AGAIN_S = 1.0
"""Between two tries at the registry or the dead-letter topic."""

TAKEN_AT_ONCE = 100
"""After so many records the loop turns, so that answers do not wait for a whole batch."""

DROP_FROM = 1_000
"""A queue of so many is looked through for records of partitions that went away."""


class BuiltEvent(NamedTuple, Generic[R]):
    """An event's mapping, and the request that every try sends."""

    mapping: str
    request: R


OutcomeWork = BuiltEvent[R] | Failure | MappingSkipped
"""What is to be done for one outcome: send, write a dead letter, or only tell."""


class RecordWork(NamedTuple, Generic[R]):
    """A record, and all that is to be done for it."""

    record: Record
    events: list[BuiltEvent[R]]
    failures: list[Failure]
    skipped: list[MappingSkipped]


class Pipeline(Generic[R]):
    """Carries every polled record to its one end."""

    def __init__(self, ports: Ports[R]) -> None:
        self._ports = ports
        self._assignments: WeakSet[Assignment] = WeakSet()
        self._tasks: set[asyncio.Task[None]] = set()
        self._drop_at = DROP_FROM
        owners = ports.dead_letter_context.owners
        self._halts = Halts(ports.mappings, owners, ports.source.halt, ports.observer)
        self._matches = RejectionRate(ports.rejection_threshold, "matches")
        self._sent = RejectionRate(ports.rejection_threshold, "events sent")
        self._facts = FactBatch(ports.observer)
        self._letters = Outage(DEAD_LETTER_TOPIC, ports.observer)
        self._registry = Outage(SCHEMA_REGISTRY, ports.observer)

    async def run(self) -> None:
        """Carry records until the source ends; what was not begun by then is left to be re-read."""
        self._ports.workers.start(self._carry)
        try:
            async for records in self._ports.source:  # poll, track
                now_s = self._ports.clock()
                for begin in range(0, len(records), TAKEN_AT_ONCE):
                    if begin:
                        await asyncio.sleep(0)
                    self._take_all(records[begin : begin + TAKEN_AT_ONCE], now_s)
        finally:
            self._ports.workers.cancel()
            for task in self._tasks:
                task.cancel()
            self._facts.notify()

    def _take_all(self, records: Sequence[Record], now_s: float) -> None:
        """Take records that came at `now_s`; those with events to send wait for a worker."""
        to_send: list[RecordWork[R]] = []
        last: Assignment | None = None
        for record in records:
            if record.assignment is not last:
                last = record.assignment
                self._assignments.add(last)
            ready = self._take(record, now_s)
            if ready is not None:
                to_send.append(ready)
        self._ports.workers.put(to_send)
        if self._ports.workers.waiting >= self._drop_at:
            self._ports.workers.drop(lambda ready: not ready.record.assignment.open)
            self._drop_at = max(DROP_FROM, 2 * self._ports.workers.waiting)

    def _take(self, record: Record, now_s: float) -> RecordWork[R] | None:
        """What is to be sent of a record; None where there is nothing, or another task sees to it.

        Late events are decided about here, once: what waits for FullStory is not late by that.
        """
        if self._halts.cover(record.topic):
            return None
        try:
            outcomes = self._map(record)  # decode, map
        except PoisonRecord as error:
            self._begin(record, self._finish(_failed(record, Failure.of(error))))
            return None
        except Exception as error:
            self._begin(record, self._finish(_failed(record, _internal(error))))
            return None
        if outcomes is None:
            self._begin(record, self._wait_for_schema(record))
        elif halting := _halting(outcomes):
            why = f"{halting.reason}: {halting.message} ({record.place})"
            self._halts.begin(halting.mapping, why, FIX_THE_MAPPING)
        elif outcomes:
            return self._build(record, outcomes, now_s)
        else:
            self._ports.observer.notify(RecordsFiltered(record.topic))
            self._ports.source.settle(record, 0)
        return None

    def _map(self, record: Record) -> Sequence[Outcome] | None:
        if record.value is None:
            return self._ports.tombstones(record.topic).map(record, None)
        decoded = self._ports.decoder.decode(record)
        if decoded is None:
            return None
        return decoded.compiled.map(record, decoded.value, decoded.record_name)

    def _build(
        self, record: Record, outcomes: Sequence[Outcome], now_s: float
    ) -> RecordWork[R] | None:
        """Build the requests of a record's events; unless a mapping halts by that.

        What becomes of a record's matches is counted until a mapping has rejected too much.
        """
        ready: RecordWork[R] = RecordWork(record, [], [], [])
        for outcome in outcomes:
            one = self._built(record, check_age(outcome, now_s, self._ports.ages))
            if isinstance(one, Failure):
                too_many = self._matches.rejected(one)
                if too_many is not None:
                    fix = fix_for_rejections(too_many.mapping, record.place)
                    self._halts.begin(too_many.mapping, too_many.why, fix)
                    return None
                ready.failures.append(one)
                continue
            if isinstance(outcome, Event):
                self._matches.passed(outcome.mapping)
            if isinstance(one, BuiltEvent):
                ready.events.append(one)
            else:
                ready.skipped.append(one)
        if ready.events:
            return ready
        self._begin(record, self._finish(ready))
        return None

    async def _finish(self, ready: RecordWork[R]) -> None:
        """Bring all work on a record to its end, then settle the record.

        Once an event of it is answered it is seen through, though its partition be draining.
        """
        record, events, failures, skipped = ready
        for one in skipped:
            self._ports.observer.notify(SkippedFact(one.mapping, one.why))
        begun = delivered = False
        try:
            for event in events:
                end = await self._send(record, event, events=0 if begun else len(events))
                if isinstance(end, Failure):
                    failures.append(end)
                    self._count_refusal(record, end)
                delivered |= isinstance(end, Done)
                if not begun and (not isinstance(end, Failure) or end.stage == "send"):
                    begun = True
                    record.assignment.in_flight += 1
            for number, failure in enumerate(failures):
                await self._dead_letter(record, failure, see_through=begun or number > 0)
            self._ports.source.settle(record, len(events) if begun else 0)  # settle; it commits
        finally:
            record.assignment.in_flight -= begun
        fate: RecordOutcome = "dead_lettered" if failures else "sent" if delivered else "filtered"
        self._facts.settled(record.topic, fate)

    def _built(self, record: Record, outcome: Outcome) -> OutcomeWork[R]:
        """What is to be sent for an outcome, or written as a dead letter, or skipped."""
        match outcome:
            case Event(mapping, shadow=False):
                try:
                    return BuiltEvent(mapping, self._ports.build(outcome, record))  # build
                except PoisonRecord as error:
                    return Failure.of(error, mapping)
                except Exception as error:
                    return _internal(error, mapping)
            case Event(mapping):
                return MappingSkipped(mapping, "shadow")
            case MappingSkipped():
                return outcome
            case MappingRejected(mapping, reason, message, path):
                return Failure("map", reason, message, mapping, path)

    async def _send(
        self, record: Record, event: BuiltEvent[R], *, events: int
    ) -> Done | Skip | Failure:
        """Send one event until FullStory's last word; a refusal is the failure to be buried."""
        mapping, request = event
        try:
            decision, tries = await self._ports.sender.send(  # send
                request, mapping, record.assignment, events=events
            )
        except AssignmentEnded:
            raise
        except Exception as error:
            return _internal(error, mapping)
        match decision:
            case Done():
                self._sent.passed(mapping)
                self._facts.delivered(mapping, tries)
            case Skip(why):
                self._ports.observer.notify(SkippedFact(mapping, why))
            case Reject(why, status, code):
                message = "no answer came" if status is None else f"FullStory answered {status}"
                return Failure("send", why, message, mapping, status=status, code=code)
        return decision

    def _count_refusal(self, record: Record, failure: Failure) -> None:
        """Halt the mapping if FullStory refuses too much; then no more of its topics is sent."""
        too_many = self._sent.rejected(failure)
        if too_many is None:
            return
        fix = fix_for_rejections(too_many.mapping, record.place)
        self._halts.begin(too_many.mapping, too_many.why, fix)
        for assignment in self._assignments:
            if self._halts.cover(assignment.topic):
                assignment.open = False

    async def _dead_letter(self, record: Record, failure: Failure, *, see_through: bool) -> None:
        """Write a dead letter until Kafka has acknowledged it, or AssignmentEnded.

        It is left to who reads the record again where the partition drains or the topic halts.
        """
        letter = dead_letter(record, failure, self._ports.dead_letter_context, self._ports.clock())
        with record.assignment.track(), self._letters.track_wait(id(record)):
            while see_through or self._may_begin(record):
                if await self._is_dead_letter_written(letter, id(record)):
                    break
                with self._ports.workers.aside():
                    await asyncio.sleep(WAIT_AGAIN_S)
            else:
                raise AssignmentEnded
        self._ports.observer.notify(
            DeadLettered(failure.mapping, failure.stage, failure.reason, record.place)
        )

    def _may_begin(self, record: Record) -> bool:
        return record.assignment.open and not self._halts.cover(record.topic)

    async def _is_dead_letter_written(self, letter: DeadLetter, who: int) -> bool:
        try:
            await self._ports.dead_letters.send(letter)
        except Unavailable as error:
            self._letters.waiting_for(str(error), who)
            return False
        return True

    async def _wait_for_schema(self, record: Record) -> None:
        """Fetch the record's schema, however long that takes, then go on with the record."""
        try:
            fetched = await self._fetched(record)
        except PoisonRecord as error:
            await self._finish(_failed(record, Failure.of(error)))
            return
        if fetched:
            self._take_all([record], self._ports.clock())

    async def _fetched(self, record: Record) -> bool:
        """Whether the record's schema is at hand at last; False: the record is no longer ours."""
        with self._registry.track_wait(id(record)):
            while record.assignment.open:
                try:
                    await self._ports.decoder.prepare(record)
                except Unavailable as error:
                    self._registry.waiting_for(str(error), id(record))
                    await asyncio.sleep(WAIT_AGAIN_S)
                else:
                    return True
        return False

    def _begin(self, record: Record, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(self._to_its_end(record, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, ready: RecordWork[R]) -> None:
        """What a worker does for a record; written out, since it is done for every event."""
        if not ready.record.assignment.open:
            return
        try:
            await self._finish(ready)
        except AssignmentEnded:
            return
        except Exception as error:
            await self._finish(_failed(ready.record, _internal(error)))

    async def _to_its_end(self, record: Record, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except AssignmentEnded:  # not settled: the partition's next owner reads it again
            return
        except Exception as error:
            await self._finish(_failed(record, _internal(error)))


def _halting(outcomes: Sequence[Outcome]) -> MappingRejected | None:
    """The outcome that asks for a person, if there is one: then none of them is begun."""
    for one in outcomes:
        if isinstance(one, MappingRejected) and one.halt:
            return one
    return None


def _failed(record: Record, failure: Failure) -> RecordWork[Any]:
    """A record that becomes a dead letter before anything of it was sent."""
    return RecordWork(record, [], [failure], [])


def _internal(error: Exception, mapping: str | None = None) -> Failure:
    """A mistake of our own: the record is kept as a dead letter, and the others flow on."""
    return Failure("map", "internal_error", f"the bridge failed: {type(error).__name__}", mapping)
