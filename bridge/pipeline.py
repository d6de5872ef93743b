"""The path of a record from Kafka to FullStory. Read this file first.

    poll -> track -> decode -> map -> build -> send -> settle -> commit

The pipeline imports no Kafka client, HTTP client or clock. `ports.py` defines what it needs as
Protocols, and `app/bridge.py` passes the real implementations in.

Invariants:
- A record is settled once: after each of its events is delivered, skipped by a rule, or
  acknowledged by Kafka as a dead letter.
- A record that no mapping matches creates no task and awaits nothing. Most of these never get
  here: the poll thread filters them out (`avro/prefilter.py`).
- A record with events to send waits in a queue, not as a task, until a worker is free.
- If a record halts the topics of its mapping, neither it nor any later record of these topics is
  started or settled.
- Rejections are counted in record order, before any work on the record starts. The race:
  thousands of records are in flight when Kafka acknowledges the dead letter that exceeds the
  threshold, and each could add another one. So a rejection counts before its dead letter is
  written. When the halt begins, dead letters that are not in flight yet are abandoned and their
  records stay unsettled. If FullStory's refusals caused the halt, this applies to events too.
- Temporary failures are retried: without limit here, for the registry and the dead-letter topic;
  in the sender, for FullStory, until the event is `exhausted` (`delivery/response_classifier.py`).
- The dead letters of a record are written after its events are sent. The race: a dead letter is
  written, the partition starts to drain, and an event of the record is not sent any more. The next
  owner reads the record again and writes the dead letter a second time. So dead letters come last.
  They start only while the partition is assigned, unless FullStory has already answered an event
  of the record.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, Generic, NamedTuple
from weakref import WeakSet

from bridge.delivery.dead_letter import DeadLetter, Failure, dead_letter
from bridge.delivery.decision import Done, Reject, Skip
from bridge.delivery.decode_failures import DecodeFailures
from bridge.delivery.halts import FIX_THE_MAPPING, Halts, fix_for_rejections
from bridge.delivery.pauses import DEAD_LETTER_TOPIC, SCHEMA_REGISTRY, Outage
from bridge.delivery.rejection_rate import RejectionRate, RejectionRateExceeded
from bridge.errors import PoisonRecord, Unavailable
from bridge.fact_batch import FactBatch
from bridge.mapping.runtime.event_age import check_age
from bridge.mapping.runtime.outcome import Event, MappingRejected, MappingSkipped, Outcome
from bridge.observer import DeadLettered, EventSkipped, RecordOutcome, RecordsFiltered
from bridge.ports import Ports, R
from bridge.records import Assignment, AssignmentEnded, Record

RETRY_DELAY_S = 1.0
"""The delay between two attempts at the registry or the dead-letter topic."""

YIELD_EVERY = 100
"""After this many records the pipeline yields to the event loop, so that responses get handled."""

PRUNE_THRESHOLD = 1_000
"""From this queue length on, records of partitions that were revoked are removed."""


class BuiltEvent(NamedTuple, Generic[R]):
    """A mapping's event as a request; each retry sends the same one."""

    mapping: str
    request: R


OutcomeWork = BuiltEvent[R] | Failure | MappingSkipped
"""What to do for one outcome: send it, write a dead letter, or only notify."""


class RecordWork(NamedTuple, Generic[R]):
    """A record, and everything to do for it."""

    record: Record
    events: list[BuiltEvent[R]]
    failures: list[Failure]
    skipped: list[MappingSkipped]


