"""The dependencies of the pipeline, as Protocols.

Invariants: this module imports no implementation with network I/O. `app/bridge.py` passes the real
implementations in; tests and the replay dry run pass fakes.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from bridge.delivery.dead_letter import DeadLetter, DeadLetterContext
from bridge.delivery.decision import Done, Reject, Skip
from bridge.delivery.decode_failures import FormatGuess
from bridge.delivery.halts import HaltedTopic, Mappings, Topics
from bridge.delivery.rejection_rate import RejectionThreshold
from bridge.mapping.runtime.event_age import AgeLimits
from bridge.mapping.runtime.outcome import Event, Outcome
from bridge.observer import Observer
from bridge.records import Assignment, Message, Record
from bridge.workers import Workers

R = TypeVar("R")
R_contra = TypeVar("R_contra", contravariant=True)

SelectRecords = Callable[[str, Sequence[Message]], Sequence[int]]
"""Takes a topic and its messages; returns the indexes of those that a mapping may match.

The others are skipped. The poll thread calls it, so it never blocks and never raises.
"""


def none_skipped(_: str) -> int:
    """How many records of a topic are skipped without a prefilter."""
    return 0


Clock = Callable[[], float]
"""Returns the current time in seconds since 1970."""


class Source(Protocol):
    """Polls records, tracks them and commits their offsets."""

    def __aiter__(self) -> AsyncIterator[list[Record]]:
        """Yield batches of tracked records."""
        ...

    def settle(self, record: Record, events: int) -> None:
        """Mark a record as done; `events` is how many of its events were started."""
        ...

    def halt(self, topics: Topics) -> None:
        """Stop reading these topics; records that were read but not started stay unsettled."""
        ...


class Mapper(Protocol):
    """The mappings of a topic, compiled for one schema."""

    def map(
        self, record: Record, value: object | None, record_name: str | None = None
    ) -> Sequence[Outcome]:
        """Return the outcomes of a record."""
        ...


class Decoded(Protocol):
    """A decoded value and the mappings compiled for its schema."""

    @property
    def compiled(self) -> Mapper:
        """The mappings, compiled for the schema of the value."""
        ...

    @property
    def value(self) -> object:
        """The raw value."""
        ...

    @property
    def record_name(self) -> str | None:
        """The full name of the Avro record."""
        ...


class Decoder(Protocol):
    """Decodes values with their writer schemas."""

    def decode(self, record: Record) -> Decoded | None:
        """Return the value; None if `prepare` must fetch its schema first."""
        ...

    async def prepare(self, record: Record) -> None:
        """Fetch the schema that `decode` needs."""
        ...

    def guess_format(self, record: Record) -> FormatGuess:
        """Say what the value of a record that cannot be decoded looks like."""
        ...


class Sender(Protocol[R_contra]):
    """Sends a request, with retries, until the decision is final."""

    def send_first(
        self, request: R_contra, mapping: str, assignment: Assignment, *, events: int
    ) -> Awaitable[tuple[Done | Skip | Reject, int]]:
        """Send the first of a record's `events`; return the final decision and the tries.

        Raises:
            AssignmentEnded: the partition was revoked before the event was answered.
        """
        ...

    def send_next(
        self, request: R_contra, mapping: str, assignment: Assignment
    ) -> Awaitable[tuple[Done | Skip | Reject, int]]:
        """Send a further event of a record, even while its partition drains."""
        ...


class DeadLetterWriter(Protocol):
    """Writes dead letters."""

    async def send(self, dead_letter: DeadLetter) -> None:
        """Return once Kafka has acknowledged the dead letter."""
        ...


@dataclass(frozen=True, slots=True)
class Ports(Generic[R]):
    """Everything that the pipeline depends on.

    `dead_letter_context` is written into dead letters. `mappings` tells which topics a halt
    concerns, `rejection_threshold` when a mapping is halted, and `ages` when an event is late or
    too old. `workers` send the events. `halted_topics` are halted from the start. `skipped`
    returns how many records of a topic never get here, because no mapping matches them.
    """

    source: Source
    decoder: Decoder
    tombstones: Callable[[str], Mapper]
    build: Callable[[Event, Record], R]
    sender: Sender[R]
    dead_letters: DeadLetterWriter
    observer: Observer
    dead_letter_context: DeadLetterContext
    clock: Clock
    mappings: Mappings
    rejection_threshold: RejectionThreshold
    ages: AgeLimits
    workers: Workers[Any] = field(default_factory=Workers)
    halted_topics: Sequence[HaltedTopic] = ()
    skipped: Callable[[str], int] = none_skipped
