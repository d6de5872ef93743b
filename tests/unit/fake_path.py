"""Fakes of the pipeline's ports: source, decoder, builder, sender and dead-letter writer."""

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

from bridge.delivery.dead_letter import DeadLetter, DeadLetterContext
from bridge.delivery.decision import Done, Reject, Skip
from bridge.delivery.decode_failures import FormatGuess
from bridge.delivery.halts import HaltedTopic
from bridge.delivery.rejection_rate import NEVER_EXCEEDED, RejectionThreshold
from bridge.errors import PoisonRecord, Unavailable
from bridge.mapping.runtime.event_age import AgeLimits
from bridge.mapping.runtime.outcome import (
    Event,
    MappingSkipped,
    Outcome,
    Recent,
    Session,
)
from bridge.mapping.runtime.plan import Plan
from bridge.observer import (
    Fact,
    HaltedScope,
)
from bridge.pipeline import Pipeline
from bridge.ports import Ports
from bridge.records import Assignment, AssignmentEnded, Record
from tests.unit.virtual_time import settle_down

OWNERS = {"BAD": "the shop team", "LARGE": "the team of LARGE", "t": "the team of t"}
POISON = PoisonRecord("cut off", stage="decode", reason="truncated", path="a.b", byte_offset=9)


class Value(NamedTuple):
    """A decoded value whose mappings return the outcomes given by the test."""

    outcomes: Sequence[Outcome] | Exception
    value: object = "value"
    record_name: str | None = "n.Rec"

    @property
    def compiled(self) -> Plan:
        """Itself: only `map` is called."""
        return cast("Plan", self)

    def map(self, _record: Record, _value: object, _name: str | None = None) -> Sequence[Outcome]:
        """Return the given outcomes, or raise the given error."""
        if isinstance(self.outcomes, Exception):
            raise self.outcomes
        return self.outcomes