class Pipeline(Generic[R]):
    """Processes every polled record until it is settled."""

    def __init__(self, ports: Ports[R]) -> None:
        self._ports = ports
        self._assignments: WeakSet[Assignment] = WeakSet()
        self._tasks: set[asyncio.Task[None]] = set()
        self._prune_at = PRUNE_THRESHOLD
        owners = ports.dead_letter_context.owners
        self._halts = Halts(ports.mappings, owners, ports.source.halt, ports.observer)
        self._decode_failures = DecodeFailures(
            ports.rejection_threshold,
            self._halts,
            skipped=ports.skipped,
            guess=ports.decoder.guess_format,
        )
        self._match_rejections = RejectionRate(ports.rejection_threshold, "matches")
        self._send_rejections = RejectionRate(ports.rejection_threshold, "events sent")
        self._facts = FactBatch(ports.observer)
        self._dead_letter_outage = Outage(DEAD_LETTER_TOPIC, ports.observer)
        self._registry_outage = Outage(SCHEMA_REGISTRY, ports.observer)

    async def run(self) -> None:
        """Process records until the source ends; unsettled records are read again later."""
        for halted in self._ports.halted_topics:
            self._halts.halt_topic(halted)
        self._ports.workers.start(self._run_worker)
        try:
            async for records in self._ports.source:  # poll, track
                now_s = self._ports.clock()
                for start in range(0, len(records), YIELD_EVERY):
                    if start:
                        await asyncio.sleep(0)
                    self._start_records(records[start : start + YIELD_EVERY], now_s)
        finally:
            self._ports.workers.cancel()
            for task in self._tasks:
                task.cancel()
            self._facts.flush()

    def _start_records(self, records: Sequence[Record], now_s: float) -> None:
        """Start records polled at `now_s`; those with events to send are queued for a worker."""
        to_send: list[RecordWork[R]] = []
        last: Assignment | None = None
        for record in records:
            if record.assignment is not last:
                last = record.assignment
                self._assignments.add(last)
            work = self._start_record(record, now_s)
            if work is not None:
                to_send.append(work)
        self._ports.workers.put(to_send)
        if self._ports.workers.waiting >= self._prune_at:
            self._ports.workers.drop(lambda work: not work.record.assignment.open)
            self._prune_at = max(PRUNE_THRESHOLD, 2 * self._ports.workers.waiting)

    def _start_record(self, record: Record, now_s: float) -> RecordWork[R] | None:
        """Return the events to send; None if there are none or another task handles the record.

        Event age is checked here, once: waiting for FullStory does not make an event late.
        """
        if self._halts.is_halted(record.topic):
            return None
        try:
            outcomes = self._map(record)  # decode, map
        except PoisonRecord as error:
            failure = Failure.of(error)
            if not self._decode_failures.failed(record, failure):
                self._start_task(record, self._finish(_failed(record, failure)))
            return None
        except Exception as error:
            self._start_task(record, self._finish(_failed(record, _internal_error(error))))
            return None
        if outcomes is None:
            self._start_task(record, self._wait_for_schema(record))
        elif halting := _halting(outcomes):
            why = f"{halting.reason}: {halting.message} ({record.place})"
            self._halts.halt(halting.mapping, why, FIX_THE_MAPPING)
        elif outcomes:
            return self._build_record(record, outcomes, now_s)
        else:
            self._ports.observer.notify(RecordsFiltered(record.topic))
            self._settle(record, 0)
        return None

    def _settle(self, record: Record, events: int) -> None:
        self._ports.source.settle(record, events)  # settle; the source commits

    def _map(self, record: Record) -> Sequence[Outcome] | None:
        """Decode and map a record; None if its schema must be fetched first."""
        if record.value is None:
            return self._ports.tombstones(record.topic).map(record, None)
        decoded = self._ports.decoder.decode(record)
        if decoded is None:
            return None
        self._decode_failures.decoded(record.topic)
        return decoded.compiled.map(record, decoded.value, decoded.record_name)

    def _build_record(
        self, record: Record, outcomes: Sequence[Outcome], now_s: float
    ) -> RecordWork[R] | None:
        """Build the requests of a record, unless its rejections halt a mapping.

        Counting stops at the first mapping whose rejections exceed the threshold.
        """
        work: RecordWork[R] = RecordWork(record, [], [], [])
        for outcome in outcomes:
            built = self._build(record, check_age(outcome, now_s, self._ports.ages))
            if isinstance(built, Failure):
                exceeded = self._match_rejections.rejected(built)
                if exceeded is not None:
                    self._halt(exceeded, record)
                    return None
                work.failures.append(built)
                continue
            if isinstance(outcome, Event):
                self._match_rejections.passed(outcome.mapping)
            if isinstance(built, BuiltEvent):
                work.events.append(built)
            else:
                work.skipped.append(built)
        if work.events:
            return work
        self._start_task(record, self._finish(work))
        return None

    def _build(self, record: Record, outcome: Outcome) -> OutcomeWork[R]:
        """Turn an outcome into a request to send, a failure, or a skip."""
        match outcome:
            case Event(mapping, shadow=False):
                try:
                    return BuiltEvent(mapping, self._ports.build(outcome, record))  # build
                except PoisonRecord as error:
                    return Failure.of(error, mapping)
                except Exception as error:
                    return _internal_error(error, mapping)
            case Event(mapping):
                return MappingSkipped(mapping, "shadow")
            case MappingSkipped():
                return outcome
            case MappingRejected(mapping, reason, message, path):
                return Failure("map", reason, message, mapping, path)

    async def _finish(self, work: RecordWork[R]) -> None:
        """Do all the work of a record, then settle it.

        Once FullStory has answered one of its events, the record is finished even while its
        partition drains.
        """
        record, events, failures, skipped = work
        for skip in skipped:
            self._ports.observer.notify(EventSkipped(skip.mapping, skip.why))
        answered = delivered = False
        try:
            for event in events:
                result = await self._send(record, event, reserve=0 if answered else len(events))
                if isinstance(result, Failure):
                    failures.append(result)
                    self._count_refusal(record, result)
                delivered |= isinstance(result, Done)
                if not answered and (not isinstance(result, Failure) or result.stage == "send"):
                    answered = True
                    record.assignment.in_flight += 1
            for number, failure in enumerate(failures):
                await self._dead_letter(record, failure, must_finish=answered or number > 0)
            self._settle(record, len(events) if answered else 0)
        finally:
            record.assignment.in_flight -= answered
        outcome: RecordOutcome = (
            "dead_lettered" if failures else "sent" if delivered else "filtered"
        )
        self._facts.settled(record.topic, outcome)

    async def _send(
        self, record: Record, event: BuiltEvent[R], *, reserve: int
    ) -> Done | Skip | Failure:
        """Send one event until the decision is final; a refusal becomes a dead letter."""
        mapping, request = event
        sender, assignment = self._ports.sender, record.assignment
        try:
            if reserve:
                sending = sender.send_first(request, mapping, assignment, events=reserve)
            else:
                sending = sender.send_next(request, mapping, assignment)
            decision, tries = await sending  # send
        except AssignmentEnded:
            raise
        except Exception as error:
            return _internal_error(error, mapping)
        match decision:
            case Done():
                self._send_rejections.passed(mapping)
                self._facts.delivered(mapping, tries)
            case Skip(why):
                self._ports.observer.notify(EventSkipped(mapping, why))
            case Reject(why, status, code):
                message = "no answer came" if status is None else f"FullStory answered {status}"
                return Failure("send", why, message, mapping, status=status, code=code)
        return decision

    def _count_refusal(self, record: Record, failure: Failure) -> None:
        """Halt the mapping if FullStory refuses too many events; its topics send nothing more."""
        exceeded = self._send_rejections.rejected(failure)
        if exceeded is None:
            return
        self._halt(exceeded, record)
        for assignment in self._assignments:
            if self._halts.is_halted(assignment.topic):
                assignment.open = False

    def _halt(self, exceeded: RejectionRateExceeded, record: Record) -> None:
        fix = fix_for_rejections(exceeded.mapping, record.place)
        self._halts.halt(exceeded.mapping, exceeded.why, fix)

    async def _dead_letter(self, record: Record, failure: Failure, *, must_finish: bool) -> None:
        """Write a dead letter, with retries, until Kafka acknowledges it.

        Unless `must_finish`, it raises AssignmentEnded when the partition drains or the topic
        halts: whoever reads the record again writes the dead letter.
        """
        letter = dead_letter(record, failure, self._ports.dead_letter_context, self._ports.clock())
        with record.assignment.track(), self._dead_letter_outage.track_wait(id(record)):
            while must_finish or self._may_start(record):
                if await self._try_dead_letter(letter, id(record)):
                    break
                with self._ports.workers.release_slot():
                    await asyncio.sleep(RETRY_DELAY_S)
            else:
                raise AssignmentEnded
        self._ports.observer.notify(
            DeadLettered(failure.mapping, failure.stage, failure.reason, record.place)
        )

    def _may_start(self, record: Record) -> bool:
        return record.assignment.open and not self._halts.is_halted(record.topic)

    async def _try_dead_letter(self, letter: DeadLetter, record_id: int) -> bool:
        try:
            await self._ports.dead_letters.send(letter)
        except Unavailable as error:
            self._dead_letter_outage.begin_wait(str(error), record_id)
            return False
        return True

    async def _wait_for_schema(self, record: Record) -> None:
        """Fetch the record's schema, with retries, then start the record again."""
        try:
            fetched = await self._fetch_schema(record)
        except PoisonRecord as error:
            failure = Failure.of(error)
            if not self._decode_failures.failed(record, failure):
                await self._finish(_failed(record, failure))
            return
        if fetched:
            self._start_records([record], self._ports.clock())

    async def _fetch_schema(self, record: Record) -> bool:
        """Fetch the record's schema; False if its partition was revoked meanwhile."""
        with self._registry_outage.track_wait(id(record)):
            while record.assignment.open:
                try:
                    await self._ports.decoder.prepare(record)
                except Unavailable as error:
                    self._registry_outage.begin_wait(str(error), id(record))
                    await asyncio.sleep(RETRY_DELAY_S)
                else:
                    return True
        return False

    async def _run_worker(self, work: RecordWork[R]) -> None:
        """Finish a queued record; `_run_task` is inlined because this runs for each of them."""
        if not work.record.assignment.open:
            return
        try:
            await self._finish(work)
        except AssignmentEnded:
            return
        except Exception as error:
            await self._finish(_failed(work.record, _internal_error(error)))

    def _start_task(self, record: Record, coroutine: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(self._run_task(record, coroutine))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run_task(self, record: Record, coroutine: Coroutine[None, None, None]) -> None:
        try:
            await coroutine
        except AssignmentEnded:  # not settled: the partition's next owner reads it again
            return
        except Exception as error:
            await self._finish(_failed(record, _internal_error(error)))


def _halting(outcomes: Sequence[Outcome]) -> MappingRejected | None:
    """Return the outcome that asks for a halt, if any; then none of the outcomes is started."""
    for outcome in outcomes:
        if isinstance(outcome, MappingRejected) and outcome.halt:
            return outcome
    return None


def _failed(record: Record, failure: Failure) -> RecordWork[Any]:
    """A record that becomes a dead letter before any of its events is sent."""
    return RecordWork(record, [], [failure], [])


def _internal_error(error: Exception, mapping: str | None = None) -> Failure:
    """A bug in the bridge: the record becomes a dead letter and the others continue."""
    return Failure("map", "internal_error", f"the bridge failed: {type(error).__name__}", mapping)