@dataclass
class FakePorts:
    """Implements every port; `log` lists what happened, in order."""

    values: dict[int, Value | Exception | None] = field(default_factory=dict)
    registry: list[Exception | Value] = field(default_factory=list)
    answers: dict[str, Done | Skip | Reject | Exception] = field(default_factory=dict)
    refused_writes: int = 0
    send_takes_s: float = 1.0
    now_s: float = 1_795_515_300.0
    log: list[str] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    settled: list[tuple[int, int]] = field(default_factory=list)
    halted: list[Callable[[str], bool]] = field(default_factory=list)
    known_mappings: list[str] = field(default_factory=lambda: ["t", "other"])

    reserved: dict[str, int] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    rejection_threshold: RejectionThreshold = NEVER_EXCEEDED
    halted_topics: Sequence[HaltedTopic] = ()
    skipped: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.assignment = Assignment("t", 0)
        self.batches: asyncio.Queue[list[Record] | Exception | None] = asyncio.Queue()
        self.ports = Ports(
            source=self,
            decoder=self,
            tombstones=lambda _: cast("Plan", Value([MappingSkipped("deleted", "a tombstone")])),
            build=self.build,
            sender=cast("Any", _FakeSender(self.send_event)),
            dead_letters=cast("Any", _Method(self.write_dead_letter)),
            observer=self,
            dead_letter_context=DeadLetterContext("group", OWNERS),
            clock=lambda: self.now_s,
            mappings=self,
            rejection_threshold=self.rejection_threshold,
            ages=AgeLimits(1800, None),
            halted_topics=self.halted_topics,
            skipped=lambda topic: self.skipped.get(topic, 0),
        )
        self.pipeline = asyncio.create_task(Pipeline(self.ports).run())

    def record(self, offset: int = 0, value: bytes | None = b"v", topic: str = "t") -> Record:
        """Return a record at an offset."""
        timestamp_ms = 1_795_515_300_000
        return Record(topic, 0, offset, timestamp_ms, b"k", value, self.assignment)

    async def poll(self, *records: Record) -> None:
        """Deliver records from Kafka, and run everything that does not wait."""
        self.batches.put_nowait(list(records))
        await settle_down()

    async def __aiter__(self) -> AsyncIterator[list[Record]]:
        while (batch := await self.batches.get()) is not None:
            if isinstance(batch, Exception):
                raise batch
            yield batch

    def settle(self, record: Record, events: int) -> None:
        """Record a settle."""
        self.log.append(f"settled {record.offset}")
        self.settled.append((record.offset, events))

    def topics_of(self, mapping: str) -> Callable[[str], bool]:
        """The topics whose name starts with the mapping's name."""
        return lambda topic: topic.startswith(mapping)

    def scope_of(self, mapping: str) -> str:
        """A description of these topics; `t` and `twin` have the same one."""
        return f"the topics of {mapping.removesuffix('win')}"

    def covers_all_topics(self, mappings: Collection[str], topics: Collection[str] = ()) -> bool:
        """Whether these are all mappings; a topic named like a mapping covers it."""
        return set(self.known_mappings) <= {*mappings, *topics}

    def halt(self, topics: Callable[[str], bool]) -> None:
        """Record which topics are halted."""
        self.halted.append(topics)

    def decode(self, record: Record) -> Value | None:
        """Return the value, raise an error, or return None if the schema is missing."""
        value = self.values[record.offset]
        if isinstance(value, Exception):
            raise value
        return value

    async def prepare(self, record: Record) -> None:
        """Take the next answer of the registry."""
        answer = self.registry.pop(0)
        if isinstance(answer, Exception):
            raise answer
        self.values[record.offset] = answer

    def guess_format(self, _record: Record) -> FormatGuess:
        """Say that everything looks like JSON."""
        return FormatGuess("JSON", "write Avro")

    def build(self, event: Event, _record: Record) -> str:
        """Return the event's name as the request; `large` cannot be built."""
        if event.name == "large":
            raise PoisonRecord("too large", stage="build", reason="value_too_large")
        self.sessions[event.name] = event.session
        return event.name

    async def send_event(
        self, request: str, mapping: str, assignment: Assignment, *, events: int
    ) -> tuple[Done | Skip | Reject, int]:
        """Answer after `send_takes_s`."""
        self.log.append(f"sending {request}")
        self.reserved[request] = events
        if events and not assignment.open:
            raise AssignmentEnded
        await asyncio.sleep(self.send_takes_s)
        answer = self.answers.get(request, Done())
        if isinstance(answer, Exception):
            raise answer
        self.log.append(f"sent {request} of {mapping}")
        return answer, 1

    async def write_dead_letter(self, letter: DeadLetter) -> None:
        """Acknowledge a dead letter, after `refused_writes` refusals."""
        await asyncio.sleep(0.1)
        if self.refused_writes:
            self.refused_writes -= 1
            raise Unavailable("not now")
        self.dead_letters.append(letter)
        self.log.append(f"dead letter {letter.failure.reason}")

    def notify(self, fact: Fact) -> None:
        """Record a fact."""
        self.facts.append(fact)

    @property
    def halts(self) -> list[HaltedScope]:
        """The halts so far."""
        return [fact for fact in self.facts if isinstance(fact, HaltedScope)]

    def facts_of(self, kind: type[Fact]) -> list[Fact]:
        """The facts of one kind."""
        return [fact for fact in self.facts if isinstance(fact, kind)]


class _FakeSender:
    """A sender whose two methods share one implementation: a further event has `events=0`."""

    def __init__(self, send: Callable[..., object]) -> None:
        self.send_first = send
        self.send_next = functools.partial(send, events=0)


class _Method:
    """An object with one method, `send`."""

    def __init__(self, send: Callable[..., object]) -> None:
        self.send = send


def event(name: str, *, shadow: bool = False) -> Event:
    """An event; its mapping has the same name in capitals."""
    return Event(name.upper(), "u1", name, "2026-11-24T10:15:00.000Z", Recent(), (), shadow=shadow)
